//! What a path of the admission endpoint is for; the paths are those that the configurations name.

use super::registration::{CANARY_MUTATE, CANARY_VALIDATE, TARGET_MUTATE};

/// Where a review is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Our own kinds before the API server's schema looks: every problem is told in one answer, nothing is changed.
    CanaryMutate,
    /// Our own kinds as they are going to be stored.
    CanaryValidate,
    /// Workloads that a Canary releases: replicas are held and changes stamped, nothing is refused.
    TargetMutate,
}

impl Endpoint {
    /// All of them.
    pub const ALL: [Endpoint; 3] = [Endpoint::CanaryMutate, Endpoint::CanaryValidate, Endpoint::TargetMutate];

    /// The path of the URL.
    pub fn path(self) -> &'static str {
        match self {
            Endpoint::CanaryMutate => CANARY_MUTATE,
            Endpoint::CanaryValidate => CANARY_VALIDATE,
            Endpoint::TargetMutate => TARGET_MUTATE,
        }
    }
}
