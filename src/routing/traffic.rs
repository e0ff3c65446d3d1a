//! How the requests of a Canary are led: what a router renders.

use super::{Cookies, Weight, Weights};

/// Where requests go, and what becomes of them beside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// The shares of primary and canary.
    pub weights: Weights,
    /// The share of requests that are copied to the canary beside; nobody gets its answers to them.
    pub mirror: Option<Weight>,
    /// Cookies that keep users on a version.
    pub cookies: Cookies,
}

impl Traffic {
    /// Everything to the primary and nothing beside, as between runs.
    pub const AT_REST: Traffic =
        Traffic { weights: Weights::TO_PRIMARY, mirror: None, cookies: Cookies::NONE };

    /// Whether a route says more than two weights for it; that a cookie goes can be left out where none was ever set.
    pub fn is_beyond_weights(&self) -> bool {
        self.mirror.is_some() || self.cookies.canary.is_some()
    }
}

impl From<Weights> for Traffic {
    /// A split and nothing beside.
    fn from(weights: Weights) -> Self {
        Traffic { weights, ..Traffic::AT_REST }
    }
}
