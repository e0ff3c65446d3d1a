//! What listens: the HTTPS admission endpoint, and plain HTTP for probes and metrics. Moves bytes; judges nothing.

mod admission;
mod end;
mod intake;
mod limit;
mod listen;
mod metrics;
mod status;
#[cfg(test)]
mod tests;

pub use admission::{Answer, Gate, Verdict, router};
pub use end::end_on_signal;
pub use intake::{BODY_LIMIT, BODY_TIME, IN_FLIGHT};
pub use listen::{CONNECTIONS, Drain, FIRST_REQUEST, REST, bind, http, https};
pub use metrics::{Metrics, register_certificate};
pub use status::{Check, Status};

/// A failure of a listener.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address could not be taken.
    #[error("could not listen on {address}; is another process there?")]
    Bind {
        /// Where.
        address: std::net::SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The server ended by itself.
    #[error("the server stopped")]
    Serve {
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}
