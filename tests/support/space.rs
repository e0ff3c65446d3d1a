//! A namespace of a test's own, gone with the test; when that fails, what was in it is kept in a file.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::command::Outcome;
use super::history::History;
use super::manifests::{self, APP, PORT};
use super::{api, bed, command, controller, kubectl, visitor, wait};

/// A namespace with a random name.
#[derive(Debug)]
pub(crate) struct Space {
    pub(crate) namespace: String,
}

impl Space {
    /// Makes one whose name begins with a word.
    #[track_caller]
    pub(crate) fn new(word: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let space = Space {
            namespace: format!("{word}-{:06x}{number:x}", (time ^ std::process::id()) & 0x00ff_ffff),
        };
        kubectl::kubectl(&["create", "namespace", &space.namespace]).ok();
        let label = ["label", "namespace", &space.namespace, "sluice.dev/test=true"];
        kubectl::kubectl(&label).ok();
        space
    }

    /// Takes over a name that people read, as the demo does.
    #[track_caller]
    pub(crate) fn named(name: &str) -> Self {
        let space = Space { namespace: name.to_owned() };
        kubectl::apply("default", &[&manifests::namespace(name)]);
        space
    }

    /// The host under which the app of this namespace is asked for.
    pub(crate) fn host(&self) -> String {
        format!("{}.example.com", self.namespace)
    }

    /// Applies objects that have to be accepted.
    #[track_caller]
    pub(crate) fn apply(&self, objects: &[&Value]) -> String {
        kubectl::apply(&self.namespace, objects)
    }

    /// Runs `kubectl` here.
    pub(crate) fn kubectl(&self, words: &[&str]) -> Outcome {
        kubectl::within(&self.namespace, words)
    }

    /// Applies an app and its Canary of the same name, and waits until the primary serves and the target rests.
    #[track_caller]
    pub(crate) fn initialised(&self, app: &Value, canary: &Value) -> History {
        self.apply(&[app]);
        self.apply(&[canary]);
        let name = canary["metadata"]["name"].as_str().unwrap();
        let history = History::of(&self.namespace, name);
        history.wait(wait::INITIALISED, "the Canary to be initialised", |seen| seen.phase() == "Initialized");
        self.target_rests(name);
        history
    }

    /// A Deployment that has to be here.
    #[track_caller]
    pub(crate) fn deployment(&self, name: &str) -> Value {
        api::get("deployments", &self.namespace, name)
    }

    /// The pods that carry the label `app` with this value and are not going.
    pub(crate) fn pods(&self, app: &str) -> Vec<Value> {
        let all = api::list("pods", &self.namespace).into_iter();
        all.filter(|pod| pod["metadata"]["labels"]["app"] == app)
            .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
            .collect()
    }

    /// The names of these pods.
    pub(crate) fn pod_names(&self, app: &str) -> BTreeSet<String> {
        let name = |pod: &Value| pod["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        self.pods(app).iter().map(name).collect()
    }

    /// Waits until the app's target rests.
    #[track_caller]
    pub(crate) fn rests(&self) {
        self.target_rests(APP);
    }

    /// Waits until a target rests: no replica wished, no pod left, also none that is going. The app answers the probes of
    /// its last seconds with 503, and a run that begins meanwhile would find these in its success rate.
    #[track_caller]
    pub(crate) fn target_rests(&self, name: &str) {
        wait::until(wait::PODS, "the target to rest at zero", || {
            let wished = self.wished(name);
            let all = api::list("pods", &self.namespace).into_iter();
            let pods = all.filter(|pod| pod["metadata"]["labels"]["app"] == name).count();
            if wished == 0 && pods == 0 { Ok(()) } else { Err(format!("{wished} wished, {pods} pods")) }
        });
    }

    /// How many pods a target asks for; a DaemonSet does so by its node selector.
    fn wished(&self, name: &str) -> Value {
        match api::find("deployments", &self.namespace, name) {
            Some(deployment) => deployment["spec"]["replicas"].clone(),
            None => api::get("daemonsets", &self.namespace, name)["status"]["desiredNumberScheduled"].clone(),
        }
    }

    /// The version that a Deployment asks for.
    #[track_caller]
    pub(crate) fn version(&self, deployment: &str) -> String {
        let deployment = self.deployment(deployment);
        let value = &deployment["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"];
        value.as_str().unwrap_or_default().to_owned()
    }

    /// The weights of primary and canary in the app's HTTPRoute.
    #[track_caller]
    pub(crate) fn route(&self) -> (i64, i64) {
        let route = api::get("httproutes", &self.namespace, APP);
        let backends = route["spec"]["rules"][0]["backendRefs"].as_array().cloned().unwrap_or_default();
        let weight = |name: &str| {
            let backend = backends.iter().find(|backend| backend["name"] == name);
            backend.map_or(0, |backend| backend["weight"].as_i64().unwrap_or(1))
        };
        (weight(&format!("{APP}-primary")), weight(&format!("{APP}-canary")))
    }

    /// The URL of one of the app's Services, past the Gateway.
    #[track_caller]
    pub(crate) fn service_url(&self, name: &str) -> String {
        let service = api::get("services", &self.namespace, name);
        format!("http://{}:{PORT}/", service["spec"]["clusterIP"].as_str().unwrap_or_default())
    }

    /// How many requests for `/` the one pod behind one of the app's Services has answered, as it counts them itself.
    #[track_caller]
    pub(crate) fn served(&self, name: &str) -> u64 {
        let metrics = visitor::text(&format!("{}metrics", self.service_url(name)));
        let ours = |line: &&str| {
            line.starts_with("http_request_duration_seconds_count{") && line.contains("path=\"root\"")
        };
        let counts =
            metrics.lines().filter(ours).filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
        counts.sum()
    }

    /// The reasons of all events about a Canary, in the order of their making.
    pub(crate) fn reasons(&self, canary: &str) -> Vec<String> {
        let mut events = api::list("events", &self.namespace);
        events.retain(|event| event["regarding"]["kind"] == "Canary" && event["regarding"]["name"] == canary);
        events.sort_by_key(|event| {
            let made = [&event["eventTime"], &event["metadata"]["creationTimestamp"]];
            made.into_iter().find_map(Value::as_str).unwrap_or_default().to_owned()
        });
        events.iter().filter_map(|event| event["reason"].as_str().map(str::to_owned)).collect()
    }

    /// Writes what is here into a file, and returns where.
    fn dump(&self) -> std::path::PathBuf {
        let mut text = String::new();
        for words in [
            &["get", "canaries,deployments,pods,services,httproutes", "--output", "wide"][..],
            &["get", "canaries", "--output", "yaml"],
            &["get", "httproutes,httpproxies,virtualservices,destinationrules", "--output", "yaml"],
            &["get", "deployments,daemonsets,horizontalpodautoscalers", "--output", "yaml"],
            &["get", "events", "--sort-by=.metadata.creationTimestamp"],
        ] {
            let outcome = self.kubectl(words);
            let _ = writeln!(text, "== kubectl {}\n{}", words.join(" "), outcome.text());
        }
        let _ = writeln!(text, "== log of Sluice\n{}", controller::logs());
        let folder = bed::root().join("target/cluster-dumps");
        let file = folder.join(format!("{}.txt", self.namespace));
        drop(std::fs::create_dir_all(&folder));
        drop(std::fs::write(&file, text));
        file
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // A second panic would end the whole run.
            match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.dump())) {
                Ok(file) => eprintln!("what was in {} is kept in {}", self.namespace, file.display()),
                Err(_) => eprintln!("what was in {} could not be kept", self.namespace),
            }
        }
        let mut command = match bed::find() {
            Ok(bed) => bed.command("kubectl"),
            Err(_) => Command::new("kubectl"),
        };
        command.args(["delete", "namespace", &self.namespace, "--wait=false", "--ignore-not-found"]);
        command::run(&mut command, None, wait::COMMAND);
    }
}
