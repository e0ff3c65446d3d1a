//! Metric servers: one file a kind turns a check into a request and an answer into a sample; sending is shared and
//! bounded in time, size and number. No retries and no judgement here.

mod error;
mod prometheus;
mod sender;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use reqwest::Url;

use crate::analysis::{Check, Sample};
use crate::api::MetricProviderType;

pub use error::ProviderError;
pub use sender::Limits;

/// All kinds of metric servers that can be asked. A new one is a file beside this, a line here, and a line in
/// [`crate::analysis::RUNNABLE`].
const PROVIDERS: &[&dyn MetricProvider] = &[&prometheus::Prometheus];

/// How one kind of metric server is spoken to. Implementations hold no state and send nothing.
trait MetricProvider: Sync {
    /// The kind of server.
    fn kind(&self) -> MetricProviderType;
    /// What is sent for a check.
    fn request(&self, check: &Check) -> Result<Request, ProviderError>;
    /// What the answer says.
    fn sample(&self, answer: &Answer) -> Result<Sample, ProviderError>;
}

/// A GET request to a metric server.
#[derive(Debug)]
struct Request {
    url: Url,
    headers: HeaderMap,
    /// Whether any certificate is accepted.
    insecure: bool,
}

/// A metric server's answer, read whole and within the limits.
#[derive(Debug)]
struct Answer {
    /// `host:port` of the server, for messages.
    host: String,
    status: StatusCode,
    body: Bytes,
}

/// The metric servers, reached through clients that are shared by all checks.
#[derive(Debug)]
pub struct Providers {
    sender: sender::Sender,
}

impl Providers {
    /// Builds the clients; fails when the machine's certificate store cannot be read.
    pub fn new(limits: Limits) -> Result<Self, ProviderError> {
        Ok(Self { sender: sender::Sender::new(limits)? })
    }

    /// Asks a check's server once. Ends within twice [`Limits::timeout`]: the wait for a free place, then the request.
    pub async fn query(&self, check: &Check) -> Result<Sample, ProviderError> {
        let provider = find(PROVIDERS, check.provider).ok_or(ProviderError::NotSupported(check.provider))?;
        let answer = self.sender.send(provider.request(check)?).await?;
        provider.sample(&answer)
    }
}

fn find<'a>(
    providers: &[&'a dyn MetricProvider],
    kind: MetricProviderType,
) -> Option<&'a dyn MetricProvider> {
    providers.iter().copied().find(|provider| provider.kind() == kind)
}
