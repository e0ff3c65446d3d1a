//! Why a metric server gave no answer. Messages name the server without credentials and never repeat headers or
//! foreign answers.

use crate::analysis::ServerError;

/// A question to a metric server that brought no sample.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// Building the HTTP clients.
    #[error(
        "the HTTP client for metric servers could not be built; check the certificate store of the image"
    )]
    Client(#[source] reqwest::Error),
    /// The question or the answer.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// Reading the certificates of a Secret.
    #[error("'{key}' in {holder} holds no certificates in PEM; correct it or remove it")]
    Certificate {
        /// The key.
        key: &'static str,
        /// The Secret.
        holder: String,
    },
    /// Looking for an identity of our own.
    #[error(
        "Sluice has no identity to ask with ({reason}); set provider.secretRef, or give its service account a role"
    )]
    Identity {
        /// What was looked for, and what was wrong with it.
        reason: String,
    },
    /// Looking where it would go; `sluice rules SL005` tells the rule.
    #[error("it is not asked: {0}; name a server that may be called")]
    Forbidden(String),
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
}
