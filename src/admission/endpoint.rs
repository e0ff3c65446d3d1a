//! What a path of the admission endpoint is for; the paths are those that the configurations name.

use super::mode::Mode;

/// Where a review is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Our own kinds before the API server's schema looks: every problem is told in one answer, nothing is changed.
    CanaryMutate,
    /// Our own kinds as they are going to be stored.
    CanaryValidate,
    /// Objects of our own kinds that somebody deletes.
    CanaryDelete,
    /// Workloads of a Canary that change: a target's replicas are held and its changes stamped, a primary stays as it is.
    TargetMutate,
    /// Services and routes that lead to a Canary's pods: what others write leaves our part as it is.
    RouteMutate,
    /// What a Canary made or releases, when somebody deletes it.
    OwnedDelete,
}

impl Endpoint {
    /// All of them.
    pub const ALL: [Endpoint; 6] = [
        Endpoint::CanaryMutate,
        Endpoint::CanaryValidate,
        Endpoint::CanaryDelete,
        Endpoint::TargetMutate,
        Endpoint::RouteMutate,
        Endpoint::OwnedDelete,
    ];

    /// Whether it is asked before the object is final, so that its answer may carry a patch.
    pub fn mutates(self) -> bool {
        match self {
            Endpoint::CanaryMutate | Endpoint::TargetMutate | Endpoint::RouteMutate => true,
            Endpoint::CanaryValidate | Endpoint::CanaryDelete | Endpoint::OwnedDelete => false,
        }
    }

    /// Its name, which is the path of its URL in namespaces that enforce.
    pub fn path(self) -> &'static str {
        match self {
            Endpoint::CanaryMutate => "/canary/mutate",
            Endpoint::CanaryValidate => "/canary/validate",
            Endpoint::CanaryDelete => "/canary/delete",
            Endpoint::TargetMutate => "/target/mutate",
            Endpoint::RouteMutate => "/route/mutate",
            Endpoint::OwnedDelete => "/owned/delete",
        }
    }

    /// The path of its URL in namespaces of a mode.
    pub fn path_in(self, mode: Mode) -> String {
        format!("{}{}", mode.prefix(), self.path())
    }
}
