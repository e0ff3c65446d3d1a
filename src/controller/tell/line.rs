//! Lines: those who listen to the same are told one thing after the other, whoever listens to something else is told meanwhile.

use std::{collections::HashMap, hash::Hash, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio_util::task::TaskTracker;

/// What may wait in one line; more is dropped.
const BACKLOG: usize = 64;
/// How long a line waits for more before it goes.
const IDLE: Duration = Duration::from_secs(60);

/// Tells one thing.
type Tell<T> = Arc<dyn Fn(T) -> BoxFuture<'static, ()> + Send + Sync>;

/// Bounded lines, each with a task of its own while there is something in it.
pub(super) struct Lines<K, T> {
    tell: Tell<T>,
    lines: HashMap<K, mpsc::Sender<T>>,
    tasks: TaskTracker,
}

impl<K: Eq + Hash, T: Send + 'static> Lines<K, T> {
    /// No line yet.
    pub(super) fn new(tell: impl Fn(T) -> BoxFuture<'static, ()> + Send + Sync + 'static) -> Self {
        Lines { tell: Arc::new(tell), lines: HashMap::new(), tasks: TaskTracker::new() }
    }

    /// Puts something at the end of a line; false if too much waits there.
    pub(super) fn push(&mut self, key: K, mut what: T) -> bool {
        if let Some(line) = self.lines.get(&key) {
            match line.try_send(what) {
                Ok(()) => return true,
                Err(TrySendError::Full(_)) => return false,
                // Its task just went to rest.
                Err(TrySendError::Closed(left)) => what = left,
            }
        }
        self.lines.retain(|_, line| !line.is_closed());
        let line = self.open();
        let sent = line.try_send(what).is_ok();
        self.lines.insert(key, line);
        sent
    }

    /// Waits until all that is in the lines has been told.
    pub(super) async fn empty(self) {
        drop(self.lines);
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn open(&self) -> mpsc::Sender<T> {
        let (sender, mut receiver) = mpsc::channel(BACKLOG);
        let tell = self.tell.clone();
        self.tasks.spawn(async move {
            while let Ok(Some(what)) = tokio::time::timeout(IDLE, receiver.recv()).await {
                tell(what).await;
            }
            // Whoever comes from now on opens another line; what came in this instant is told still.
            receiver.close();
            while let Some(what) = receiver.recv().await {
                tell(what).await;
            }
        });
        sender
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    type Told = Arc<Mutex<Vec<(char, usize)>>>;

    /// Lines that hang for an hour at `a`, and take a second for everything else.
    fn lines() -> (Lines<char, (char, usize)>, Told) {
        let told = Told::default();
        let record = told.clone();
        let lines = Lines::new(move |(key, number)| {
            let record = record.clone();
            Box::pin(async move {
                tokio::time::sleep(Duration::from_secs(if key == 'a' { 3600 } else { 1 })).await;
                record.lock().unwrap().push((key, number));
            })
        });
        (lines, told)
    }

    #[tokio::test(start_paused = true)]
    async fn one_line_is_in_order_and_holds_no_other_up() {
        let (mut lines, told) = lines();
        for number in 0..3 {
            assert!(lines.push('a', ('a', number)) && lines.push('b', ('b', number)));
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(*told.lock().unwrap(), [('b', 0), ('b', 1), ('b', 2)]);
        lines.empty().await;
        assert_eq!(told.lock().unwrap()[3..], [('a', 0), ('a', 1), ('a', 2)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_has_an_end() {
        let (mut lines, _) = lines();
        let taken = (0..2 * BACKLOG).filter(|number| lines.push('a', ('a', *number))).count();
        assert_eq!(taken, BACKLOG);
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_without_anything_goes_and_is_opened_again() {
        let (mut lines, told) = lines();
        lines.push('b', ('b', 0));
        tokio::time::sleep(IDLE * 2).await;
        assert!(lines.tasks.is_empty(), "nothing of it is left");
        lines.push('c', ('c', 0));
        assert_eq!(lines.lines.keys().collect::<Vec<_>>(), [&'c'], "it is forgotten");
        lines.push('b', ('b', 1));
        lines.empty().await;
        assert_eq!(*told.lock().unwrap(), [('b', 0), ('c', 0), ('b', 1)]);
    }
}
