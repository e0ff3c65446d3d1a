//! The chart as the real Helm renders it. Needs `helm` in the path (the test-bed builds one); without it these tests fail,
//! unless `ALLOW_SKIP=1` is set, and are counted as skipped.
#![allow(clippy::unwrap_used)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rstest::rstest;
use serde_json::Value;
use sluice::admission::registration::{Install, configurations};

fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/sluice")
}

/// Runs Helm; `None` where it is missing and a skip is allowed.
fn helm(arguments: &[&str]) -> Option<Output> {
    match Command::new("helm").args(arguments).arg(chart()).output() {
        Ok(output) => Some(output),
        Err(error) => {
            assert!(
                std::env::var_os("ALLOW_SKIP").is_some(),
                "helm does not start ({error}): run `tests/testbed/testbed build` and take its path, or set ALLOW_SKIP=1"
            );
            if let Some(file) = std::env::var_os("SKIPPED") {
                let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file).unwrap();
                writeln!(file, "chart: no helm").unwrap();
            }
            None
        }
    }
}

/// What Helm makes of the chart with these values.
fn render(values: &[&str]) -> Option<Result<Vec<Value>, String>> {
    let mut arguments = vec!["template", "sluice", "--namespace", "sluice-system"];
    for value in values {
        arguments.extend(["--set", value]);
    }
    let output = helm(&arguments)?;
    if !output.status.success() {
        return Some(Err(String::from_utf8(output.stderr).unwrap()));
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let documents = text.split("\n---\n").map(|document| document.trim_start_matches("---\n"));
    let objects: Vec<Value> = documents
        .map(|document| serde_saphyr::from_str(document).unwrap())
        .filter(|value| *value != Value::Null)
        .collect();
    Some(Ok(objects))
}

fn named<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    find(objects, kind, name).unwrap_or_else(|| panic!("no {kind} {name} was rendered"))
}

fn find<'a>(objects: &'a [Value], kind: &str, name: &str) -> Option<&'a Value> {
    objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name)
}

fn arguments(objects: &[Value]) -> Vec<String> {
    let arguments =
        &named(objects, "Deployment", "sluice")["spec"]["template"]["spec"]["containers"][0]["args"];
    arguments.as_array().unwrap().iter().map(|argument| argument.as_str().unwrap().to_owned()).collect()
}

/// All rules of all roles, with the name of the role.
fn rules(objects: &[Value]) -> Vec<(String, Value)> {
    let roles = objects.iter().filter(|object| object["kind"].as_str().unwrap().ends_with("Role"));
    roles
        .flat_map(|role| {
            let name = role["metadata"]["name"].as_str().unwrap().to_owned();
            role["rules"].as_array().unwrap().iter().map(move |rule| (name.clone(), rule.clone()))
        })
        .collect()
}

#[test]
fn lint_finds_nothing() {
    let Some(output) = helm(&["lint", "--strict"]) else { return };
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && !text.contains("[WARNING]") && !text.contains("[ERROR]"), "{text}");
}

#[test]
fn the_default_rendering_is_as_committed() {
    let Some(output) = helm(&["template", "sluice", "--namespace", "sluice-system"]) else { return };
    let text = String::from_utf8(output.stdout).unwrap();
    insta::assert_snapshot!("default", text);
}

#[test]
fn the_rendered_gate_is_the_one_of_the_code_and_carries_no_ca_bundle() {
    let Some(objects) = render(&["serviceAccount.name=porter", "fullnameOverride=lock"]) else { return };
    let mut objects = objects.unwrap();
    let install = Install {
        name: "lock".to_owned(),
        namespace: "sluice-system".to_owned(),
        service_account: "porter".to_owned(),
    };
    let (mutating, validating) = configurations(&install);
    for wanted in [serde_json::to_value(mutating).unwrap(), serde_json::to_value(validating).unwrap()] {
        let kind = wanted["kind"].as_str().unwrap();
        let rendered = objects.iter_mut().find(|object| object["kind"] == kind).unwrap();
        rendered["metadata"].as_object_mut().unwrap().remove("labels");
        assert_eq!(*rendered, wanted);
        assert!(!rendered.to_string().contains("caBundle"));
    }
    let service = named(&objects, "Service", "lock");
    assert_eq!(service["spec"]["ports"][0]["port"], 443);
}

#[test]
fn without_the_gate_nothing_of_it_is_rendered() {
    let Some(objects) = render(&["gate.enabled=false", "metricSecrets=false", "configTracking.secrets=off"])
    else {
        return;
    };
    let objects = objects.unwrap();
    assert!(!objects.iter().any(|object| object["kind"].as_str().unwrap().ends_with("WebhookConfiguration")));
    assert!(find(&objects, "Service", "sluice").is_none());
    assert!(arguments(&objects).contains(&"--gate=false".to_owned()));
    assert!(!rules(&objects).iter().any(|(_, rule)| rule["resources"][0] == "secrets"));
}

#[test]
fn cert_manager_brings_the_files_and_takes_the_rights() {
    let Some(objects) =
        render(&["certManager.enabled=true", "metricSecrets=false", "configTracking.secrets=off"])
    else {
        return;
    };
    let objects = objects.unwrap();
    assert!(arguments(&objects).contains(&"--cert-dir=/certs".to_owned()));
    let certificate = named(&objects, "Certificate", "sluice");
    assert_eq!(certificate["spec"]["dnsNames"][0], "sluice.sluice-system.svc");
    let spec = &named(&objects, "Deployment", "sluice")["spec"]["template"]["spec"];
    assert_eq!(spec["volumes"][0]["secret"]["secretName"], certificate["spec"]["secretName"]);
    let configuration = named(&objects, "ValidatingWebhookConfiguration", "sluice");
    assert_eq!(
        configuration["metadata"]["annotations"]["cert-manager.io/inject-ca-from"],
        "sluice-system/sluice"
    );
    assert!(!rules(&objects).iter().any(|(_, rule)| rule["resources"][0] == "secrets"));
}

#[test]
fn an_own_issuer_replaces_the_chain_of_the_chart() {
    let Some(objects) = render(&["certManager.enabled=true", "certManager.issuerRef.name=corporate"]) else {
        return;
    };
    let objects = objects.unwrap();
    assert!(!objects.iter().any(|object| object["kind"] == "Issuer"));
    assert_eq!(named(&objects, "Certificate", "sluice")["spec"]["issuerRef"]["name"], "corporate");
}

#[test]
fn w_ops_3_no_right_is_a_wildcard_and_secrets_are_bound_to_ours() {
    let Some(objects) = render(&["metricSecrets=false", "configTracking.secrets=off"]) else { return };
    let rules = rules(&objects.unwrap());
    assert!(rules.len() > 10);
    for (role, rule) in rules {
        let text = rule.to_string();
        assert!(!text.contains('*'), "{role}: {text}");
        let reads_secrets = rule["resources"].as_array().unwrap().contains(&"secrets".into())
            && rule["verbs"] != serde_json::json!(["create"]);
        assert!(
            !reads_secrets || rule["resourceNames"] == serde_json::json!(["sluice-certs"]),
            "{role}: {text}"
        );
    }
}

#[rstest]
#[case::watch("configTracking.secrets=watch", Some(&["get", "list", "watch", "create", "patch", "delete"][..]))]
#[case::get("configTracking.secrets=get", Some(&["get", "create", "patch", "delete"][..]))]
#[case::off("configTracking.secrets=off", None)]
#[case::all_off("configTracking.enabled=false", None)]
fn w_ops_3_the_rights_on_secrets_are_what_their_tracking_needs(
    #[case] value: &str,
    #[case] verbs: Option<&[&str]>,
) {
    let Some(objects) = render(&[value, "namespace=shop", "metricSecrets=false"]) else { return };
    let objects = objects.unwrap();
    let watched = &named(&objects, "Role", "sluice-watched")["rules"];
    let rule =
        watched.as_array().unwrap().iter().find(|rule| rule["resources"] == serde_json::json!(["secrets"]));
    assert_eq!(rule.map(|rule| rule["verbs"].clone()), verbs.map(|verbs| serde_json::json!(verbs)));
    let how = if verbs.is_none() { "off" } else { value.rsplit('=').next().unwrap() };
    assert!(arguments(&objects).contains(&format!("--config-tracking-secrets={how}")));
}

#[test]
fn w_ops_3_secrets_of_metric_servers_are_read_one_at_a_time_where_canaries_are() {
    let untracked = "configTracking.secrets=off";
    for (values, role) in [(&[untracked][..], "sluice"), (&[untracked, "namespace=shop"], "sluice-watched")] {
        let Some(objects) = render(values) else { return };
        let rules = rules(&objects.unwrap());
        let unbound: Vec<_> = rules
            .iter()
            .filter(|(_, rule)| rule["resources"].as_array().unwrap().contains(&"secrets".into()))
            .filter(|(_, rule)| {
                rule["resourceNames"].is_null() && rule["verbs"] != serde_json::json!(["create"])
            })
            .collect();
        let [(found, rule)] = &unbound[..] else { panic!("{unbound:?}") };
        assert_eq!((found.as_str(), &rule["verbs"]), (role, &serde_json::json!(["get"])));
    }
}

#[test]
fn w_ops_3_bound_to_a_namespace_the_rights_on_workloads_are_a_role_there() {
    let Some(objects) = render(&["namespace=shop"]) else { return };
    let objects = objects.unwrap();
    assert!(arguments(&objects).contains(&"--namespace=shop".to_owned()));
    assert_eq!(named(&objects, "Role", "sluice-watched")["metadata"]["namespace"], "shop");
    let cluster = named(&objects, "ClusterRole", "sluice").to_string();
    assert!(!cluster.contains("deployments") && !cluster.contains("httproutes"), "{cluster}");
    let gate = named(&objects, "ValidatingWebhookConfiguration", "sluice");
    let selected = &gate["webhooks"][0]["namespaceSelector"]["matchExpressions"][0];
    assert_eq!((&selected["operator"], &selected["values"][0]), (&"In".into(), &"shop".into()));
}

#[test]
fn the_prometheus_operator_gets_the_alert_rules_of_the_file_as_they_stand_there() {
    let Some(objects) = render(&["prometheusRule.enabled=true", "prometheusRule.labels.release=main"]) else {
        return;
    };
    let objects = objects.unwrap();
    let rule = named(&objects, "PrometheusRule", "sluice");
    let file = std::fs::read_to_string(chart().join("files/alerts.yaml")).unwrap();
    assert_eq!(rule["spec"], serde_saphyr::from_str::<Value>(&file).unwrap());
    assert_eq!(rule["metadata"]["labels"]["release"], "main");
}

#[test]
fn without_the_gate_nobody_is_alerted_about_it() {
    let Some(objects) = render(&["prometheusRule.enabled=true", "gate.enabled=false"]) else { return };
    let rule = named(&objects.unwrap(), "PrometheusRule", "sluice").clone();
    let alerts = rule["spec"]["groups"][0]["rules"].as_array().unwrap();
    let names: Vec<&str> = alerts.iter().map(|alert| alert["alert"].as_str().unwrap()).collect();
    assert_eq!(names, ["SluiceWatchFails"]);
}

#[test]
fn without_the_right_to_secrets_of_metric_servers_none_is_tried() {
    for (values, tried) in [(&[][..], true), (&["metricSecrets=false"][..], false)] {
        let Some(objects) = render(values) else { return };
        let given = arguments(&objects.unwrap()).contains(&"--metric-secrets=false".to_owned());
        assert_eq!(given, !tried, "{values:?}");
    }
}

#[test]
fn the_port_of_the_gate_is_reached_from_where_the_values_say_and_that_of_probes_from_anywhere() {
    let from = "networkPolicy.gateFrom[0].ipBlock.cidr=10.0.0.0/28";
    let rule = |port: &str| serde_json::json!([{"port": port, "protocol": "TCP"}]);
    let Some(objects) = render(&[from]) else { return };
    let ingress = named(&objects.unwrap(), "NetworkPolicy", "sluice")["spec"]["ingress"].clone();
    let gate = serde_json::json!({"from": [{"ipBlock": {"cidr": "10.0.0.0/28"}}], "ports": rule("https")});
    assert_eq!(ingress, serde_json::json!([gate, {"ports": rule("http")}]));
    let Some(objects) = render(&[from, "gate.enabled=false"]) else { return };
    let ingress = named(&objects.unwrap(), "NetworkPolicy", "sluice")["spec"]["ingress"].clone();
    assert_eq!(ingress, serde_json::json!([{"ports": rule("http")}]));
}

#[test]
fn pods_pass_the_restricted_standard() {
    let Some(objects) = render(&[]) else { return };
    let objects = objects.unwrap();
    for (kind, name) in [("Deployment", "sluice"), ("Job", "sluice-crds")] {
        let spec = &named(&objects, kind, name)["spec"]["template"]["spec"];
        assert_eq!(spec["securityContext"]["runAsNonRoot"], true, "{name}");
        assert_eq!(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{name}");
        let container = &spec["containers"][0]["securityContext"];
        assert_eq!(container["capabilities"]["drop"][0], "ALL", "{name}");
        assert_eq!(container["allowPrivilegeEscalation"], false, "{name}");
        assert_eq!(container["readOnlyRootFilesystem"], true, "{name}");
    }
}

#[test]
fn the_load_tester_is_there_when_wished_and_has_no_right_in_the_cluster() {
    let Some(objects) = render(&[]) else { return };
    assert!(find(&objects.unwrap(), "Deployment", "sluice-loadtester").is_none());
    let wished = ["loadtester.enabled=true", "loadtester.gates.existingClaim=gates"];
    let Some(objects) = render(&[&wished[..], &["loadtester.gates.tokenSecret=gate-token"]].concat()) else {
        return;
    };
    let objects = objects.unwrap();
    let pod = &named(&objects, "Deployment", "sluice-loadtester")["spec"]["template"];
    let spec = &pod["spec"];
    assert_eq!(spec["automountServiceAccountToken"], false);
    assert!(spec["serviceAccountName"].is_null());
    assert_eq!(spec["securityContext"]["runAsNonRoot"], true);
    let container = &spec["containers"][0];
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["env"][0]["valueFrom"]["secretKeyRef"]["name"], "gate-token");
    assert_eq!(spec["volumes"][0]["persistentVolumeClaim"]["claimName"], "gates");
    let service = named(&objects, "Service", "sluice-loadtester");
    assert_eq!(service["spec"]["selector"], pod["metadata"]["labels"]);
    // The gate's own Service and budget must not take these pods for theirs.
    let gate = &named(&objects, "Service", "sluice")["spec"]["selector"];
    assert_ne!(gate["app.kubernetes.io/component"], pod["metadata"]["labels"]["app.kubernetes.io/component"]);
    let subjects: Vec<_> =
        objects.iter().filter(|object| object["kind"].as_str().unwrap().ends_with("Binding")).collect();
    assert!(subjects.iter().all(|binding| !binding["subjects"].to_string().contains("loadtester")));
}

#[test]
fn crds_are_applied_before_install_and_upgrade_and_their_account_is_gone_afterwards() {
    let Some(objects) = render(&[]) else { return };
    let hooks: Vec<Value> = objects
        .unwrap()
        .into_iter()
        .filter(|object| object["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade")
        .collect();
    let kinds: Vec<_> = hooks.iter().map(|hook| hook["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds.len(), 4, "{kinds:?}");
    for hook in &hooks {
        let policy = hook["metadata"]["annotations"]["helm.sh/hook-delete-policy"].as_str().unwrap();
        assert_eq!(policy, "before-hook-creation,hook-succeeded");
    }
}

#[rstest]
#[case::unknown_key("replica=3")]
#[case::unknown_nested_key("gate.on=true")]
#[case::negative_replicas("replicas=-1")]
#[case::port_out_of_range("port=70000")]
#[case::no_policy("inconclusive=maybe")]
#[case::no_url("metricsServer=prometheus:9090")]
#[case::no_tracking("configTracking.secrets=list")]
#[case::no_duration("routeSettle=5seconds")]
#[case::the_peers_wrong_level("logLevel=warning")]
#[case::no_name("namespace=A_B")]
#[case::no_load_tester("loadtester.replicas=2")]
#[case::shorter_than_the_drain("terminationGracePeriodSeconds=5")]
fn a_wrong_value_is_refused(#[case] value: &str) {
    let Some(rendered) = render(&[value]) else { return };
    let refusal = rendered.unwrap_err();
    let key = value.split(['=', '.']).next().unwrap();
    assert!(refusal.contains(key), "{refusal}");
}

#[rstest]
#[case::nothing("replicas=1")]
#[case::host_network("hostNetwork=true")]
#[case::pod_monitor("podMonitor.enabled=true")]
#[case::prometheus_rule("prometheusRule.enabled=true")]
#[case::own_account("serviceAccount.create=false,serviceAccount.name=mine")]
#[case::no_rights("rbac.create=false")]
#[case::subchart_globals("global.region=eu")]
#[case::extra("extraArgs={--concurrency=8}")]
#[case::hooks("allowHookHosts=cluster\\,hooks.example.com")]
#[case::load_tester("loadtester.enabled=true,loadtester.extraArgs={--max-rate=50}")]
#[case::environment("extraEnv[0].name=EVENT_WEBHOOK_URL,extraEnv[0].value=http://events.shop/")]
#[case::scheduling(
    "priorityClassName=high,nodeSelector.disk=fast,podLabels.team=a,image.pullSecrets[0].name=pull"
)]
fn a_right_value_renders(#[case] value: &str) {
    let Some(rendered) = render(&[value]) else { return };
    rendered.unwrap();
}
