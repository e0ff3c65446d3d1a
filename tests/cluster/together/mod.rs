//! Tests that share the installation.

mod affinity;
mod alerts;
mod chosen;
mod citizen;
pub(crate) mod claims;
mod configs;
mod dry_run;
mod edited;
mod gate;
mod held;
mod hooks;
mod istio;
mod mirrored;
mod modes;
mod plan;
mod primaries;
mod restored;
mod rollout;
mod routers;
mod schema;
mod series;
mod services;
mod targets;
mod validate;
mod writers;
mod wrong;
