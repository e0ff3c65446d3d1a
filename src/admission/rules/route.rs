//! What a route needs.

use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::problem::Severity;
use crate::api::{Live, Provider};
use crate::routing::{self, RoutingError, Weights};

pub(super) static NO_PARENT: Rule = Rule {
    id: "SL302",
    severity: Severity::Error,
    title: "A Gateway API route has a parent: spec.service.gatewayRefs",
    manner: Manner::Plain,
    check: Check::Canary(check),
    cel: &[],
    wrong: "
spec:
  provider: gatewayapi:v1
  service:
    gatewayRefs: []
",
    right: "
spec:
  provider: gatewayapi:v1
  service:
    gatewayRefs:
      - name: public
        namespace: gateways
",
};

pub(super) static INEXPRESSIBLE: Rule = Rule {
    id: "SL303",
    severity: Severity::Error,
    title: "The provider has words for all that spec.service asks of the route",
    manner: Manner::Yields,
    check: Check::Canary(inexpressible),
    cel: &[],
    wrong: "
spec:
  provider: gatewayapi:v1
  service:
    retries:
      attempts: 3
",
    right: "
spec:
  provider: gatewayapi:v1
  service:
    timeout: 15s
",
};

fn check(context: &Context<'_>, findings: &mut Findings) {
    let provider = context.provider();
    let routes = matches!(provider, Provider::GatewayApiV1 | Provider::GatewayApiV1Beta1);
    let Some(service) = &context.canary.spec.service else { return };
    if routes && service.gateway_refs.is_empty() {
        findings.report(
            "spec.service.gatewayRefs",
            format!("provider {provider} makes a route, and a route without a Gateway carries no traffic"),
            "Name the Gateway in spec.service.gatewayRefs, or set spec.provider to kubernetes for blue/green without a route",
        );
    }
}

fn inexpressible(context: &Context<'_>, findings: &mut Findings) {
    let Some(router) = routing::router(context.provider()) else { return };
    let rendered = router.render(context.canary, &Live::default(), Weights::TO_PRIMARY);
    if let Err(RoutingError::Inexpressible { problems, .. }) = rendered {
        for problem in problems {
            findings.report_sentence(problem.path, &problem.message);
        }
    }
}
