//! The workload of a Canary: revisions and their snapshots, the primary, the Services, and whether pods are ready.
//!
//! Everything here turns objects into objects. Nothing is read from or written to a cluster, and nothing is decided about a
//! rollout.

pub mod autoscaler;
mod compare;
pub mod configs;
mod error;
pub mod kind;
mod metadata;
mod ports;
mod primary;
mod readiness;
mod replicas;
mod revision;
mod scheduling;
mod selector;
mod services;
mod single;

#[cfg(test)]
pub(crate) use compare::tests::apply;
#[cfg(test)]
mod tests;

pub use compare::contains;
pub use error::WorkloadError;
pub use kind::{Kind, Scaling};
pub use ports::{PortKey, hidden as hidden_ports};
pub use primary::{break_glass, configs_of, render as render_primary, same_revision};
pub use readiness::{Pods, Readiness, readiness, ready_endpoints};
pub use replicas::wished;
pub use revision::{RevisionId, Snapshot};
pub use scheduling::needs_its_own_pods;
pub use selector::Selector;
pub use services::{Services, render as render_services, reverted as reverted_service};
