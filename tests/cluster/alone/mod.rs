//! Tests that have the installation for themselves.

pub(crate) mod certs;
mod crash;
mod idle;
mod install;
mod long;
mod outage;
mod runbook;
mod storm;
