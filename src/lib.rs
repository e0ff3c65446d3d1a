//! Sluice

pub mod api;
