//! The queries behind `request-success-rate` and `request-duration`, one metrics source a file. A source only knows
//! texts: it asks nobody.

mod appmesh;
mod collapse;
mod contour;
mod envoy;
mod gloo;
mod http;
mod istio;
mod pods;
mod promql;
#[cfg(test)]
mod tests;

use crate::api::{Provider, TargetKind};

pub use collapse::collapse;

/// All sources. A new one is a file beside this and a line here.
const SOURCES: &[&dyn Source] =
    &[&appmesh::AppMesh, &contour::Contour, &gloo::Gloo, &http::Http, &istio::Istio];

/// Where the builtin metrics of some routing providers come from.
pub trait Source: Sync {
    /// Whether this source measures the traffic of a provider.
    fn serves(&self, provider: Provider) -> bool;
    /// The share of requests that did not fail, in percent.
    fn success_rate(&self, target: TargetKind) -> Builtin;
    /// How long requests take.
    fn duration(&self, target: TargetKind) -> Builtin;
}

/// Whether a PromQL query asks for a range of values (`errors_total[5m]`), which is no number: it ends with one. A query with a
/// comment is given the benefit of the doubt.
pub fn is_range(text: &str) -> bool {
    !text.contains('#') && text.trim_end().ends_with(']')
}

/// The query of a builtin metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Builtin {
    /// PromQL with placeholders, read by [`crate::analysis::template::parse`].
    pub template: String,
    /// What the answer is multiplied by to become percent or milliseconds.
    pub scale: f64,
}

/// The source for a provider, or `None` while nobody wrote one.
pub fn source(provider: Provider) -> Option<&'static dyn Source> {
    SOURCES.iter().copied().find(|source| source.serves(provider))
}
