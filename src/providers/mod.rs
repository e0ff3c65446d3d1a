//! Asks metric servers: shared clients, bounded in time, size and number. What is sent and what an answer means stands
//! in [`crate::analysis::server`], one file a kind. No retries and no judgement here.

mod ambient;
mod error;
mod sender;
#[cfg(test)]
mod tests;

use jiff::Timestamp;

use crate::analysis::server::{Answer, Need, Question, ServerError, server};
use crate::analysis::{Check, Credentials, Sample};

pub use error::ProviderError;
pub use sender::Limits;
use sender::{Origin, Sender};

/// The metric servers, reached through clients that are shared by all checks.
#[derive(Debug)]
pub struct Providers {
    sender: Sender,
    ambient: ambient::Ambient,
}

impl Providers {
    /// Builds the clients; fails when the machine's certificate store cannot be read. `own` says of a server, `host:port`,
    /// whether it may be on this machine.
    pub fn new(
        limits: Limits,
        own: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Result<Self, ProviderError> {
        let ambient = ambient::Ambient::new(Box::new(|name| std::env::var(name).ok()));
        Ok(Self { sender: Sender::new(limits, Box::new(own))?, ambient })
    }

    /// Asks a check's server once, with what the check's Secret holds now. Waits for its turn at the server, then ends within
    /// [`Limits::timeout`].
    pub async fn query(&self, check: &Check, credentials: &Credentials) -> Result<Sample, ProviderError> {
        let kind = check.provider;
        let server = server(kind).ok_or(ServerError::NotSupported { kind })?;
        let own = match server.needs().secret {
            Need::Ambient if check.endpoint.secret.is_none() => {
                Some(self.ambient.credentials(&self.sender, &check.endpoint.region).await?)
            }
            _ => None,
        };
        let credentials = own.as_ref().unwrap_or(credentials);
        let question = Question { check, credentials, now: Timestamp::now() };
        let reply = self.sender.send(server.request(&question)?, Origin::User, credentials.holder()).await?;
        let holder = credentials.holder().to_owned();
        let answer = Answer {
            host: reply.host,
            holder,
            status: reply.status,
            headers: reply.headers,
            body: reply.body,
        };
        server.sample(&answer, &question).map_err(|error| scrubbed(error, credentials).into())
    }
}

/// The error without anything that we sent in confidence.
fn scrubbed(error: ServerError, credentials: &Credentials) -> ServerError {
    match error {
        ServerError::Refused { host, reason } => {
            ServerError::Refused { host, reason: credentials.scrub(&reason) }
        }
        other => other,
    }
}
