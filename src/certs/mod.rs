//! The certificates of the admission endpoint: issued, stored in a Secret, rotated with overlap, served without a
//! restart, and told to the API server. Never logs a key, never writes a Secret that is not its own.

mod clock;
mod error;
mod facts;
mod files;
mod inject;
mod issue;
mod keeper;
mod material;
mod resolver;
mod rotation;
mod store;
#[cfg(test)]
pub(crate) mod tests;

pub use error::Error;
pub use facts::{Facts, Names, verify};
pub use files::{Files, Look};
pub use inject::{Configuration, Injected, Injector, patch};
pub use issue::{Pair, SKEW, authority, leaf};
pub use keeper::{Keeper, Settings, Source};
pub use material::{Bundle, Material, Next};
pub use resolver::{Resolver, server_config};
pub use rotation::{Action, Policy, Request, Situation, make, plan};
pub use store::{ROTATE, Store, Written};
