//! What a hook asks for: the body of a call, read.

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;

/// Longest command line in bytes.
const LINE: usize = 4096;
/// Longest name of a Canary or a namespace.
const NAME: usize = 253;

/// A Canary, as a hook or a person names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub(super) struct Subject {
    namespace: String,
    name: String,
}

impl Subject {
    /// The namespace that it names, which may be anything.
    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    fn check(&self) -> Result<(), TaskError> {
        let good = |text: &str| {
            let sign =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
            !text.is_empty() && text.len() <= NAME && text.bytes().all(sign)
        };
        if good(&self.name) && good(&self.namespace) { Ok(()) } else { Err(TaskError::Subject) }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.name, self.namespace)
    }
}

/// The part of a hook's payload that is read.
#[derive(Debug, Deserialize)]
struct Payload {
    #[serde(flatten)]
    subject: Subject,
    #[serde(default)]
    checksum: String,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

/// A load that a hook asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Task {
    /// The Canary that it is for.
    pub(super) subject: Subject,
    /// The revision that it is for.
    pub(super) checksum: String,
    /// The command line.
    pub(super) cmd: String,
    /// Whether the answer waits for the end of the load.
    pub(super) wait: bool,
}

/// Why a body is no task, or names no Canary.
#[derive(Debug, thiserror::Error)]
pub(super) enum TaskError {
    /// It is no JSON, or other JSON.
    #[error("the body is not what a hook sends ({0}); it is JSON with name, namespace and metadata")]
    Body(#[from] serde_json::Error),
    /// A name that none can have.
    #[error("name and namespace have to be those of a Canary")]
    Subject,
    /// A type of task that starts programs.
    #[error(
        "a task of type {0} starts a program, and this load tester starts none; it takes type cmd with a `hey` command line, other tests run in a server of your own that a hook names"
    )]
    Type(String),
    /// No command line.
    #[error("metadata has no cmd; write cmd: hey -z 1m -q 10 -c 2 http://<service>.<namespace>/")]
    NoLine,
    /// One that is too long.
    #[error("cmd is longer than {LINE} bytes")]
    LongLine,
}

/// The Canary that a body names.
pub(super) fn subject(body: &[u8]) -> Result<Subject, TaskError> {
    let subject: Subject = serde_json::from_slice(body)?;
    subject.check()?;
    Ok(subject)
}

/// The load that a body asks for.
pub(super) fn task(body: &[u8]) -> Result<Task, TaskError> {
    let mut payload: Payload = serde_json::from_slice(body)?;
    payload.subject.check()?;
    if let Some(other) = payload.metadata.remove("type").filter(|name| name != "cmd") {
        // Cut: it comes back in an event.
        return Err(TaskError::Type(other.chars().take(40).collect()));
    }
    let cmd = payload.metadata.remove("cmd").ok_or(TaskError::NoLine)?;
    if cmd.len() > LINE {
        return Err(TaskError::LongLine);
    }
    let wait = payload.metadata.get("wait").is_some_and(|wait| wait == "true");
    Ok(Task { subject: payload.subject, checksum: payload.checksum, cmd, wait })
}
