//! Tests that have the installation for themselves.

pub(crate) mod certs;
pub(crate) mod crash;
mod idle;
mod install;
mod outage;
mod runbook;
mod storm;
mod take_over;
