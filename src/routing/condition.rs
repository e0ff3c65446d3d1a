//! Conditions of `spec.service.match` that a route has no words for. As with the peer they are left out, so that more requests
//! match than is written; the gate warns of them.

use super::{Problem, object::set};
use crate::api::{CanaryService, HttpMatch};

/// A condition of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Uri,
    /// A path that is given otherwise than by its beginning.
    UriWithoutPrefix,
    Headers,
    Method,
    /// A method that is given otherwise than as it is.
    MethodWithoutExact,
    QueryParams,
    IgnoreUriCase,
    Authority,
    Port,
    Scheme,
    WithoutHeaders,
    SourceLabels,
    SourceNamespace,
    Gateways,
}

impl Condition {
    /// Those that only a mesh knows.
    pub(super) const OF_A_MESH: [Condition; 8] = [
        Condition::IgnoreUriCase,
        Condition::Authority,
        Condition::Port,
        Condition::Scheme,
        Condition::WithoutHeaders,
        Condition::SourceLabels,
        Condition::SourceNamespace,
        Condition::Gateways,
    ];

    fn name(self) -> &'static str {
        match self {
            Condition::Uri | Condition::UriWithoutPrefix => "uri",
            Condition::Headers => "headers",
            Condition::Method | Condition::MethodWithoutExact => "method",
            Condition::QueryParams => "queryParams",
            Condition::IgnoreUriCase => "ignoreUriCase",
            Condition::Authority => "authority",
            Condition::Port => "port",
            Condition::Scheme => "scheme",
            Condition::WithoutHeaders => "withoutHeaders",
            Condition::SourceLabels => "sourceLabels",
            Condition::SourceNamespace => "sourceNamespace",
            Condition::Gateways => "gateways",
        }
    }

    fn is_given(self, wanted: &HttpMatch) -> bool {
        match self {
            Condition::Uri => wanted.uri.is_some(),
            Condition::UriWithoutPrefix => wanted.uri.as_ref().is_some_and(|uri| set(&uri.prefix).is_none()),
            Condition::Headers => !wanted.headers.is_empty(),
            Condition::Method => wanted.method.is_some(),
            Condition::MethodWithoutExact => {
                wanted.method.as_ref().is_some_and(|method| set(&method.exact).is_none())
            }
            Condition::QueryParams => !wanted.query_params.is_empty(),
            Condition::IgnoreUriCase => wanted.ignore_uri_case,
            Condition::Authority => wanted.authority.is_some(),
            Condition::Port => wanted.port.is_some(),
            Condition::Scheme => wanted.scheme.is_some(),
            Condition::WithoutHeaders => !wanted.without_headers.is_empty(),
            Condition::SourceLabels => !wanted.source_labels.is_empty(),
            Condition::SourceNamespace => wanted.source_namespace.is_some(),
            Condition::Gateways => !wanted.gateways.is_empty(),
        }
    }
}

/// The conditions that a kind of route leaves out, each with the way out that `instead` knows.
pub(super) fn left_out(
    service: &CanaryService,
    route: &str,
    conditions: &[Condition],
    instead: impl Fn(Condition) -> Option<&'static str>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, wanted) in service.matches.iter().enumerate() {
        for condition in conditions.iter().filter(|condition| condition.is_given(wanted)) {
            let way_out = instead(*condition).unwrap_or("remove it, or use provider istio");
            problems.push(Problem::new(
                format!("spec.service.match[{index}].{}", condition.name()),
                format!(
                    "{route} cannot match by it, so that it is left out and more requests match: {way_out}"
                ),
            ));
        }
    }
    problems
}
