//! Identity of any object, with the little that is needed to address it.

use std::fmt;

/// Type, namespace and name of an object; prints as `Kind namespace/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// Group and version, `v1` or `apps/v1`.
    pub api_version: String,
    /// Kind in CamelCase.
    pub kind: String,
    /// Namespace; empty for an object of the cluster.
    pub namespace: String,
    /// Name of the object.
    pub name: String,
}

/// Lower-case plurals that no rule of spelling gives.
const IRREGULAR: &[(&str, &str)] = &[
    ("Canary", "canaries"),
    ("HTTPProxy", "httpproxies"),
    ("Ingress", "ingresses"),
    ("Gateway", "gateways"),
    ("EndpointSlice", "endpointslices"),
];

impl ObjectRef {
    /// A reference of its parts.
    pub fn new(
        api_version: impl Into<String>,
        kind: impl Into<String>,
        namespace: impl Into<String>,
        name: impl Into<String>,
    ) -> Self {
        Self {
            api_version: api_version.into(),
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// Group and version; the group of core kinds is empty.
    pub fn group_version(&self) -> (&str, &str) {
        self.api_version.split_once('/').unwrap_or(("", &self.api_version))
    }

    /// The kind as it stands in a URL and in a role.
    pub fn plural(&self) -> String {
        plural(&self.kind)
    }
}

/// The kind as it stands in a URL and in a role: `Deployment` is `deployments`, `Canary` is `canaries`.
pub fn plural(kind: &str) -> String {
    match IRREGULAR.iter().find(|(known, _)| *known == kind) {
        Some((_, plural)) => (*plural).to_owned(),
        None => format!("{}s", kind.to_ascii_lowercase()),
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace.as_str() {
            "" => write!(f, "{} {}", self.kind, self.name),
            namespace => write!(f, "{} {namespace}/{}", self.kind, self.name),
        }
    }
}
