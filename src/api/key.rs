//! Identity of a Canary inside a cluster.

use std::fmt;

use kube::ResourceExt;

use super::canary::Canary;

/// Namespace and name of a Canary; prints as `namespace/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CanaryKey {
    /// Namespace of the Canary.
    pub namespace: String,
    /// Name of the Canary.
    pub name: String,
}

impl CanaryKey {
    /// A key of its two parts.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl From<&Canary> for CanaryKey {
    /// The namespace is empty for an object that was never stored.
    fn from(canary: &Canary) -> Self {
        Self { namespace: canary.namespace().unwrap_or_default(), name: canary.name_any() }
    }
}

impl fmt::Display for CanaryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
