//! Sluice: progressive delivery for Kubernetes with a gate in front.
//!
//! A room may use the rooms above it, never one below; `tests/arrows.rs` holds them to it.
//!
//! ```text
//! api                                   what users write and what we store
//! workload · routing · analysis         pure: objects to objects, weights to routes, metrics to verdicts
//! rollout                               pure: Observation + now -> Decision
//! admission                             pure: Review + Catalog -> Verdict
//! execute                               a Decision into ordered writes through `trait World`
//! cluster · simulation                  the World made of an API server, and of memory
//! providers · certs                     metric servers; certificates
//! server                                admission over HTTPS, probes and metrics over HTTP
//! controller                            the loop
//! cli                                   one file a subcommand
//! ```

pub mod admission;
pub mod analysis;
pub mod api;
pub mod certs;
pub mod cli;
pub mod cluster;
pub mod controller;
pub mod execute;
pub mod providers;
pub mod rollout;
pub mod routing;
pub mod server;
pub mod simulation;
pub mod workload;

/// An error and all its causes in one sentence.
pub fn sentence(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        // Many libraries repeat their cause in their own text.
        if !text.contains(&part) {
            text = format!("{text}: {part}");
        }
        cause = error.source();
    }
    text
}
