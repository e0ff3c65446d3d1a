//! Every command of `docs/operating-the-gate.md`, run as it stands there, and what it has to lead to.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::install::alone;
use crate::support::command::{self, Outcome};
use crate::support::manifests::{canary, podinfo, with};
use crate::support::space::Space;
use crate::support::{api, bed, controller, helm, kubectl, switch, wait};

const DOCUMENT: &str = include_str!("../../../docs/operating-the-gate.md");
/// The namespace that stands for the reader's.
const NAMESPACE: &str = "shop";

/// The commands of the document, and which of them were run.
struct Book {
    /// Where the reader stands: the chart and a file `canary.yaml` lie here.
    folder: tempfile::TempDir,
    run: RefCell<BTreeSet<&'static str>>,
}

impl Book {
    fn open(wrong: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(bed::root().join("charts"), folder.path().join("charts")).unwrap();
        std::fs::write(folder.path().join("canary.yaml"), wrong.to_string()).unwrap();
        Book { folder, run: RefCell::default() }
    }

    /// All lines of indented blocks.
    fn commands() -> BTreeSet<&'static str> {
        DOCUMENT.lines().filter_map(|line| line.strip_prefix("    ")).collect()
    }

    /// Runs a command that has to stand in the document.
    #[track_caller]
    fn run(&self, line: &'static str) -> Outcome {
        assert!(Book::commands().contains(line), "the document does not say `{line}`");
        self.run.borrow_mut().insert(line);
        let mut command = bed::bed().command("bash");
        let programs = bed::root().join("target/release");
        let path = bed::bed().address("PATH").unwrap_or("/usr/bin:/bin");
        command.env("PATH", format!("{}:{path}", programs.display())).current_dir(self.folder.path());
        command::run(command.args(["-o", "pipefail", "-c", line]), None, wait::HELM)
    }

    /// The same, of a command that has to say something.
    #[track_caller]
    fn says(&self, line: &'static str, word: &str) {
        let said = self.run(line).ok();
        assert!(said.contains(word), "`{line}` does not say `{word}`:\n{said}");
    }

    #[track_caller]
    fn close(self) {
        let run = self.run.into_inner();
        let left: Vec<_> = Book::commands().difference(&run).copied().collect();
        assert!(left.is_empty(), "commands of the document that nobody has run: {left:#?}");
    }
}

fn configurations() -> usize {
    let plurals = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];
    plurals.iter().filter(|plural| api::find(plural, "", helm::RELEASE).is_some()).count()
}

/// Whether a wrong Canary is refused with its rule.
fn refuses(wrong: &Value) -> Result<(), String> {
    match api::dry_run("canaries", NAMESPACE, wrong) {
        Err(said) if said.contains("SL302") => Ok(()),
        Err(said) => Err(said),
        Ok(_) => Err("a wrong Canary was accepted".to_owned()),
    }
}

#[track_caller]
fn is_on(wrong: &Value) {
    wait::until(wait::PODS, "the gate to refuse a wrong Canary", || refuses(wrong));
}

#[track_caller]
fn is_off(wrong: &Value) {
    assert_eq!(configurations(), 0);
    wait::until(wait::NOTICED, "a wrong Canary to pass without the gate", || {
        api::dry_run("canaries", NAMESPACE, wrong).map(drop)
    });
}

/// The serving certificate in the Secret.
fn certificate() -> Value {
    let secret = api::find("secrets", helm::NAMESPACE, "sluice-certs").unwrap_or_default();
    secret["data"]["tls.crt"].clone()
}

#[track_caller]
fn becomes_another(before: &Value) {
    wait::until(wait::TAKEN_OVER, "another certificate in the Secret", || {
        let now = certificate();
        if now.is_string() && now != *before { Ok(()) } else { Err(now.to_string()) }
    });
}

#[track_caller]
fn trusted(wanted: usize) {
    wait::until(wait::TAKEN_OVER, &format!("{wanted} authorities in the bundle"), || match authorities() {
        now if now == wanted => Ok(()),
        now => Err(format!("{now} authorities")),
    });
}

/// How many authorities the API server trusts.
fn authorities() -> usize {
    use base64::Engine as _;
    let configuration = api::get("mutatingwebhookconfigurations", "", helm::RELEASE);
    let bundle = configuration["webhooks"][0]["clientConfig"]["caBundle"].as_str().unwrap_or_default();
    let pem = base64::engine::general_purpose::STANDARD.decode(bundle).unwrap_or_default();
    String::from_utf8_lossy(&pem).matches("BEGIN CERTIFICATE").count()
}

#[test]
fn every_command_of_the_runbook_does_what_the_runbook_says() {
    let Some(alone) = alone("runbook") else { return };
    if !switch::gate() {
        return;
    }
    let _sluice = alone.installed().changing();
    controller::ready();
    let space = Space::named(NAMESPACE);
    space.initialised(&podinfo("one"), &canary("shop.example.com", &[20, 50]));
    // The schema takes it, the gate does not.
    let wrong = with(
        &canary("runbook.example.com", &[20, 50]),
        &json!({"metadata": {"name": "wrong"}, "spec": {"service": {"gatewayRefs": null}}}),
    );
    let book = Book::open(&wrong);

    why_was_it_refused(&book);
    how_is_it(&book);
    by_hand(&book, &space);
    off_in_one_namespace(&book, &wrong);
    certificates(&book, &wrong);
    off_and_on(&book, &wrong);
    down_and_up(&book, &wrong);
    book.close();
}

fn why_was_it_refused(book: &Book) {
    let said = book.run("kubectl -n shop apply --dry-run=server -f canary.yaml").refused();
    assert!(said.contains("SL302"), "{said}");
    book.says("sluice rules SL302", "gatewayRefs");
    book.says(
        "kubectl -n sluice-system logs -l app.kubernetes.io/name=sluice,app.kubernetes.io/component=controller --prefix --tail=-1 | grep refused",
        "SL302",
    );
}

fn by_hand(book: &Book, space: &Space) {
    let edit = ["set", "env", "deployment/podinfo-primary", "PODINFO_UI_MESSAGE=hand"];
    let said = space.kubectl(&edit).refused();
    assert!(said.contains("SL601"), "{said}");
    book.run(
        r#"kubectl -n shop annotate deployment podinfo-primary sluice.dev/break-glass="checkout is down, the fix cannot wait""#,
    )
    .ok();
    space.kubectl(&edit).ok();
}

fn off_in_one_namespace(book: &Book, wrong: &Value) {
    book.run("kubectl label namespace shop sluice.dev/gate=off").ok();
    wait::until(wait::NOTICED, "a wrong Canary to pass where the gate is off", || {
        api::dry_run("canaries", NAMESPACE, wrong).map(drop)
    });
    book.run("kubectl label namespace shop sluice.dev/gate-").ok();
    is_on(wrong);
}

fn how_is_it(book: &Book) {
    book.says("kubectl -n sluice-system get deployment,pods -l app.kubernetes.io/name=sluice", "2/2");
    book.says("kubectl -n sluice-system get lease sluice-leader", "sluice-");
    book.says(
        "kubectl get --raw /metrics | grep -E 'apiserver_admission_webhook_(request_total|rejection_count|fail_open_count).*sluice[.]dev'",
        "canary.mutate.sluice.dev",
    );
    book.says(
        r#"kubectl get --raw "/api/v1/namespaces/sluice-system/pods/$(kubectl -n sluice-system get pods -l app.kubernetes.io/name=sluice,app.kubernetes.io/component=controller -o jsonpath='{.items[0].metadata.name}'):8080/proxy/metrics" | grep sluice_"#,
        "sluice_certificate_not_before_seconds",
    );
}

fn certificates(book: &Book, wrong: &Value) {
    book.says(
        r"kubectl -n sluice-system get secret sluice-certs -o jsonpath='{.data.tls\.crt}' | base64 -d | openssl x509 -noout -subject -issuer -dates",
        "Sluice admission CA",
    );
    // First: an authority that another test made to come would be waited for, and no further one be made.
    let before = certificate();
    book.run("kubectl -n sluice-system delete secret sluice-certs").ok();
    becomes_another(&before);
    is_on(wrong);
    trusted(1);
    let before = certificate();
    book.run("kubectl -n sluice-system annotate secret sluice-certs sluice.dev/rotate=leaf --overwrite").ok();
    becomes_another(&before);
    book.run("kubectl -n sluice-system annotate secret sluice-certs sluice.dev/rotate=ca --overwrite").ok();
    trusted(2);
    is_on(wrong);
}

fn off_and_on(book: &Book, wrong: &Value) {
    let back = "helm upgrade sluice charts/sluice --namespace sluice-system --reuse-values";
    book.run("kubectl delete mutatingwebhookconfiguration,validatingwebhookconfiguration sluice").ok();
    is_off(wrong);
    book.run(back).ok();
    is_on(wrong);
    book.run(
        "helm upgrade sluice charts/sluice --namespace sluice-system --reuse-values --set gate.enabled=false",
    )
    .ok();
    is_off(wrong);
    book.run(back).ok();
    is_off(wrong);
    book.run(
        "helm upgrade sluice charts/sluice --namespace sluice-system --reuse-values --set gate.enabled=true",
    )
    .ok();
    is_on(wrong);
}

fn down_and_up(book: &Book, wrong: &Value) {
    kubectl::within(helm::NAMESPACE, &["scale", "deployment", helm::RELEASE, "--replicas=0"]).ok();
    controller::gone();
    let said = book.run("kubectl -n shop apply --dry-run=server -f canary.yaml").refused();
    assert!(said.contains("failed calling webhook"), "{said}");
    assert!(
        said.contains("connection refused") || said.contains("no endpoints available"),
        "the table of causes does not have it: {said}"
    );
    kubectl::within(helm::NAMESPACE, &["scale", "deployment", helm::RELEASE, "--replicas=2"]).ok();
    controller::ready();
    book.says("kubectl -n sluice-system describe pods -l app.kubernetes.io/name=sluice,app.kubernetes.io/component=controller", "Conditions:");
    book.run("kubectl -n sluice-system rollout restart deployment sluice").ok();
    book.says("kubectl -n sluice-system rollout status deployment sluice", "successfully rolled out");
    is_on(wrong);
    let listens = || {
        let pods = controller::pods();
        let ports = pods.iter().map(|pod| &pod["spec"]["containers"][0]["ports"][0]["containerPort"]);
        ports.cloned().collect::<Vec<_>>()
    };
    book.run("helm upgrade sluice charts/sluice --namespace sluice-system --reuse-values --set port=10250")
        .ok();
    wait::until(wait::PODS, "all replicas to listen at the other port", || {
        let ports = listens();
        if ports == [json!(10250), json!(10250)] { Ok(()) } else { Err(format!("{ports:?}")) }
    });
    controller::ready();
    is_on(wrong);
}
