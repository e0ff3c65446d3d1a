//! How many requests are under way: few to one server, so that it is not flooded, and a bounded number in all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Names that are remembered before those that nobody holds anything of are forgotten: they come from users.
const REMEMBERED: usize = 1024;

/// A bounded number for each name.
#[derive(Debug)]
pub struct Shares {
    each: usize,
    names: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// What was taken of the share of a name, until this is dropped.
#[derive(Debug)]
pub struct Share {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Shares {
    /// So many for each name.
    pub fn new(each: usize) -> Self {
        Shares { each, names: Mutex::default() }
    }

    /// Waits for a share of a name, in the order of coming.
    pub async fn of(&self, name: &str) -> Share {
        let share = self.all_of(name);
        // An error says that somebody closed them, which nobody does.
        Share { _permit: share.acquire_owned().await.ok() }
    }

    fn all_of(&self, name: &str) -> Arc<Semaphore> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= REMEMBERED && !names.contains_key(name) {
            names.retain(|_, share| Arc::strong_count(share) > 1 || share.available_permits() < self.each);
        }
        names.entry(name.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.each))).clone()
    }
}

/// Places at servers. Whoever has to wait gets its turn in the order of coming, and waits as long as it takes: a queue of ours is
/// no answer of the server.
#[derive(Debug)]
pub struct Places {
    all: Arc<Semaphore>,
    servers: Shares,
}

/// A request that may go out, until this is dropped.
#[derive(Debug)]
pub struct Place {
    _server: Share,
    _all: Option<OwnedSemaphorePermit>,
}

impl Places {
    /// So many requests at once to each server, and so many in all.
    pub fn new(each: usize, all: usize) -> Self {
        Places { all: Arc::new(Semaphore::new(all)), servers: Shares::new(each) }
    }

    /// Waits for a place at a server, `host:port`, and only then for one of all: a server that hangs holds nobody else up while
    /// others wait for it.
    pub async fn at(&self, server: &str) -> Place {
        let _server = self.servers.of(server).await;
        Place { _server, _all: self.all.clone().acquire_owned().await.ok() }
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
        assert!(places.servers.names.lock().unwrap().len() <= REMEMBERED);
        assert!(places.at("held:80").now_or_never().is_none());
    }
}
