//! The pods of Sluice itself: who writes, what they log, and how to kill one.

use std::process::Command;

use serde_json::{Value, json};

use super::{api, command, helm, kubectl, switch, wait};

/// Selects the pods of Sluice.
pub(crate) const SELECTOR: &str = "app.kubernetes.io/name=sluice,app.kubernetes.io/component=controller";

/// The pods of Sluice, without those that are going.
pub(crate) fn pods() -> Vec<Value> {
    let all = api::list("pods", helm::NAMESPACE).into_iter();
    all.filter(|pod| pod["metadata"]["labels"]["app.kubernetes.io/component"] == "controller")
        .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
        .collect()
}

/// The pod that holds the Lease.
#[track_caller]
pub(crate) fn leader() -> String {
    wait::until(wait::TAKEN_OVER, "a replica that holds the Lease", || {
        let lease = api::find("leases", helm::NAMESPACE, "sluice-leader").unwrap_or_default();
        let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned();
        // An identity is the pod's name and what tells one process in it from the next.
        let pod = holder.split('_').next().unwrap_or_default().to_owned();
        let known = pods().iter().any(|known| known["metadata"]["name"] == pod.as_str());
        if known { Ok(pod) } else { Err(format!("the holder is `{holder}`")) }
    })
}

/// Waits until no replica is left, also none that still serves while it goes.
#[track_caller]
pub(crate) fn gone() {
    wait::until(wait::PODS, "no pod of Sluice to be left", || {
        let all = api::list("pods", helm::NAMESPACE).into_iter();
        let left = all
            .filter(|pod| pod["metadata"]["labels"]["app.kubernetes.io/component"] == "controller")
            .count();
        if left == 0 { Ok(()) } else { Err(format!("{left} pods")) }
    });
}

/// Waits until all replicas are ready and the API server reaches the gate: between the two lies the time that kube-proxy
/// takes to hear of a pod.
#[track_caller]
pub(crate) fn ready() {
    wait::until(wait::PODS, "all replicas of Sluice to be ready", || {
        let deployment = api::get("deployments", helm::NAMESPACE, helm::RELEASE);
        let (want, status) = (&deployment["spec"]["replicas"], &deployment["status"]);
        let current = status["observedGeneration"] == deployment["metadata"]["generation"];
        if current && &status["readyReplicas"] == want && &status["replicas"] == want {
            Ok(())
        } else {
            Err(status.to_string())
        }
    });
    let nothing =
        json!({"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "nothing"}});
    wait::until(wait::NOTICED, "the API server to reach the gate", || {
        match api::dry_run("canaries", "default", &nothing) {
            Err(said) if said.contains("failed calling webhook") => Err(said),
            _ => Ok(()),
        }
    });
}

/// Kills the pod's process with SIGKILL, so that it can say goodbye to nobody; on a cluster whose processes are not of this
/// machine, removes the pod without grace. Returns how.
#[track_caller]
pub(crate) fn kill(pod: &str) -> &'static str {
    if !switch::existing_cluster()
        && let Some(process) = process_of(pod)
    {
        command::run(Command::new("kill").args(["-9", &process]), None, wait::COMMAND).ok();
        return "kill -9";
    }
    kubectl::within(helm::NAMESPACE, &["delete", "pod", pod, "--grace-period=0", "--force", "--wait=false"])
        .ok();
    "removed without grace"
}

/// The process of a pod of the bed, as this machine sees it: it carries the pod's name in its environment.
fn process_of(pod: &str) -> Option<String> {
    let mark = format!("POD_NAME={pod}");
    std::fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        name.parse::<u32>().ok()?;
        let environment = std::fs::read(entry.path().join("environ")).ok()?;
        environment.split(|byte| *byte == 0).any(|pair| pair == mark.as_bytes()).then_some(name)
    })
}

/// Resident memory of a pod's process in MiB, where that is of this machine.
pub(crate) fn resident_memory(pod: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process_of(pod)?)).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kibibytes| kibibytes / 1024)
}

/// What a replica tells Prometheus, asked through the API server.
#[track_caller]
pub(crate) fn metrics(pod: &str) -> String {
    let path = format!("/api/v1/namespaces/{}/pods/{pod}:8080/proxy/metrics", helm::NAMESPACE);
    kubectl::kubectl(&["get", "--raw", &path]).stdout
}

/// How many reviews the replicas have answered since they started.
#[track_caller]
pub(crate) fn reviews() -> u64 {
    let of = |pod: &Value| {
        let told = metrics(pod["metadata"]["name"].as_str().unwrap_or_default());
        let counts = told.lines().filter(|line| line.starts_with("sluice_admission_requests_total"));
        counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum::<u64>()
    };
    pods().iter().map(of).sum()
}

/// What all replicas logged lately, each line with its pod.
pub(crate) fn logs() -> String {
    let words = ["logs", "--selector", SELECTOR, "--prefix", "--tail=400", "--all-containers"];
    kubectl::within(helm::NAMESPACE, &words).text()
}
