//! From a Canary's metrics to the checks of one step: what is asked, whom, and within which bounds the answer has to
//! be.

use std::fmt;

use kube::ResourceExt;

use super::problem::{Fault, Problem};
use super::server::{self, Endpoint};
use super::template::{self, TemplateError, Variables};
use super::threshold::{self, Bounds, Kind};
use super::verdict::{Sample, Verdict};
use super::{interval, query};
use crate::api::{Canary, Metric, MetricProviderType, MetricTemplate, Provider, Reference};

/// What the controller was started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The routing provider of Canaries that name none.
    pub provider: Provider,
    /// The Prometheus of Canaries that name none; empty when there is no such default.
    pub metrics_server: String,
    /// Whether a MetricTemplate of another namespace is refused.
    pub no_cross_namespace_refs: bool,
}

/// Names a check among those of one Canary, such as `metrics[0].success-rate`; stable while the list of metrics is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckId(String);

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where the query of a check comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A builtin metric, as this routing provider measures it.
    Builtin(Provider),
    /// The Canary itself.
    Inline,
    /// A MetricTemplate, `namespace/name`.
    Template(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Builtin(provider) => write!(f, "builtin query of {provider}"),
            Source::Inline => f.write_str("query of the Canary"),
            Source::Template(name) => write!(f, "MetricTemplate {name}"),
        }
    }
}

/// One question and how its answer is judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// Which check of its Canary this is.
    pub id: CheckId,
    /// Name of the metric, for people.
    pub metric: String,
    /// What is measured.
    pub kind: Kind,
    /// Kind of server that is asked.
    pub provider: MetricProviderType,
    /// The server.
    pub endpoint: Endpoint,
    /// The rendered query.
    pub query: String,
    /// Where it comes from, for people.
    pub source: Source,
    /// The window of the query, for messages.
    pub interval: String,
    /// What the answer is multiplied by to be in the unit of `kind`.
    pub scale: f64,
    /// The range in which the answer passes.
    pub bounds: Bounds,
}

impl Check {
    /// Judges the server's answer.
    pub fn judge(&self, sample: Sample) -> Verdict {
        let sample = match sample {
            Sample::Value(value) => Sample::Value(value * self.scale),
            Sample::NoData => Sample::NoData,
        };
        threshold::judge(&self.metric, self.kind, self.bounds, &self.interval, sample)
    }

    /// The verdict when the server gave no usable answer.
    pub fn unanswered(&self, reason: &dyn fmt::Display) -> Verdict {
        Verdict::unanswered(&self.metric, reason)
    }
}

/// The checks of a Canary in the order in which they count: builtin metrics and inline queries as listed, then
/// templates. One entry may give several.
///
/// `templates` looks up a MetricTemplate by namespace and name.
pub fn plan<'a>(
    canary: &Canary,
    settings: &Settings,
    templates: impl Fn(&str, &str) -> Option<&'a MetricTemplate>,
) -> Vec<Result<Check, Problem>> {
    let planner = Planner { canary, settings, templates };
    let metrics = canary.spec.analysis.as_ref().map_or(&[][..], |analysis| &analysis.metrics);
    let entries = || {
        metrics
            .iter()
            .enumerate()
            .flat_map(|(index, metric)| kinds(metric).into_iter().map(move |kind| (index, metric, kind)))
    };
    let own = entries().filter(|(_, _, kind)| *kind != Some(Kind::Template));
    let shared = entries().filter(|(_, _, kind)| *kind == Some(Kind::Template));
    own.chain(shared).map(|(index, metric, kind)| planner.entry(index, metric, kind)).collect()
}

/// What one entry asks for; a single `None` when that is nothing.
fn kinds(metric: &Metric) -> Vec<Option<Kind>> {
    let builtin = builtin(&metric.name);
    let inline = inline(metric).map(|_| Kind::Query);
    let shared = metric.template_ref.as_ref().map(|_| Kind::Template);
    let found: Vec<_> = [builtin, inline, shared].into_iter().flatten().map(Some).collect();
    if found.is_empty() { vec![None] } else { found }
}

fn builtin(name: &str) -> Option<Kind> {
    match name {
        "request-success-rate" => Some(Kind::SuccessRate),
        "request-duration" => Some(Kind::Duration),
        _ => None,
    }
}

/// Whether a metric of this name is measured without a query.
pub fn is_builtin(name: &str) -> bool {
    builtin(name).is_some()
}

fn inline(metric: &Metric) -> Option<&str> {
    metric.query.as_deref().filter(|query| !query.is_empty())
}

struct Planner<'a, F> {
    canary: &'a Canary,
    settings: &'a Settings,
    templates: F,
}

/// A fault and the field of the metric in which it stands; empty for the metric as a whole.
type Faulty<T> = Result<T, (&'static str, Fault)>;

/// What is asked and where: the part of a check that differs between its kinds.
struct Question {
    provider: MetricProviderType,
    endpoint: Endpoint,
    query: String,
    source: Source,
    scale: f64,
}

impl<'t, F: Fn(&str, &str) -> Option<&'t MetricTemplate>> Planner<'_, F> {
    fn entry(&self, index: usize, metric: &Metric, kind: Option<Kind>) -> Result<Check, Problem> {
        let id = CheckId(format!("metrics[{index}].{}", kind.map_or("unknown", Kind::as_str)));
        self.check(&id, metric, kind).map_err(|(field, fault)| {
            let dot = if field.is_empty() { "" } else { "." };
            let path = format!("spec.analysis.metrics[{index}]{dot}{field}");
            Problem { id, metric: metric.name.clone(), path, fault }
        })
    }

    fn check(&self, id: &CheckId, metric: &Metric, kind: Option<Kind>) -> Faulty<Check> {
        let kind = kind.ok_or(("", Fault::Unknown))?;
        let bounds = threshold::bounds(kind, metric).map_err(|error| ("thresholdRange", error.into()))?;
        let interval =
            metric.interval.as_deref().filter(|text| !text.is_empty()).unwrap_or(interval::DEFAULT);
        let Some(interval) = interval::window(interval) else {
            return Err(("interval", Fault::Interval(interval.to_owned())));
        };
        let variables = self.variables(metric, &interval);
        let Question { provider, endpoint, query, source, scale } = match (kind, &metric.template_ref) {
            (Kind::Template, Some(reference)) => self.shared(reference, &variables)?,
            (Kind::SuccessRate | Kind::Duration, _) => self.builtin(kind, &variables)?,
            _ => self.own(inline(metric).unwrap_or_default(), 1.0, Source::Inline, &variables)?,
        };
        let (id, metric) = (id.clone(), metric.name.clone());
        Ok(Check { id, metric, kind, provider, endpoint, query, source, interval, scale, bounds })
    }

    fn variables(&self, metric: &Metric, interval: &str) -> Variables {
        let spec = &self.canary.spec;
        let or_target = |name: Option<&String>| name.unwrap_or(&spec.target_ref.name).clone();
        Variables {
            name: self.canary.name_any(),
            namespace: self.canary.namespace_name(),
            target: self.canary.target_name().to_owned(),
            service: self.canary.apex_name().to_owned(),
            ingress: or_target(spec.ingress_ref.as_ref().map(|reference| &reference.name)),
            route: or_target(spec.route_ref.as_ref().map(|reference| &reference.name)),
            interval: interval.to_owned(),
            variables: metric.template_variables.clone(),
        }
    }

    fn builtin(&self, kind: Kind, variables: &Variables) -> Faulty<Question> {
        let provider = self.canary.spec.provider.unwrap_or(self.settings.provider);
        let source = query::source(provider).ok_or(("name", Fault::NoBuiltin(provider)))?;
        let target = self.canary.spec.target_ref.kind;
        let builtin =
            if kind == Kind::SuccessRate { source.success_rate(target) } else { source.duration(target) };
        self.own(&builtin.template, builtin.scale, Source::Builtin(provider), variables)
    }

    /// A question to the Canary's own Prometheus, which takes no credentials.
    fn own(&self, text: &str, scale: f64, source: Source, variables: &Variables) -> Faulty<Question> {
        let field = if source == Source::Inline { "query" } else { "name" };
        let query = rendered(text, variables, field, Fault::Query)?;
        let own = self.canary.spec.metrics_server.as_deref().filter(|address| !address.is_empty());
        let address = own.unwrap_or(&self.settings.metrics_server);
        if address.is_empty() {
            return Err(("", Fault::NoServer));
        }
        server::is_url(address).map_err(|error| ("", Fault::Address(Box::new(error))))?;
        let endpoint = Endpoint::plain(address.to_owned());
        Ok(Question { provider: MetricProviderType::Prometheus, endpoint, query, source, scale })
    }

    fn shared(&self, reference: &Reference, variables: &Variables) -> Faulty<Question> {
        const FIELD: &str = "templateRef";
        let own = self.canary.namespace_name();
        let namespace = reference.namespace_or(&own);
        let name = format!("{namespace}/{}", reference.name);
        // Asked again each time a check is planned: an object that was stored while the gate was away is not trusted.
        if self.settings.no_cross_namespace_refs && namespace != own {
            return Err((FIELD, Fault::CrossNamespace(name)));
        }
        let Some(found) = (self.templates)(namespace, &reference.name) else {
            return Err((FIELD, Fault::NoTemplate(name)));
        };
        let fault = |error| Fault::Template { template: name.clone(), error };
        let query = rendered(&found.spec.query, variables, FIELD, fault)?;
        // The Secret is the template's, whoever uses it: who may use the template was asked above.
        let provider = &found.spec.provider;
        let endpoint = server::endpoint(provider, namespace)
            .map_err(|error| (FIELD, Fault::Provider { template: name.clone(), error: Box::new(error) }))?;
        Ok(Question { provider: provider.type_, endpoint, query, source: Source::Template(name), scale: 1.0 })
    }
}

fn rendered(
    text: &str,
    variables: &Variables,
    field: &'static str,
    fault: impl Fn(Box<TemplateError>) -> Fault,
) -> Faulty<String> {
    let rendered = template::parse(text).and_then(|template| template::render(&template, variables));
    let query = query::collapse(&rendered.map_err(|error| (field, fault(Box::new(error))))?);
    if query.is_empty() { Err((field, Fault::EmptyQuery)) } else { Ok(query) }
}
