//! Tests that have the installation for themselves.

mod certs;
mod crash;
mod idle;
mod install;
mod outage;
