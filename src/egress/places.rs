//! How many requests are under way: few to one server, so that it is not flooded, and a bounded number in all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Servers that are remembered before those that nobody is asking are forgotten: addresses come from users.
const REMEMBERED: usize = 1024;

/// Places at servers. Whoever has to wait gets its turn in the order of coming, and waits as long as it takes: a queue of ours is
/// no answer of the server.
#[derive(Debug)]
pub struct Places {
    each: usize,
    all: Arc<Semaphore>,
    servers: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// A request that may go out, until this is dropped.
#[derive(Debug)]
pub struct Place {
    _server: Option<OwnedSemaphorePermit>,
    _all: Option<OwnedSemaphorePermit>,
}

impl Places {
    /// So many requests at once to each server, and so many in all.
    pub fn new(each: usize, all: usize) -> Self {
        Places { each, all: Arc::new(Semaphore::new(all)), servers: Mutex::default() }
    }

    /// Waits for a place at a server, `host:port`, and only then for one of all: a server that hangs holds nobody else up while
    /// others wait for it.
    pub async fn at(&self, server: &str) -> Place {
        // An error says that somebody closed them, which nobody does.
        let _server = self.of(server).acquire_owned().await.ok();
        Place { _server, _all: self.all.clone().acquire_owned().await.ok() }
    }

    fn of(&self, server: &str) -> Arc<Semaphore> {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if servers.len() >= REMEMBERED && !servers.contains_key(server) {
            servers
                .retain(|_, places| Arc::strong_count(places) > 1 || places.available_permits() < self.each);
        }
        servers.entry(server.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.each))).clone()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn those_who_wait_for_a_server_that_hangs_take_no_place_from_others() {
        let places = Places::new(2, 3);
        let (_one, _two) = (places.at("slow:80").await, places.at("slow:80").await);
        let mut third = Box::pin(places.at("slow:80"));
        assert!(third.as_mut().now_or_never().is_none(), "slow has two already");
        let fast = places.at("fast:80").now_or_never();
        assert!(fast.is_some(), "the one who waits holds no place of all");
        assert!(places.at("other:80").now_or_never().is_none(), "three in all");
        drop(fast);
        assert!(places.at("other:80").now_or_never().is_some());
    }

    #[tokio::test]
    async fn servers_that_nobody_asks_are_forgotten_and_others_keep_their_count() {
        let places = Places::new(1, REMEMBERED * 2);
        let _held = places.at("held:80").await;
        for number in 0..REMEMBERED * 2 {
            places.at(&format!("server-{number}:80")).await;
        }
        assert!(places.servers.lock().unwrap().len() <= REMEMBERED);
        assert!(places.at("held:80").now_or_never().is_none());
    }
}
