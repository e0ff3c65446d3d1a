//! Sluice

pub mod admission;
pub mod api;
pub mod certs;
pub mod server;
