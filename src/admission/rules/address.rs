//! Addresses that Sluice is to call: metric servers, webhooks, chat rooms, the proxy in front of one.

use serde_json::Value;

use super::place::visit;
use super::{Check, Findings, Manner, Rule};
use crate::admission::address;
use crate::admission::problem::Severity;

pub(super) static NO_URL: Rule = Rule {
    id: "SL004",
    severity: Severity::Error,
    title: "The address of a webhook, of an AlertProvider and of its proxy is a URL that HTTP can call",
    manner: Manner::Plain,
    check: Check::Json(no_url),
    cel: &[],
    wrong: "
kind: AlertProvider
spec:
  address: hooks.chat.example/T0/B0
  secretRef: null
",
    right: "
kind: AlertProvider
spec:
  secretRef:
    name: credentials
",
};

pub(super) static FORBIDDEN: Rule = Rule {
    id: "SL005",
    severity: Severity::Error,
    title: "Nothing that Sluice calls is at a link-local address or a cloud's metadata service: they give away what the machine may do",
    manner: Manner::Plain,
    check: Check::Json(forbidden),
    cel: &[],
    wrong: "
kind: MetricTemplate
spec:
  provider:
    address: http://169.254.169.254/latest/meta-data
",
    right: "
kind: MetricTemplate
spec:
  provider:
    address: http://prometheus.monitoring:9090
",
};

pub(super) static CREDENTIALS: Rule = Rule {
    id: "SL006",
    severity: Severity::Warning,
    title: "An address holds no user name and no password: whoever may read the object may read them",
    manner: Manner::Plain,
    check: Check::Json(credentials),
    cel: &[],
    wrong: "
spec:
  metricsServer: http://ann:secret@prometheus:9090
",
    right: "
spec:
  metricsServer: http://prometheus:9090
",
};

/// Where an address stands, and what keeps a secret of that place.
struct Place {
    kind: &'static str,
    path: &'static str,
    /// Whether other rules tell what is no URL.
    told: bool,
    keep: &'static str,
}

const PLACES: [Place; 5] = [
    Place {
        kind: "Canary",
        path: "spec.metricsServer",
        told: true,
        keep: "Use a MetricTemplate with a secretRef for a server that wants them",
    },
    Place {
        kind: "Canary",
        path: "spec.analysis.webhooks.*.url",
        told: false,
        keep: "Remove them, and let a NetworkPolicy say who may call that server",
    },
    Place {
        kind: "MetricTemplate",
        path: "spec.provider.address",
        told: true,
        keep: "Move them to a Secret and name it in spec.provider.secretRef",
    },
    Place {
        kind: "AlertProvider",
        path: "spec.address",
        told: false,
        keep: "Move the address to a Secret and name it in spec.secretRef",
    },
    Place {
        kind: "AlertProvider",
        path: "spec.proxy",
        told: false,
        keep: "Use a proxy that knows its callers otherwise",
    },
];

/// Calls `look` with each address that is written in an object of a kind.
fn each(kind: &str, object: &Value, mut look: impl FnMut(String, &Place, &str)) {
    for place in PLACES.iter().filter(|place| place.kind == kind) {
        visit(object, place.path, &mut |path, value| {
            if let Some(text) = value.as_str().filter(|text| !text.is_empty()) {
                look(path, place, text);
            }
        });
    }
}

fn no_url(kind: &str, object: &Value, findings: &mut Findings) {
    each(kind, object, |path, place, text| {
        if let Err(fault) = address::read(text)
            && !place.told
        {
            findings.report(
                path,
                format!("it cannot be called: {fault}"),
                "Write http://host:port/path or https://host:port/path",
            );
        }
    });
}

fn forbidden(kind: &str, object: &Value, findings: &mut Findings) {
    each(kind, object, |path, _, text| {
        if let Ok(url) = address::read(text)
            && address::is_of_the_machine(&url)
        {
            findings.report(
                path,
                format!(
                    "{} is an address of the machine that Sluice runs on, and is never called",
                    url.host_str().unwrap_or_default()
                ),
                "Name a server of the cluster or of yours",
            );
        }
    });
}

fn credentials(kind: &str, object: &Value, findings: &mut Findings) {
    each(kind, object, |path, place, text| {
        if address::read(text).is_ok_and(|url| address::has_credentials(&url)) {
            findings.report(
                path,
                "it holds credentials, which whoever may read this object may read",
                place.keep,
            );
        }
    });
}
