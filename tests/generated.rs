//! Files that are made from the code: the admission configurations, their place in the chart, the rights on what routers write,
//! the CRDs and the rules. Fails when one has drifted; `make generate` (this test with `GENERATE=1`) writes them.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, path::Path};

use sluice::admission::registration::{Install, configurations, document};
use sluice::routing::ROUTERS;

const NOTE: &str = "# Made from src/admission/registration.rs by `make generate`; do not edit.\n";
const CRD_NOTE: &str = "# Made from src/api by `make generate`; do not edit.\n";
const ROUTERS_DOCUMENT_NOTE: &str = "<!-- Made from src/routing by `make generate`; do not edit. -->\n\n";
const ROUTERS_NOTE: &str = "{{- /* Made from src/routing by `make generate`; do not edit. */}}\n";
const RULES_NOTE: &str = "<!-- Made from src/admission/rules by `make generate`; do not edit. -->\n\n";

/// Where the files of `webhook-config/` are for: the names of the default installation.
fn default_install() -> Install {
    Install {
        name: "sluice".to_owned(),
        namespace: "sluice-system".to_owned(),
        service_account: "sluice".to_owned(),
    }
}

/// The chart's installation: the names are Helm's to know. Backticks, because YAML's quotes stand around them.
fn chart_install() -> Install {
    Install {
        name: "{{ include `sluice.fullname` . }}".to_owned(),
        namespace: "{{ .Release.Namespace }}".to_owned(),
        service_account: "{{ include `sluice.serviceAccount` . }}".to_owned(),
    }
}

/// What only the chart adds: its labels, the injection by cert-manager, the bound on one namespace.
fn for_chart(configuration: &str) -> String {
    let mut text = String::new();
    for line in configuration.lines() {
        text.push_str(line);
        text.push('\n');
        match line.trim() {
            "metadata:" => text.push_str(concat!(
                "  labels:\n",
                "    {{- include `sluice.labels` . | nindent 4 }}\n",
                "  {{- if .Values.certManager.enabled }}\n",
                "  annotations:\n",
                "    cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/{{ include `sluice.fullname` . }}\n",
                "  {{- end }}\n",
            )),
            "matchExpressions:" => {
                let indent = " ".repeat(line.len() - line.trim_start().len());
                text.push_str(&format!(
                    "{indent}{{{{- with .Values.namespace }}}}\n\
                     {indent}- key: kubernetes.io/metadata.name\n\
                     {indent}  operator: In\n\
                     {indent}  values: [{{{{ . | quote }}}}]\n\
                     {indent}{{{{- end }}}}\n"
                ));
            }
            _ => {}
        }
    }
    text
}

/// The rights on what the routers read and write: one block a router.
fn router_rights() -> String {
    let mut text = format!("{ROUTERS_NOTE}\n{{{{- define \"sluice.routers\" -}}}}\n");
    for router in ROUTERS {
        let providers: Vec<_> = router.providers().iter().map(|provider| provider.as_str()).collect();
        let nothing = if router.kinds().is_empty() { ": no objects of its own" } else { "" };
        text.push_str(&format!("# {}{nothing}\n", providers.join(", ")));
        let mut groups = BTreeMap::<_, Vec<_>>::new();
        for kind in router.kinds() {
            let group = kind.api_version.split_once('/').map(|(group, _)| group).unwrap_or_default();
            groups.entry(group).or_default().push(kind.plural);
        }
        for (group, resources) in groups {
            text.push_str(&format!(
                "- apiGroups: [{group}]\n  resources: [{}]\n  verbs: [get, list, watch, create, patch, delete]\n",
                resources.join(", ")
            ));
        }
    }
    text + "{{- end }}\n"
}

/// Every generated file and what it has to say.
fn files() -> Vec<(&'static str, String)> {
    let (mutating, validating) = configurations(&default_install());
    let (chart_mutating, chart_validating) = configurations(&chart_install());
    let chart = format!(
        "{NOTE}{{{{- if .Values.gate.enabled }}}}\n{}---\n{}{{{{- end }}}}\n",
        for_chart(&document(&chart_mutating).unwrap()),
        for_chart(&document(&chart_validating).unwrap()),
    );
    vec![
        ("webhook-config/mutating.yaml", format!("{NOTE}{}", document(&mutating).unwrap())),
        ("webhook-config/validating.yaml", format!("{NOTE}{}", document(&validating).unwrap())),
        ("charts/sluice/templates/webhooks.yaml", chart),
        ("charts/sluice/files/flagger.app.yaml", format!("{CRD_NOTE}{}", sluice::api::crd::yaml().unwrap())),
        ("charts/sluice/templates/_routers.tpl", router_rights()),
        ("docs/capabilities.md", format!("{ROUTERS_DOCUMENT_NOTE}{}", sluice::routing::document::document())),
        ("docs/rules.md", format!("{RULES_NOTE}{}", sluice::admission::rules::document())),
    ]
}

#[test]
fn generated_files_say_what_the_code_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let generate = std::env::var_os("GENERATE").is_some();
    let mut drifted = Vec::new();
    for (name, wanted) in files() {
        let path = root.join(name);
        if std::fs::read_to_string(&path).unwrap_or_default() == wanted {
            continue;
        }
        if generate {
            std::fs::write(&path, wanted).unwrap();
            eprintln!("wrote {name}");
        } else {
            drifted.push(name);
        }
    }
    assert!(drifted.is_empty(), "drifted from the code: {}; run `make generate`", drifted.join(", "));
}
