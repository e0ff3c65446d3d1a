//! Tests that take minutes: `make test-all` runs them, `make test` does not. Each has the installation for itself.

mod api;
mod claims;
mod cold;
mod crowd;
mod elsewhere;
mod kills;
mod restarts;
mod rotation;
mod settle;
