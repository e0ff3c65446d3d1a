//! The gate's judgement: a review of the API server comes in as bytes, a verdict goes out as bytes.
//!
//! This room reads the registry of [`rules`], the [`Catalog`] of Canaries and what the edge looked up for it; it asks nobody,
//! waits for nothing and knows no clock. The HTTPS endpoint that carries the bytes lives in `server`.

pub mod address;
pub mod catalog;
pub mod endpoint;
pub mod examine;
mod forecast;
pub mod gate;
pub mod guards;
pub mod lookup;
mod mend;
pub mod mode;
pub mod problem;
pub mod registration;
pub mod reply;
pub mod review;
pub mod rules;
pub mod schema;
pub mod set;
mod sparing;
pub mod standing;
pub mod verdict;
mod warning;

pub use catalog::{Catalog, Claim, Entry, Overlap, Rival, Seen, SharedKind, SharedRef, stored};
pub use endpoint::Endpoint;
pub use gate::{Call, Gate};
pub use lookup::{Lookup, Lookups};
pub use mode::Mode;
pub use problem::{Problem, Severity};
pub use review::{Operation, Request, ReviewError};
pub use verdict::Verdict;

#[cfg(test)]
mod tests;
