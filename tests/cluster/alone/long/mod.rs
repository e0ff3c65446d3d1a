//! Those that take minutes: `make test-all` runs them, `make test` does not.

mod kills;
mod settle;
