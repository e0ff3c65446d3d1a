//! The API server's audit log: who asked for what in a window of time. Only a bed of our own has one to read.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::bed;

/// A place in the log from which on calls are read.
#[derive(Debug)]
pub(crate) struct Window {
    log: PathBuf,
    offset: u64,
    from: Timestamp,
}

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) at: Timestamp,
    pub(crate) user: String,
    pub(crate) verb: String,
    /// Kind in plural, with `/subresource` if there is one.
    pub(crate) resource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// Opens a window now; `None` where no audit log can be read.
pub(crate) fn open() -> Option<Window> {
    let log = bed::bed().audit_log()?.to_owned();
    let offset = log.metadata().ok()?.len();
    Some(Window { log, offset, from: Timestamp::now() })
}

impl Window {
    /// Calls that were received since the window was opened, a watch once, when it began. The log is written a little
    /// later than the answers.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::thread::sleep(Duration::from_secs(1));
        let mut file = std::fs::File::open(&self.log).unwrap();
        // A log that was rotated meanwhile is read whole: the times tell what counts.
        let length = file.metadata().unwrap().len();
        file.seek(SeekFrom::Start(if length < self.offset { 0 } else { self.offset })).unwrap();
        let lines = BufReader::new(file).lines().map_while(Result::ok);
        lines.filter_map(|line| read(&line)).filter(|call| call.at >= self.from).collect()
    }
}

fn read(line: &str) -> Option<Call> {
    let event: Value = serde_json::from_str(line).ok()?;
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let verb = text("/verb");
    let counted = if verb == "watch" { "ResponseStarted" } else { "ResponseComplete" };
    if text("/stage") != counted {
        return None;
    }
    let mut resource = text("/objectRef/resource");
    let sub = text("/objectRef/subresource");
    if !sub.is_empty() {
        resource = format!("{resource}/{sub}");
    }
    Some(Call {
        at: text("/requestReceivedTimestamp").parse().ok()?,
        user: text("/user/username"),
        verb,
        resource,
        namespace: text("/objectRef/namespace"),
        name: text("/objectRef/name"),
    })
}

/// How often each kind of call was made, for people.
pub(crate) fn summary<'a>(calls: impl IntoIterator<Item = &'a Call>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in calls {
        *counts.entry(format!("{} {}", call.verb, call.resource)).or_default() += 1;
    }
    counts
}
