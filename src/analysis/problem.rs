//! Why a check cannot be run: told once, with the way out, and counted as a check that did not pass.

use super::check::CheckId;
use super::server::SettingsError;
use super::template::TemplateError;
use super::threshold::BoundsError;
use super::verdict::Verdict;
use crate::api::Provider;

/// A metric of a Canary that cannot be checked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{metric} cannot be checked: {fault}")]
pub struct Problem {
    /// The check that is missing.
    pub id: CheckId,
    /// Name of the metric.
    pub metric: String,
    /// Where the fault stands in the Canary, such as `spec.analysis.metrics[0].templateRef`.
    pub path: String,
    /// What is wrong.
    #[source]
    pub fault: Fault,
}

/// What is wrong with a metric.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    /// Neither a builtin name nor a query nor a template.
    #[error(
        "the name is no builtin metric and there is nothing to ask; set query or templateRef, or use request-success-rate or request-duration"
    )]
    Unknown,
    /// A builtin metric with a provider for which nobody wrote a source yet.
    #[error("the provider {0} has no builtin metrics yet; set query or templateRef")]
    NoBuiltin(Provider),
    /// The bounds cannot tell good from bad.
    #[error(transparent)]
    Bounds(#[from] BoundsError),
    /// The window is nothing that the server takes.
    #[error("the interval '{0}' is no window; write whole numbers with units, such as 30s or 1m")]
    Interval(String),
    /// The template in the Canary, or of the builtin metric, cannot be read or rendered.
    #[error("the query is wrong at {0}")]
    Query(#[source] Box<TemplateError>),
    /// The template of a MetricTemplate cannot be read or rendered.
    #[error("the query of MetricTemplate {template} is wrong at {error}")]
    Template {
        /// `namespace/name` of the MetricTemplate.
        template: String,
        /// What is wrong.
        #[source]
        error: Box<TemplateError>,
    },
    /// Nothing is left to ask after rendering.
    #[error("the query is empty once rendered; let every branch of the template ask something")]
    EmptyQuery,
    /// There is no Prometheus to ask.
    #[error(
        "no metrics server is known; set spec.metricsServer or start the controller with --metrics-server"
    )]
    NoServer,
    /// An address that is no URL.
    #[error(transparent)]
    Address(Box<SettingsError>),
    /// The MetricTemplate does not exist (yet).
    #[error("MetricTemplate {0} does not exist; create it or correct templateRef")]
    NoTemplate(String),
    /// The reference leaves the Canary's namespace where that is forbidden.
    #[error(
        "MetricTemplate {0} is in another namespace, which --no-cross-namespace-refs forbids; copy it next to the Canary"
    )]
    CrossNamespace(String),
    /// A MetricTemplate whose server can never be asked.
    #[error("the provider of MetricTemplate {template} cannot be asked: {error}")]
    Provider {
        /// `namespace/name` of the MetricTemplate.
        template: String,
        /// What is wrong.
        #[source]
        error: Box<SettingsError>,
    },
}

impl Problem {
    /// Whether the Canary contradicts itself or its template; `false` while only something outside of it is missing,
    /// which may still come.
    pub fn is_contradiction(&self) -> bool {
        !matches!(self.fault, Fault::NoTemplate(_) | Fault::NoServer)
    }
}

impl From<&Problem> for Verdict {
    fn from(problem: &Problem) -> Self {
        Verdict { outcome: super::Outcome::Unanswered, message: problem.to_string(), value: None }
    }
}
