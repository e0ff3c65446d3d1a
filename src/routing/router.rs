//! What a router is.

use super::{RoutingError, Weights};
use crate::api::{Canary, Live, Object, ObjectRef, Provider};

/// Weights to objects and back, for the providers that share a kind of object.
pub trait Router: Sync {
    /// The providers that it serves.
    fn providers(&self) -> &'static [Provider];

    /// What it can do; the gate refuses what it cannot.
    fn capabilities(&self) -> Capabilities;

    /// The kinds that it reads and writes: the watches and the chart's role follow from them.
    fn kinds(&self) -> &'static [Kind];

    /// The objects that `render` and `read` look at.
    fn needs(&self, canary: &Canary) -> Vec<ObjectRef>;

    /// The objects for server-side apply that give these weights; the same input gives the same output.
    ///
    /// # Errors
    /// The Canary asks for what the provider cannot express; with an empty `live` this serves the gate.
    fn render(&self, canary: &Canary, live: &Live, weights: Weights) -> Result<Vec<Object>, RoutingError>;

    /// The weights as they stand in the live objects, and whether the provider accepted them; `None` if there is no route yet.
    ///
    /// # Errors
    /// A live object does not have the shape that its kind promises.
    fn read(&self, canary: &Canary, live: &Live) -> Result<Option<Route>, RoutingError>;
}

/// A route as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The shares.
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

/// What a router can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Splits traffic by weight; without, only blue/green without a split makes sense.
    pub weights: bool,
    /// Says whether a route is in force.
    pub acceptance: bool,
    /// `spec.service.match`, rewrite, headers and the like of all requests.
    pub filters: bool,
    /// Sends requests that match `spec.analysis.match` to the canary (A/B).
    pub matching: bool,
    /// Copies requests to the canary before it gets any.
    pub mirror: bool,
    /// Keeps a user on the version that the first request met.
    pub affinity: bool,
    /// Splits connections that are not HTTP.
    pub tcp: bool,
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
