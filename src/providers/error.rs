//! Why a metric server gave no sample. Messages name the server without credentials and never repeat headers or
//! foreign answers.

use crate::api::MetricProviderType;

/// A question to a metric server that brought no sample.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// Building the HTTP clients.
    #[error(
        "the HTTP client for metric servers could not be built; check the certificate store of the image"
    )]
    Client(#[source] reqwest::Error),
    /// Choosing the provider of a check.
    #[error("metric provider {0} is not supported yet; use prometheus")]
    NotSupported(MetricProviderType),
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
    /// Waiting for a free place at the server.
    #[error(
        "{host} is busy with {places} other queries for {seconds} s; use a faster server or longer intervals"
    )]
    Busy {
        /// The server.
        host: String,
        /// How many queries it is asked at once.
        places: usize,
        /// How long a place was waited for.
        seconds: f64,
    },
    /// Connecting to the server.
    #[error("{host} cannot be reached ({cause}); check the address and that the server runs")]
    Connect {
        /// The server.
        host: String,
        /// The innermost cause.
        cause: String,
        /// What the client said.
        #[source]
        source: reqwest::Error,
    },
    /// Waiting for the answer.
    #[error("{host} did not answer within {seconds} s; simplify the query or check the server")]
    Timeout {
        /// The server.
        host: String,
        /// How long the answer was waited for.
        seconds: f64,
    },
    /// Sending the request or reading the answer.
    #[error("the exchange with {host} broke off ({cause}); check the server and what stands between")]
    Broken {
        /// The server.
        host: String,
        /// The innermost cause.
        cause: String,
        /// What the client said.
        #[source]
        source: reqwest::Error,
    },
    /// Following a redirect.
    #[error("{host} redirects too often or to another server, which is not followed; use the final address")]
    Redirect {
        /// The server.
        host: String,
    },
    /// Reading an answer that is longer than the limit.
    #[error("the answer of {host} is longer than {limit} bytes; aggregate the query, for example with sum()")]
    TooLarge {
        /// The server.
        host: String,
        /// The limit in bytes.
        limit: usize,
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
    #[error(
        "the query gives {0} series, and one must be judged; aggregate them, for example with sum() or max()"
    )]
    Ambiguous(usize),
}
