//! What a router is.

use serde_json::Value;

use super::{Field, Problem, RouteClaim, RoutingError, Rule, Traffic, Weights};
use crate::api::{Canary, Live, Object, ObjectRef, Provider};

/// Traffic to objects and weights back, for the providers that share a kind of object.
pub trait Router: Sync {
    /// The providers that it serves.
    fn providers(&self) -> &'static [Provider];

    /// What it can do; the gate refuses what it cannot.
    fn capabilities(&self) -> Capabilities;

    /// The kinds that it reads and writes, in the order in which they are written, which is not the one in which they go: what
    /// leads to others goes first. The watches and the chart's role follow from them.
    fn kinds(&self) -> &'static [Kind];

    /// The objects that `render` and `read` look at.
    fn needs(&self, canary: &Canary) -> Vec<ObjectRef>;

    /// Of these objects those that `render` looks at; none where the Canary alone says what is made.
    fn sources(&self, canary: &Canary) -> Vec<ObjectRef> {
        self.needs(canary)
    }

    /// The objects for server-side apply that lead requests so; the same input gives the same output. A field that is not
    /// among [`Capabilities::fields`] is left out: the gate warns of it.
    ///
    /// # Errors
    /// The Canary asks for what the provider cannot express; with an empty `live` this serves the gate.
    fn render(
        &self,
        canary: &Canary,
        live: &Live,
        settings: &Settings,
        traffic: &Traffic,
    ) -> Result<Vec<Object>, RoutingError>;

    /// The weights as they stand in the live objects, and whether the provider accepted them; `None` if there is no route yet.
    ///
    /// # Errors
    /// A live object does not have the shape that its kind promises.
    fn read(&self, canary: &Canary, live: &Live) -> Result<Option<Route>, RoutingError>;

    /// Conditions on requests that the route has no words for and leaves out, as the peer does; the gate warns of them.
    fn left_out(&self, _canary: &Canary) -> Vec<Problem> {
        Vec::new()
    }

    /// The requests that the Canary's route alone is to answer; none where somebody else's route leads to it.
    fn claims(&self, _canary: &Canary) -> Vec<RouteClaim> {
        Vec::new()
    }

    /// The lists of weighted backends in an object of one of its kinds; none where the kind has no such lists. An object of
    /// somebody else is changed in these lists only.
    fn rules(&self, _canary: &Canary, _object: &Object) -> Vec<Rule> {
        Vec::new()
    }

    /// Makes a backend of a rule lead to the apex, the primary or the canary Service; the rest of it stays.
    fn lead(&self, _canary: &Canary, _backend: &mut Value, _service: &str) {}
}

/// A route as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The shares; where rules differ, those of the rule that gives the canary most.
    pub weights: Weights,
    /// Whether they are in force.
    pub acceptance: Acceptance,
}

/// What the provider says about the present generation of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// It is in force.
    Accepted,
    /// Nothing yet; the sentence says what is awaited.
    Pending(String),
    /// It is not in force and will not be without a change; the sentence says why.
    Refused(String),
}

/// What the operator chose for the routes of all Canaries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Class that routes name, where their kind has one.
    pub ingress_class: Option<String>,
}

/// What a router can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Splits traffic by weight; without, only blue/green without a split makes sense.
    pub weights: bool,
    /// Says whether a route is in force.
    pub acceptance: bool,
    /// Splits connections that are not HTTP.
    pub tcp: bool,
    /// Copies requests to the canary before it gets any.
    pub mirror: bool,
    /// Keeps a user on the version that the first request met.
    pub affinity: bool,
    /// By what requests can be sent to the canary (A/B); none: A/B is not served.
    pub matching: &'static [Criterion],
    /// The fields that it has words for; any other one has no effect.
    pub fields: &'static [Field],
}

impl Capabilities {
    /// Whether a field has an effect.
    pub fn serves(&self, field: Field) -> bool {
        self.fields.contains(&field)
    }
}

/// By what requests are told apart in an A/B run (`spec.analysis.match`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Criterion {
    /// The whole value of a header.
    HeaderExact,
    /// How the value of a header begins.
    HeaderPrefix,
    /// How the value of a header ends.
    HeaderSuffix,
    /// A regular expression on the value of a header.
    HeaderRegex,
    /// A parameter of the query.
    QueryParameter,
    /// Labels of the workload that asks.
    SourceLabels,
}

impl Criterion {
    /// Its name in lists.
    pub fn name(self) -> &'static str {
        match self {
            Criterion::HeaderExact => "header exact",
            Criterion::HeaderPrefix => "header prefix",
            Criterion::HeaderSuffix => "header suffix",
            Criterion::HeaderRegex => "header regex",
            Criterion::QueryParameter => "queryParams",
            Criterion::SourceLabels => "sourceLabels",
        }
    }
}

/// A kind of object of the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// Group and version.
    pub api_version: &'static str,
    /// Kind in CamelCase.
    pub kind: &'static str,
    /// Plural as in URLs and roles.
    pub plural: &'static str,
}

impl Kind {
    /// The group without its version; empty for core kinds.
    pub fn group(&self) -> &'static str {
        self.api_version.split_once('/').map(|(group, _)| group).unwrap_or_default()
    }

    /// The version without its group.
    pub fn version(&self) -> &'static str {
        self.api_version.rsplit('/').next().unwrap_or_default()
    }
}
