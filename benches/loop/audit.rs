//! The calls that Sluice made, counted from the API server's audit log.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

/// A place in the log from which on calls are counted.
pub(crate) struct Window {
    log: PathBuf,
    offset: u64,
}

/// Calls by verb and kind, such as `patch canaries/status`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls(pub(crate) BTreeMap<String, usize>);

impl Window {
    pub(crate) fn open(log: PathBuf) -> Window {
        let offset = log.metadata().map_or(0, |metadata| metadata.len());
        Window { log, offset }
    }

    /// What was called since the window was opened. The log is written a little later than the answers.
    pub(crate) async fn calls(&self) -> Calls {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut file = std::fs::File::open(&self.log).unwrap();
        file.seek(SeekFrom::Start(self.offset)).unwrap();
        let mut calls = Calls::default();
        for line in BufReader::new(file).lines() {
            let Ok(event) = serde_json::from_str::<Value>(&line.unwrap()) else { continue };
            let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            // A watch counts when it begins.
            let counted = if text("/verb") == "watch" { "ResponseStarted" } else { "ResponseComplete" };
            if text("/stage") != counted {
                continue;
            }
            let part = match text("/objectRef/subresource") {
                "" => String::new(),
                part => format!("/{part}"),
            };
            *calls
                .0
                .entry(format!("{} {}{part}", text("/verb"), text("/objectRef/resource")))
                .or_default() += 1;
        }
        calls
    }
}

impl Calls {
    /// How many calls there are that this fits.
    fn count(&self, fits: impl Fn(&str) -> bool) -> usize {
        self.0.iter().filter(|(call, _)| fits(call)).map(|(_, count)| count).sum()
    }

    /// Events that were written.
    pub(crate) fn events(&self) -> usize {
        self.count(|call| call.ends_with(" events"))
    }

    /// All calls for the sake of Canaries: without events, renewals of the lease, and watches that end by themselves and begin anew.
    pub(crate) fn work(&self) -> usize {
        self.count(|call| {
            !call.ends_with(" events") && !call.ends_with(" leases") && !call.starts_with("watch ")
        })
    }

    /// Everything, the lease apart.
    pub(crate) fn all(&self) -> usize {
        self.count(|call| !call.ends_with(" leases"))
    }
}
