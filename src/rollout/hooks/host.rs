//! Where hooks and loads may go. The addresses come from whoever may write a Canary, the requests from Sluice's place in the
//! network.

use std::{convert::Infallible, str::FromStr};

/// The word for all Services of the same cluster.
const CLUSTER: &str = "cluster";
/// What a Service's name ends in.
const SERVICE: [&str; 2] = [".svc", ".svc.cluster.local"];

/// The hosts that hooks, or the loads of a load tester, may go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookHosts(Vec<Pattern>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    /// Services of the same cluster.
    Cluster,
    /// Every host.
    All,
    /// A domain's hosts, with the dot before it.
    Below(String),
    /// One host.
    Exact(String),
}

/// How an allowed host is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// A Service of the same cluster under this name.
    Service(String),
    /// A host that the operator's list covers by a pattern.
    Covered,
    /// A host that the operator's list names: it may also be this machine.
    Named,
}

impl HookHosts {
    /// The host of one URL and no other.
    pub fn of_url(url: &str) -> Self {
        let url = url::Url::parse(url).ok();
        let host = url.as_ref().and_then(url::Url::host_str).map(str::to_ascii_lowercase);
        HookHosts(host.map(Pattern::Exact).into_iter().collect())
    }

    /// How a host is reached from a Canary's namespace; none if it may not be.
    ///
    /// A name without dots is a Service of that namespace, one with a single dot is a Service and its namespace: so they
    /// are looked up as such, and never in the Internet.
    pub fn reach(&self, host: &str, namespace: &str) -> Option<Reach> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let mut found = None;
        for pattern in &self.0 {
            match pattern {
                Pattern::Exact(name) if *name == host => return Some(Reach::Named),
                Pattern::Cluster => found = service(&host, namespace).map(Reach::Service).or(found),
                Pattern::Below(domain) if host.ends_with(domain.as_str()) => {
                    found = found.or(Some(Reach::Covered))
                }
                Pattern::All => found = found.or(Some(Reach::Covered)),
                _ => {}
            }
        }
        found
    }
}

/// The name of a Service as the cluster's DNS has it, if the host can be one.
fn service(host: &str, namespace: &str) -> Option<String> {
    let label = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if SERVICE.iter().any(|suffix| host.len() > suffix.len() && host.ends_with(suffix)) {
        return Some(host.to_owned());
    }
    match host.split_once('.') {
        None if label(host) && host != "localhost" => Some(format!("{host}.{namespace}.svc")),
        Some((name, space)) if label(name) && label(space) => Some(format!("{host}.svc")),
        _ => None,
    }
}

impl Default for HookHosts {
    /// The same cluster.
    fn default() -> Self {
        HookHosts(vec![Pattern::Cluster])
    }
}

impl FromStr for HookHosts {
    type Err = Infallible;

    /// Reads a list with commas: `cluster`, hosts, `*.domain`, `*`. An empty list allows nothing.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let words =
            text.split(',').map(|word| word.trim().to_ascii_lowercase()).filter(|word| !word.is_empty());
        let patterns = words.map(|word| match word.as_str() {
            CLUSTER => Pattern::Cluster,
            "*" => Pattern::All,
            _ => match word.strip_prefix('*').filter(|domain| domain.starts_with('.')) {
                Some(domain) => Pattern::Below(domain.to_owned()),
                None => Pattern::Exact(word),
            },
        });
        Ok(HookHosts(patterns.collect()))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn reach(list: &str, host: &str) -> Option<String> {
        let hosts: HookHosts = list.parse().unwrap();
        hosts.reach(host, "store").map(|reach| match reach {
            Reach::Service(name) => name,
            other => format!("{other:?}"),
        })
    }

    #[rstest]
    #[case::a_service_of_the_namespace("gate", Some("gate.store.svc"))]
    #[case::a_service_and_its_namespace("loadtester.test", Some("loadtester.test.svc"))]
    #[case::a_name_in_full("gate.shop.svc.cluster.local", Some("gate.shop.svc.cluster.local"))]
    #[case::with_the_dot_at_the_end("gate.shop.svc.", Some("gate.shop.svc"))]
    #[case::in_capitals("Gate.Shop", Some("gate.shop.svc"))]
    #[case::w_hk_6_a_domain_is_looked_up_as_a_service("example.com", Some("example.com.svc"))]
    #[case::w_hk_6_a_host_of_the_internet("hooks.example.com", None)]
    #[case::w_hk_6_the_metadata_of_the_cloud("metadata.google.internal", None)]
    #[case::w_hk_6_an_address("169.254.169.254", None)]
    #[case::w_hk_6_the_pod_itself("localhost", None)]
    #[case::w_hk_6_an_address_of_version_6("[::1]", None)]
    #[case::nothing_before_the_suffix(".svc", None)]
    fn by_default_hooks_stay_in_the_cluster(#[case] host: &str, #[case] expected: Option<&str>) {
        assert_eq!(reach("cluster", host).as_deref(), expected);
        assert_eq!(HookHosts::default(), "cluster".parse().unwrap());
    }

    #[test]
    fn the_operators_own_hook_goes_to_its_host_alone() {
        let hosts = HookHosts::of_url("https://Events.example.com:8443/x?token=y");
        assert_eq!(hosts.reach("events.example.com", "store"), Some(Reach::Named));
        assert_eq!(hosts.reach("gate", "store"), None);
        assert_eq!(HookHosts::of_url("nonsense").reach("nonsense", "store"), None);
    }

    #[rstest]
    #[case::named("cluster, hooks.example.com", "hooks.example.com", Some("Named"))]
    #[case::another("cluster,hooks.example.com", "evil.example.com", None)]
    #[case::a_domain("*.example.com", "a.b.example.com", Some("Covered"))]
    #[case::not_the_domain_itself("*.example.com", "example.com", None)]
    #[case::a_name_that_only_ends_alike("*.example.com", "badexample.com", None)]
    #[case::all("*", "10.0.0.7", Some("Covered"))]
    #[case::all_and_the_cluster("*,cluster", "gate", Some("gate.store.svc"))]
    #[case::named_comes_first("cluster,gate", "gate", Some("Named"))]
    #[case::nothing("", "gate", None)]
    #[case::the_cluster_is_left_out("hooks.example.com", "gate", None)]
    fn the_operator_says_where_else(#[case] list: &str, #[case] host: &str, #[case] expected: Option<&str>) {
        assert_eq!(reach(list, host).as_deref(), expected);
    }
}
