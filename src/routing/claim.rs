//! What a route claims: the requests that it alone is to answer. Of two routes that claim the same a proxy hears one only.

use super::router;
use crate::api::{Canary, Provider};

/// The requests of one host and one condition at one entrance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouteClaim {
    /// Where requests come in, in words: `Gateway gateways/public`.
    pub parent: String,
    /// Which part of the entrance, such as a listener; none for all of it.
    pub section: Option<String>,
    /// The host name; `*` for every one.
    pub host: String,
    /// The condition on requests in the provider's own form; the same condition is the same text.
    pub condition: String,
}

/// How two claims meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meeting {
    /// Both claim the same.
    Equal,
    /// One claims a part of the entrance of which the other claims all.
    Part,
}

/// Most claims of one Canary that count; the API allows more than anybody has.
const MOST: usize = 1_024;

impl RouteClaim {
    /// How this claim meets another one, if it does.
    pub fn meets(&self, other: &RouteClaim) -> Option<Meeting> {
        let same =
            (&self.parent, &self.host, &self.condition) == (&other.parent, &other.host, &other.condition);
        match (&self.section, &other.section) {
            _ if !same => None,
            (one, another) if one == another => Some(Meeting::Equal),
            (Some(_), Some(_)) => None,
            _ => Some(Meeting::Part),
        }
    }
}

/// What the route of a Canary claims, each once; `default` is the provider of Canaries that name none.
pub fn claims(canary: &Canary, default: Provider) -> Vec<RouteClaim> {
    let router = router(canary.spec.provider.unwrap_or(default));
    let mut claims = router.map(|router| router.claims(canary)).unwrap_or_default();
    claims.truncate(MOST);
    claims.sort();
    claims.dedup();
    claims
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn of(provider: &str, service: &Value) -> Vec<RouteClaim> {
        let canary: Canary = serde_json::from_value(json!({
            "metadata": {"name": "app", "namespace": "shop"},
            "spec": {
                "provider": provider,
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
                "service": service,
                "analysis": {"interval": "1m", "threshold": 1, "stepWeight": 10},
            },
        }))
        .unwrap();
        claims(&canary, Provider::Kubernetes)
    }

    fn gateway(change: Value) -> Vec<RouteClaim> {
        let mut service =
            json!({"port": 80, "hosts": ["shop.example.com"], "gatewayRefs": [{"name": "public"}]});
        json_patch::merge(&mut service, &change);
        of("gatewayapi:v1", &service)
    }

    fn istio(change: Value) -> Vec<RouteClaim> {
        let mut service = json!({"port": 80, "hosts": ["shop.example.com"], "gateways": ["public"]});
        json_patch::merge(&mut service, &change);
        of("istio", &service)
    }

    /// How the claims of two Canaries meet at worst.
    fn meeting(one: &[RouteClaim], other: &[RouteClaim]) -> Option<Meeting> {
        let all: Vec<Meeting> =
            one.iter().flat_map(|one| other.iter().filter_map(|other| one.meets(other))).collect();
        all.iter().find(|meeting| **meeting == Meeting::Equal).or(all.first()).copied()
    }

    #[rstest]
    #[case::the_same(gateway(json!({})), gateway(json!({})), Some(Meeting::Equal))]
    #[case::every_path_written_out(gateway(json!({})), gateway(json!({"match": [{"uri": {"prefix": "/"}}]})), Some(Meeting::Equal))]
    #[case::one_of_several(
        gateway(json!({"match": [{"uri": {"prefix": "/a"}}, {"uri": {"prefix": "/b"}}]})),
        gateway(json!({"match": [{"uri": {"prefix": "/b"}}]})),
        Some(Meeting::Equal)
    )]
    #[case::another_path(gateway(json!({"match": [{"uri": {"prefix": "/a"}}]})), gateway(json!({})), None)]
    #[case::another_host(gateway(json!({})), gateway(json!({"hosts": ["api.example.com"]})), None)]
    #[case::its_namespace_written_out(gateway(json!({})), gateway(json!({"gatewayRefs": [{"name": "public", "namespace": "shop"}]})), Some(Meeting::Equal))]
    #[case::another_gateway(gateway(json!({})), gateway(json!({"gatewayRefs": [{"name": "public", "namespace": "web"}]})), None)]
    #[case::a_listener_of_it(gateway(json!({})), gateway(json!({"gatewayRefs": [{"name": "public", "sectionName": "https"}]})), Some(Meeting::Part))]
    #[case::another_listener(
        gateway(json!({"gatewayRefs": [{"name": "public", "sectionName": "http"}]})),
        gateway(json!({"gatewayRefs": [{"name": "public", "sectionName": "https"}]})),
        None
    )]
    #[case::the_same_in_istio(istio(json!({})), istio(json!({"gateways": ["shop/public"]})), Some(Meeting::Equal))]
    #[case::another_path_in_istio(istio(json!({"match": [{"uri": {"prefix": "/a"}}]})), istio(json!({})), None)]
    #[case::names_of_conditions_are_for_logs(
        istio(json!({"match": [{"name": "a", "uri": {"prefix": "/a"}}]})),
        istio(json!({"match": [{"name": "b", "uri": {"prefix": "/a"}}]})),
        Some(Meeting::Equal)
    )]
    #[case::conditions_of_other_gateways(
        istio(json!({"gateways": ["public", "mesh"], "match": [{"gateways": ["mesh"], "uri": {"prefix": "/a"}}]})),
        istio(json!({"match": [{"uri": {"prefix": "/a"}}]})),
        None
    )]
    #[case::gateways_of_other_kinds(istio(json!({})), gateway(json!({})), None)]
    fn claims_meet_where_one_route_alone_is_heard(
        #[case] one: Vec<RouteClaim>,
        #[case] other: Vec<RouteClaim>,
        #[case] expected: Option<Meeting>,
    ) {
        assert_eq!((meeting(&one, &other), meeting(&other, &one)), (expected, expected), "{one:?} {other:?}");
    }

    #[rstest]
    #[case::inside_of_the_mesh(istio(json!({"gateways": ["mesh"]})))]
    #[case::delegated(istio(json!({"delegation": true, "hosts": null, "gateways": null})))]
    #[case::included_by_a_root(of("contour", &json!({"port": 80})))]
    #[case::no_route(of("kubernetes", &json!({"port": 80})))]
    #[case::a_provider_without_a_router(of("linkerd", &json!({"port": 80})))]
    fn what_others_lead_to_claims_nothing(#[case] claims: Vec<RouteClaim>) {
        assert_eq!(claims, []);
    }

    #[test]
    fn absurdly_many_claims_are_cut() {
        let many = |what: &str, count: usize| -> Value {
            (0..count).map(|n| json!(format!("{what}{n}.example.com"))).collect()
        };
        let paths: Value = (0..64).map(|n| json!({"uri": {"prefix": format!("/{n}")}})).collect();
        assert_eq!(gateway(json!({"hosts": many("h", 100), "match": paths})).len(), MOST);
    }
}
