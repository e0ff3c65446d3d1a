//! Metric servers: one file a kind turns a question into a request and an answer into a sample. Nothing is sent here;
//! the `providers` room does that, within limits.
//!
//! A new kind is a file beside this and a line in [`SERVERS`]: planner, gate, sending, documents and the tests of all
//! failures follow from the list.

mod answer;
mod cloudwatch;
mod credentials;
mod datadog;
mod error;
mod graphite;
mod newrelic;
mod point;
mod prometheus;
mod request;
mod settings;
mod signature;

use jiff::Timestamp;

use super::check::Check;
use super::verdict::Sample;
use crate::api::MetricProviderType;

pub use answer::Answer;
pub use credentials::Credentials;
pub use error::ServerError;
pub use request::Request;
pub(super) use settings::is_url;
pub use settings::{Endpoint, SettingsError, endpoint, problems};

/// All kinds of metric servers that can be asked.
pub static SERVERS: &[&dyn Server] = &[
    &prometheus::Prometheus,
    &datadog::Datadog,
    &cloudwatch::CloudWatch,
    &newrelic::NewRelic,
    &graphite::Graphite,
];

/// Key of a Secret whose certificates are trusted beside those of the machine, whatever the kind of server.
pub const CA: &str = "ca.crt";

/// How one kind of metric server is spoken to. Implementations hold no state and send nothing.
pub trait Server: Sync {
    /// The kind of server.
    fn kind(&self) -> MetricProviderType;
    /// What it needs of a MetricTemplate.
    fn needs(&self) -> Needs;
    /// Where it is asked when the template names no address; none if one has to be named.
    fn address(&self, region: &str) -> Option<String>;
    /// What is sent for a question.
    fn request(&self, question: &Question<'_>) -> Result<Request, ServerError>;
    /// What the answer to a question says.
    fn sample(&self, answer: &Answer, question: &Question<'_>) -> Result<Sample, ServerError>;
}

/// What a kind of server needs of a MetricTemplate.
#[derive(Debug, Clone, Copy)]
pub struct Needs {
    /// Whether `provider.region` has to be set.
    pub region: bool,
    /// Whether `provider.secretRef` has to be set.
    pub secret: Need,
    /// Keys of the Secret that belong together; of several such sets the first that the Secret holds is used.
    pub keys: &'static [&'static [&'static str]],
    /// Which of the answer's numbers is judged, for the documents.
    pub value: &'static str,
}

/// Whether a Secret is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The server may be asked without.
    Optional,
    /// Nothing can be asked without.
    Required,
    /// Without one, the identity that the cluster gives to Sluice's pods is used.
    Ambient,
}

/// One question to a server.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What is asked, and where.
    pub check: &'a Check,
    /// What the Secret held when the question was asked; empty if there is none.
    pub credentials: &'a Credentials,
    /// When it is asked.
    pub now: Timestamp,
}

impl Question<'_> {
    /// The window of the check in whole seconds, at least 1.
    fn window(&self) -> i64 {
        super::interval::seconds(&self.check.interval).unwrap_or(60)
    }

    /// The time at which to begin where values come late, or stand for longer than the window: 10 windows ago, as the
    /// peer has it.
    fn begin(&self) -> i64 {
        self.now.as_second().saturating_sub(self.window().saturating_mul(10))
    }
}

/// The server of a kind; none if it cannot be asked yet.
pub fn server(kind: MetricProviderType) -> Option<&'static dyn Server> {
    SERVERS.iter().copied().find(|server| server.kind() == kind)
}

/// The kinds that can be asked, as a sentence has them: `a, b or c`.
pub fn known() -> String {
    let names: Vec<&str> = SERVERS.iter().map(|server| server.kind().as_str()).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// A foreign text as it may stand in a message: one line, not too long.
fn shown(text: &str) -> String {
    /// Longest text of a server that is shown, in characters.
    const LONGEST: usize = 300;
    let line: String =
        text.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).take(LONGEST).collect();
    if text.chars().nth(LONGEST).is_some() { line + "…" } else { line }
}

#[cfg(test)]
mod tests;
