//! Identity of any object, with the little that is needed to address it.

use std::fmt;

use super::at;

/// Type, namespace and name of an object; prints as `Kind namespace/name`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

/// Kinds whose plural is not the lower-case kind with an `s`. A kind that ends in `y`, `s` or `x` has to be checked.
const IRREGULAR: &[(&str, &str)] =
    &[("Canary", "canaries"), ("HTTPProxy", "httpproxies"), ("Ingress", "ingresses")];

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

    /// The reference of an object that says itself what it is; what it does not say is empty.
    pub fn of(object: &super::Object) -> Self {
        let text = |path: &[&str]| at(object, path).and_then(|value| value.as_str()).unwrap_or_default();
        Self::new(
            text(&["apiVersion"]),
            text(&["kind"]),
            text(&["metadata", "namespace"]),
            text(&["metadata", "name"]),
        )
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

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("v1", "Service", ("", "v1"), "services")]
    #[case("v1", "ConfigMap", ("", "v1"), "configmaps")]
    #[case("apps/v1", "Deployment", ("apps", "v1"), "deployments")]
    #[case("apps/v1", "DaemonSet", ("apps", "v1"), "daemonsets")]
    #[case("apps/v1", "ControllerRevision", ("apps", "v1"), "controllerrevisions")]
    #[case("discovery.k8s.io/v1", "EndpointSlice", ("discovery.k8s.io", "v1"), "endpointslices")]
    #[case("networking.k8s.io/v1", "Ingress", ("networking.k8s.io", "v1"), "ingresses")]
    #[case("gateway.networking.k8s.io/v1", "HTTPRoute", ("gateway.networking.k8s.io", "v1"), "httproutes")]
    #[case("gateway.networking.k8s.io/v1", "Gateway", ("gateway.networking.k8s.io", "v1"), "gateways")]
    #[case("projectcontour.io/v1", "HTTPProxy", ("projectcontour.io", "v1"), "httpproxies")]
    #[case("flagger.app/v1beta1", "Canary", ("flagger.app", "v1beta1"), "canaries")]
    #[case("flagger.app/v1beta1", "MetricTemplate", ("flagger.app", "v1beta1"), "metrictemplates")]
    fn an_object_is_addressed_by_group_version_and_plural(
        #[case] api_version: &str,
        #[case] kind: &str,
        #[case] group_version: (&str, &str),
        #[case] plural: &str,
    ) {
        let object = ObjectRef::new(api_version, kind, "shop", "catalogue");
        assert_eq!(object.group_version(), group_version);
        assert_eq!(object.plural(), plural);
        assert_eq!(object.to_string(), format!("{kind} shop/catalogue"));
    }

    #[test]
    fn an_object_of_the_cluster_has_no_namespace() {
        assert_eq!(ObjectRef::new("v1", "Namespace", "", "shop").to_string(), "Namespace shop");
    }
}
