//! Sluice

pub mod admission;
pub mod analysis;
pub mod api;
pub mod certs;
pub mod providers;
pub mod routing;
pub mod server;
pub mod workload;
