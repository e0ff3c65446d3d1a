//! Cluster tests: the real API server calls the real gate, real pods serve real requests. `GATE=off` runs them without
//! the gate; `CLUSTER=existing` on the cluster of the current kubeconfig.
//!
//! A test of `together` shares one installation of Sluice with the others and has a namespace of its own. A test of `alone`
//! changes, stops or measures the installation itself, so it runs when no other does. Tests start in the order of their names,
//! so those of `alone` come first. Those of `long` are alone too and take minutes: `make test` leaves them out.
#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod alone;
mod install;
mod long;
mod together;
