//! The chart's alert rules as the real Prometheus understands them, over what the replicas really export.

use serde_json::Value;

use crate::install::shared;
use crate::support::{prometheus, switch, wait};

fn rules() -> Vec<(String, String)> {
    let text = include_str!("../../../charts/sluice/files/alerts.yaml");
    let file: Value = serde_saphyr::from_str(text).unwrap();
    let rules = file["groups"][0]["rules"].as_array().cloned().unwrap_or_default();
    let text = |rule: &Value, field: &str| rule[field].as_str().unwrap_or_default().to_owned();
    rules.iter().map(|rule| (text(rule, "alert"), text(rule, "expr"))).collect()
}

#[test]
fn alerts_are_silent_while_all_is_well_and_the_expiry_fires_when_its_time_comes() {
    let Some(_sluice) = shared("alerts") else { return };
    if !switch::gate() {
        return;
    }
    let rules = rules();
    for (name, expression) in &rules {
        // Also one that nothing is asked of here has to be an expression.
        let firing = || prometheus::query(expression);
        firing().unwrap_or_else(|error| panic!("{name}: {error}"));
        // A busy machine is slow, and tests that provoke failures run beside this one.
        if name.starts_with("SluiceCertificate") || name == "SluiceGateAbsent" {
            wait::until(wait::NOTICED, &format!("{name} to be silent"), || match firing() {
                Ok(series) if series.is_empty() => Ok(()),
                other => Err(format!("{other:?}")),
            });
        }
    }
    let (_, expiry) = rules.iter().find(|(name, _)| name == "SluiceCertificateExpires").unwrap();
    let in_twelve_weeks = expiry.replace("time()", "(time() + 12 * 7 * 86400)");
    assert_eq!(prometheus::query(&in_twelve_weeks).unwrap().len(), 1, "{in_twelve_weeks}");
}
