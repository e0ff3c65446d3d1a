//! Whether a Service has somebody to answer, looked at again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use super::api;

const PAUSE: Duration = Duration::from_millis(50);

/// How many endpoints of a Service are ready now.
pub(crate) fn ready(namespace: &str, service: &str) -> usize {
    let slices = api::list("endpointslices", namespace);
    let of_service =
        slices.iter().filter(|slice| slice["metadata"]["labels"]["kubernetes.io/service-name"] == service);
    let endpoints = of_service.filter_map(|slice| slice["endpoints"].as_array()).flatten();
    endpoints.filter(|endpoint: &&Value| endpoint["conditions"]["ready"] == true).count()
}

/// A look at a Service every now and then.
#[derive(Debug)]
pub(crate) struct Looks {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    over: AtomicBool,
    all: AtomicUsize,
    without: AtomicUsize,
}

impl Looks {
    /// Looks from now on.
    pub(crate) fn at(namespace: &str, service: &str) -> Self {
        let shared = Arc::new(Shared::default());
        let (writer, namespace, service) = (Arc::clone(&shared), namespace.to_owned(), service.to_owned());
        let thread = std::thread::spawn(move || {
            while !writer.over.load(Ordering::Relaxed) {
                if ready(&namespace, &service) == 0 {
                    writer.without.fetch_add(1, Ordering::Relaxed);
                }
                writer.all.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(PAUSE);
            }
        });
        Looks { shared, thread: Some(thread) }
    }

    /// Ends them: how many there were, and how many of them saw no ready endpoint.
    pub(crate) fn stop(mut self) -> (usize, usize) {
        self.end();
        (self.shared.all.load(Ordering::Relaxed), self.shared.without.load(Ordering::Relaxed))
    }

    fn end(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Drop for Looks {
    fn drop(&mut self) {
        self.end();
    }
}
