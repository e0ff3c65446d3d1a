//! Routing: which share of the traffic goes to the primary and which to the canary, one file or folder a provider.
//!
//! A router turns weights into the objects of its provider, and those objects into weights. It neither reads nor writes a
//! cluster, and does not know what the weights are for.

mod ability;
mod appmesh;
mod claim;
mod condition;
mod contour;
pub mod cookie;
pub mod document;
pub mod error;
pub mod field;
mod former;
mod gatewayapi;
mod gloo;
mod held;
mod istio;
mod kubernetes;
mod object;
mod part;
mod reverted;
pub mod router;
pub mod rule;
pub mod shared;
pub mod traffic;
pub mod weight;

pub use ability::{Ability, ability, able};
pub use claim::{Meeting, RouteClaim, claims};
pub use cookie::{Cookie, Cookies};
pub use error::{Problem, RoutingError};
pub use field::Field;
pub use former::{abandoned, farewell, former, in_step, returned, withdrawn};
pub use held::held;
pub use istio::mesh_hosts;
pub use part::chosen;
pub use reverted::{led, prepared, reverted};
pub use router::{Acceptance, Capabilities, Criterion, Kind, Route, Router, Settings};
pub use rule::{Backend, Rule};
#[cfg(test)]
pub use shared::changes;
pub use shared::{Change, placeless, writes};
pub use traffic::Traffic;
pub use weight::{Weight, WeightError, Weights};

use std::collections::BTreeSet;

use crate::api::{Canary, Provider};

/// Every router; a new one is a file and a line here.
pub static ROUTERS: &[&dyn Router] = &[
    &appmesh::AppMesh,
    &contour::Contour,
    &gatewayapi::GatewayApi,
    &gloo::Gloo,
    &istio::Istio,
    &kubernetes::Kubernetes,
];

/// The router of a provider, or `None` for one that Sluice cannot serve yet.
pub fn router(provider: Provider) -> Option<&'static dyn Router> {
    ROUTERS.iter().copied().find(|router| router.providers().contains(&provider))
}

/// The router that reads and writes a kind of a group: that of the provider if it does, or else any that does.
pub fn router_of(provider: Provider, group: &str, kind: &str) -> Option<&'static dyn Router> {
    let touches = |router: &&'static dyn Router| {
        router.kinds().iter().any(|known| known.kind == kind && known.group() == group)
    };
    router(provider).filter(touches).or_else(|| ROUTERS.iter().copied().find(touches))
}

/// Whether a Canary's connections are to be routed as they are, and not as HTTP.
pub fn is_tcp(canary: &Canary) -> bool {
    let protocol = canary.spec.service.as_ref().and_then(|service| service.app_protocol.as_deref());
    protocol.is_some_and(|protocol| protocol.eq_ignore_ascii_case("tcp"))
}

/// The kinds that the routers read and write, each once.
pub fn kinds() -> BTreeSet<Kind> {
    ROUTERS.iter().flat_map(|router| router.kinds()).copied().collect()
}

#[cfg(test)]
pub(crate) mod tests;
