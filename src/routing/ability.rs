//! What may be asked of a provider beside splitting traffic by weight, whether or not its router serves it yet: what the peer's
//! router of it does not do either is refused or left out for good, what it does is refused only until ours does too. This is the
//! peer's reach and not the provider's: an HTTPProxy of Contour, for one, could copy requests.

use super::{Capabilities, Criterion, Router, is_tcp};
use crate::api::{Canary, Provider};

/// What may be asked of a provider beside weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ability {
    /// By what it tells requests apart (A/B); none: not at all.
    pub matching: &'static [Criterion],
    /// Whether it copies requests to the canary.
    pub mirror: bool,
    /// Whether it keeps a user on the version that answered first.
    pub affinity: bool,
}

const NONE: Ability = Ability { matching: &[], mirror: false, affinity: false };
const HEADERS: &[Criterion] =
    &[Criterion::HeaderExact, Criterion::HeaderPrefix, Criterion::HeaderSuffix, Criterion::HeaderRegex];

/// The abilities of a provider; `tcp` for connections that are routed as they are, in which nobody sees a request.
pub fn ability(provider: Provider, tcp: bool) -> Ability {
    use Criterion::{HeaderExact, HeaderPrefix, HeaderRegex, HeaderSuffix, QueryParameter, SourceLabels};
    match provider {
        _ if tcp => NONE,
        Provider::Istio => Ability {
            matching: &[HeaderExact, HeaderPrefix, HeaderSuffix, HeaderRegex, QueryParameter, SourceLabels],
            mirror: true,
            affinity: true,
        },
        Provider::GatewayApiV1 | Provider::GatewayApiV1Beta1 => {
            Ability { matching: &[HeaderExact, HeaderRegex, QueryParameter], mirror: true, affinity: true }
        }
        Provider::Contour | Provider::AppMeshV1Beta1 | Provider::AppMeshV1Beta2 => {
            Ability { matching: HEADERS, ..NONE }
        }
        Provider::Gloo | Provider::Nginx => Ability { matching: &[HeaderExact, HeaderRegex], ..NONE },
        Provider::Apisix
        | Provider::Knative
        | Provider::Kubernetes
        | Provider::Kuma
        | Provider::Linkerd
        | Provider::Osm
        | Provider::Skipper
        | Provider::SmiV1Alpha1
        | Provider::SmiV1Alpha2
        | Provider::SmiV1Alpha3
        | Provider::Traefik => NONE,
    }
}

/// What a router can do for a Canary: it sees no requests in connections that are routed as they are.
pub fn able(router: &dyn Router, canary: &Canary) -> Capabilities {
    let can = router.capabilities();
    if is_tcp(canary) { Capabilities { mirror: false, affinity: false, matching: &[], ..can } } else { can }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::ROUTERS;

    #[test]
    fn a_router_serves_nothing_that_its_provider_cannot_do() {
        for router in ROUTERS {
            let can = router.capabilities();
            for provider in router.providers() {
                let ability = ability(*provider, false);
                assert!(can.matching.iter().all(|by| ability.matching.contains(by)), "{provider}");
                assert!(can.mirror <= ability.mirror && can.affinity <= ability.affinity, "{provider}");
            }
        }
    }
}
