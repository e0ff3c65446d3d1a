//! Routes that nobody can write for a while, in mid-run: the Canary says so with the API server's words, nothing is raised, and
//! the release ends once they can be written again.

use serde_json::{Value, json};

use crate::install::shared;
use crate::support::history::History;
use crate::support::manifests::{APP, canary, podinfo, with};
use crate::support::space::Space;
use crate::support::{kubectl, wait};

/// Objects of the whole cluster that stop writes of HTTPRoutes in one namespace; gone with the test.
struct Obstacle {
    /// As `kubectl delete` wants them.
    objects: Vec<String>,
}

impl Obstacle {
    /// Puts objects in the way, and waits until the API server goes by them and says these words.
    #[track_caller]
    fn put(space: &Space, objects: &[&Value], words: &str) -> Self {
        let path = |object: &Value| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_lowercase();
            format!("{}/{}", text(&object["kind"]), text(&object["metadata"]["name"]))
        };
        let obstacle = Obstacle { objects: objects.iter().copied().map(path).collect() };
        space.apply(objects);
        let probe = ["annotate", "--overwrite", "--dry-run=server", "httproute", APP, "probe=1"];
        wait::until(wait::NOTICED, "writes of the route to be stopped", || {
            let told = space.kubectl(&probe);
            if !told.success && told.stderr.contains(words) { Ok(()) } else { Err(told.text()) }
        });
        obstacle
    }
}

impl Drop for Obstacle {
    fn drop(&mut self) {
        let words: Vec<&str> = self.objects.iter().map(String::as_str).collect();
        let gone =
            kubectl::kubectl(&[&["delete", "--ignore-not-found", "--wait=false"], &words[..]].concat());
        if !gone.success {
            eprintln!("{} are still in the way: {}", self.objects.join(", "), gone.text());
        }
    }
}

/// Selects the namespace of a test and no other.
fn only(space: &Space) -> Value {
    json!({"matchLabels": {"kubernetes.io/metadata.name": space.namespace}})
}

/// All writes of HTTPRoutes.
fn routes() -> Value {
    json!([{
        "apiGroups": ["gateway.networking.k8s.io"], "apiVersions": ["*"],
        "operations": ["CREATE", "UPDATE"], "resources": ["httproutes"],
    }])
}

/// A run at 20 %, with time enough until the next step to put something in its way.
fn at_twenty(word: &str) -> (Space, History, usize) {
    let space = Space::new(word);
    let steps = canary(&space.host(), &[20, 50]);
    let slowly = with(&steps, &json!({"spec": {"analysis": {"interval": "20s"}}}));
    let history = space.initialised(&podinfo("one"), &slowly);
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.first(mark, wait::STEP, "20 %", |seen| seen.weight() == 20 && seen.is_due());
    (space, history, mark)
}

/// The run meets the obstacle, tells of it for this reason and with these words, and ends once that is gone.
#[track_caller]
fn told_and_ended(
    (space, history, mark): &(Space, History, usize),
    obstacle: Obstacle,
    reason: &str,
    words: &str,
) {
    let told = history.first(*mark, wait::STEP, &format!("the Canary to say {reason}"), |seen| {
        seen.is("Stalled") && seen.condition("Stalled")["reason"] == reason
    });
    let message = told.condition("Stalled")["message"].to_string();
    for part in ["HTTPRoute", words] {
        assert!(message.contains(part), "`{part}` is missing in {message}");
    }
    assert_eq!(space.route(), (80, 20), "the route was written all the same");
    drop(obstacle);
    history.ends(*mark, "Succeeded");
    assert_eq!(history.weights(*mark), [0, 20, 50, 0]);
    history.wait(wait::NOTICED, "the Canary to say no more of it", |seen| !seen.is("Stalled"));
    space.rests();
}

#[test]
fn a_route_that_a_policy_denies_in_mid_run_is_told_with_its_words_and_the_release_ends_without_it() {
    let Some(_sluice) = shared("a policy that denies routes") else { return };
    let run = at_twenty("denied");
    let (space, words) = (&run.0, "routes are frozen by the test");
    let name = json!({"name": space.namespace});
    let (api, kind) = ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy");
    let policy = json!({"apiVersion": api, "kind": kind, "metadata": name, "spec": {
        "failurePolicy": "Fail",
        "matchConstraints": {"namespaceSelector": only(space), "resourceRules": routes()},
        "validations": [{"expression": "false", "message": words}],
    }});
    let binding = json!({"apiVersion": api, "kind": format!("{kind}Binding"), "metadata": name, "spec": {
        "policyName": space.namespace, "validationActions": ["Deny"],
    }});
    let obstacle = Obstacle::put(space, &[&policy, &binding], words);
    told_and_ended(&run, obstacle, "WriteRefused", words);
}

#[test]
fn a_route_whose_webhook_is_down_in_mid_run_is_told_after_a_while_and_the_release_ends_when_it_is_gone() {
    let Some(_sluice) = shared("a webhook that is down") else { return };
    let run = at_twenty("down");
    let (space, words) = (&run.0, "failed calling webhook");
    let webhook = json!({
        "name": "nowhere.sluice.test", "failurePolicy": "Fail", "sideEffects": "None", "timeoutSeconds": 2,
        "admissionReviewVersions": ["v1"], "namespaceSelector": only(space), "rules": routes(),
        "clientConfig": {"service": {"namespace": space.namespace, "name": "nowhere"}},
    });
    let configuration = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": space.namespace}, "webhooks": [webhook],
    });
    let obstacle = Obstacle::put(space, &[&configuration], words);
    told_and_ended(&run, obstacle, "WriteFailed", words);
}
