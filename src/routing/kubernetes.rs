//! Provider `kubernetes`: no route at all. The apex Service always means the primary, so that users meet a new version once
//! the primary runs it.

use super::{Acceptance, Capabilities, Kind, Route, Router, RoutingError, Settings, Traffic, Weights};
use crate::api::{Canary, Live, Object, ObjectRef, Provider};

/// The router without routes.
pub(super) struct Kubernetes;

impl Router for Kubernetes {
    fn providers(&self) -> &'static [Provider] {
        &[Provider::Kubernetes]
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn kinds(&self) -> &'static [Kind] {
        &[]
    }

    fn needs(&self, _: &Canary) -> Vec<ObjectRef> {
        Vec::new()
    }

    fn render(&self, _: &Canary, _: &Live, _: &Settings, _: &Traffic) -> Result<Vec<Object>, RoutingError> {
        Ok(Vec::new())
    }

    /// There is always a route to the primary, and nobody has to accept it.
    fn read(&self, _: &Canary, _: &Live) -> Result<Option<Route>, RoutingError> {
        Ok(Some(Route { weights: Weights::TO_PRIMARY, acceptance: Acceptance::Accepted }))
    }
}
