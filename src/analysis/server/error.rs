//! Why a metric server could not be asked or its answer not be used. Messages name the server without credentials and
//! never repeat headers, Secrets or foreign pages.

use crate::api::MetricProviderType;

/// A question that brought no sample, for a reason that lies in the question or in the answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ServerError {
    /// Choosing the server of a check.
    #[error("metric provider {kind} is not supported yet; use {known}", known = super::known())]
    NotSupported {
        /// The kind that was asked for.
        kind: MetricProviderType,
    },
    /// Reading the server's address.
    #[error("the address of the metrics server is no URL ({0}); write http://host:port or https://host:port")]
    Address(String),
    /// Reading the headers of a MetricTemplate.
    #[error("the header '{name}' cannot be sent: {reason}; correct provider.headers")]
    Header {
        /// Name of the header; its value may be a secret.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Reading a query that has a form of its own.
    #[error("the query is no {what}; correct the query of the MetricTemplate")]
    Query {
        /// What it should be, and where it is not.
        what: String,
    },
    /// Credentials that are missing.
    #[error("{holder} has no {keys}; add what is missing, it is read anew with each question")]
    NoKey {
        /// The Secret, or where else credentials were looked for.
        holder: String,
        /// The keys that would do.
        keys: String,
    },
    /// Credentials that cannot be sent.
    #[error("the value of '{key}' in {holder} cannot be sent: it is no plain text of one line; correct it")]
    Key {
        /// The Secret, or where else credentials were looked for.
        holder: String,
        /// The key.
        key: String,
    },
    /// The server does not accept the credentials, or there are none.
    #[error("{host} refused access (status {status}); check that {holder} holds credentials that may query")]
    Denied {
        /// The server.
        host: String,
        /// HTTP status.
        status: u16,
        /// The Secret, or where else credentials come from.
        holder: String,
    },
    /// The server has been asked too often.
    #[error("{host} is asked too often (status 429){wait}; use longer intervals or raise its limit", wait = .after.as_ref().map(|after| format!(" and says to wait {after}")).unwrap_or_default())]
    TooMany {
        /// The server.
        host: String,
        /// How long it says to wait, if it does.
        after: Option<String>,
    },
    /// The server understood and refused.
    #[error("{host} refused the query: {reason}")]
    Refused {
        /// The server.
        host: String,
        /// Its own words, shortened.
        reason: String,
    },
    /// The server answered with an error of its own form.
    #[error("{host} answered with status {status}; check the address and its access rights")]
    Status {
        /// The server.
        host: String,
        /// HTTP status.
        status: u16,
    },
    /// The server has trouble of its own.
    #[error("{host} answered with status {status}; look at the server, or at what stands before it")]
    Trouble {
        /// The server.
        host: String,
        /// HTTP status, 500 or above.
        status: u16,
    },
    /// Reading an answer that is not of the API's form.
    #[error(
        "{host} gave no answer of the {kind} API ({cause}); check that the address is that of a {kind} server"
    )]
    Malformed {
        /// The server.
        host: String,
        /// The API that was expected.
        kind: MetricProviderType,
        /// Where the answer leaves the form; never its content.
        cause: String,
    },
    /// Reading a range vector: many values over time instead of one.
    #[error(
        "the query gives a range of values; remove the range selector, or apply rate() or an …_over_time() function"
    )]
    Range,
    /// Reading several series: which one is meant, nobody knows.
    #[error("the query gives {count} series, and one must be judged; {way_out}")]
    Ambiguous {
        /// How many there are.
        count: usize,
        /// How this server makes one of them.
        way_out: &'static str,
    },
}
