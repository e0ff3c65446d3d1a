//! Sluice: progressive delivery for Kubernetes with a gate in front.
//!
//! A room may use the rooms above it, never one below; `tests/arrows.rs` holds them to it.
//!
//! ```text
//! sentence                              how an error is told
//! api                                   what users write and what we store
//! workload · routing · analysis         pure: objects to objects, weights to routes, metrics to verdicts
//! rollout                               pure: Observation + now -> Decision
//! admission                             pure: Review + Catalog -> Verdict
//! execute · egress                      a Decision into ordered writes through `trait World`; where requests may go
//! cluster · simulation                  the World made of an API server, and of memory
//! providers · hooks · notify · certs    metric servers; hooks and gates; alerts; certificates
//! server                                admission over HTTPS, probes and metrics over HTTP
//! controller · loadtester               the loop; loads and gates for hooks
//! cli                                   one file a subcommand
//! ```

pub mod admission;
pub mod analysis;
pub mod api;
pub mod certs;
pub mod cli;
pub mod cluster;
pub mod controller;
pub mod egress;
pub mod execute;
pub mod hooks;
pub mod loadtester;
pub mod notify;
pub mod providers;
pub mod rollout;
pub mod routing;
pub mod sentence;
pub mod server;
pub mod simulation;
pub mod workload;
