//! Sluice

pub mod admission;
pub mod analysis;
pub mod api;
pub mod certs;
pub mod providers;
pub mod server;
