//! What a route needs.

use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::problem::Severity;
use crate::api::{Live, Provider};
use crate::routing::{self, Field, ROUTERS, RoutingError, Traffic};

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
    hosts: [\"*\"]
",
    right: "
spec:
  provider: gatewayapi:v1
  service:
    hosts: [\"*.example.com\"]
",
};

pub(super) static NO_EFFECT: Rule = Rule {
    id: "SL306",
    severity: Severity::Warning,
    title: "The provider serves the fields that are given; others have no effect",
    manner: Manner::Plain,
    check: Check::Canary(no_effect),
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
    let rendered =
        router.render(context.canary, &Live::default(), &context.settings.routing, &Traffic::AT_REST);
    if let Err(RoutingError::Inexpressible { problems, .. }) = rendered {
        for problem in problems {
            findings.report_sentence(problem.path, &problem.message);
        }
    }
}

/// A warning only: with the peer such a Canary works, and the field is ignored there too.
fn no_effect(context: &Context<'_>, findings: &mut Findings) {
    let provider = context.provider();
    let Some(router) = routing::router(provider) else { return };
    for left in router.left_out(context.canary) {
        findings.report_sentence(left.path, &left.message);
    }
    for field in Field::ALL {
        let can = router.capabilities();
        let connections = can.tcp && routing::is_tcp(context.canary);
        if !field.is_given(context.canary) || can.serves(*field) && !(connections && field.is_http()) {
            continue;
        }
        if can.serves(*field) {
            let fix = "Remove it, or appProtocol tcp";
            findings.report(field.path(), "it is HTTP's and has no effect on TCP connections", fix);
            continue;
        }
        let served = ROUTERS.iter().filter(|router| router.capabilities().serves(*field));
        let others: Vec<&str> =
            served.filter_map(|router| Some(router.providers().first()?.as_str())).collect();
        let fix = match others.as_slice() {
            [] => "Remove it".to_owned(),
            others => format!("Remove it, or use provider {}", others.join(" or ")),
        };
        findings.report(field.path(), format!("it has no effect with provider {provider}"), fix);
    }
}
