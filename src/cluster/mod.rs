//! The world made of a real API server: watches, projections, writes, claims of leadership, events.
//!
//! This is the only room that talks to the API server for the loop. It decides nothing about a rollout: it tells what changed,
//! gives what is needed for a decision, never older than our own last write, and carries out single writes. It refuses to
//! guess: what it cannot read is an error and never an absence.

pub mod announce;
mod calls;
mod compact;
mod configs;
pub mod crds;
mod error;
mod flight;
pub mod health;
mod kept;
pub mod kinds;
mod lease;
mod named;
mod overlay;
mod raw;
mod read;
mod scale;
pub mod schema_check;
mod secret;
mod served;
mod store;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod view;
pub mod watches;
pub mod world;

pub use announce::{Announcer, Poster};
pub use crds::apply_crds;
pub use error::ClusterError;
pub use health::{Failures, Health, Lapse};
pub use kinds::{Duty, Kind};
pub use lease::Candidate;
pub use read::Cluster;
pub use schema_check::check_schema;
pub use view::Touched;
pub use watches::Watches;
pub use world::{ClusterWorld, Told};
