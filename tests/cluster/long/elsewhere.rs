//! What the cluster does elsewhere takes as long as ever, whatever has become of the gate: its replicas are gone, its packets
//! vanish, or its connections are taken by somebody who never says what he wants.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::install::alone;
use crate::support::counts::Counts;
use crate::support::manifests::{APP, blue_green, canary_for, podinfo, replicas};
use crate::support::space::Space;
use crate::support::writes::{Server, middle_and_most};
use crate::support::{api, bed, command, controller, facts, helm, kubectl, switch, wait};

/// Creates of each kind in each state.
const CREATES: usize = 60;
/// A create is as fast as ever if half of them take no longer than this many times what they take while the gate is well; one
/// that waits for a webhook takes some hundred times as long.
const AS_EVER: f64 = 5.0;
/// More connections than a replica takes.
const CONNECTIONS: usize = 1200;

/// An object of each kind that a cluster lives by, and one that users make; none starts a process.
fn objects() -> [(&'static str, &'static str, Value); 4] {
    let template = podinfo("one")["spec"]["template"]["spec"].clone();
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": template});
    pod["spec"]["schedulerName"] = "nobody".into();
    [
        ("pods", "here", pod),
        (
            "nodes",
            "",
            json!({"apiVersion": "v1", "kind": "Node", "metadata": {}, "spec": {"unschedulable": true}}),
        ),
        (
            "leases",
            "here",
            json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {}, "spec": {}}),
        ),
        ("deployments", "here", replicas(&podinfo("one"), 0)),
    ]
}

/// What creates of each kind took, median and most in milliseconds.
type Times = BTreeMap<&'static str, (f64, f64)>;

/// Creates objects of each kind one after the other and takes them away again; the gate is asked about none of them.
#[track_caller]
fn measure(state: &str, space: &Space) -> Times {
    let server = Server::first();
    let before = Counts::now().called();
    let mut told = Times::new();
    for (plural, place, object) in objects() {
        let namespace = if place.is_empty() { "" } else { space.namespace.as_str() };
        let mut times = Vec::new();
        for number in 0..CREATES {
            let mut object = object.clone();
            let name = format!("elsewhere-{number}");
            object["metadata"]["name"] = name.as_str().into();
            let written = server.create(plural, namespace, &object);
            written.result.unwrap_or_else(|error| panic!("{plural} while the gate is {state}: {error}"));
            times.push(written.took);
        }
        for number in 0..CREATES {
            server.delete(plural, namespace, &format!("elsewhere-{number}")).result.unwrap();
        }
        told.insert(plural, middle_and_most(times));
    }
    assert_eq!(Counts::now().called(), before, "a webhook of ours was called while the gate was {state}");
    facts::record(&format!("gate {state}: milliseconds of a create elsewhere, median and most"), json!(told));
    told
}

/// A write of a workload that the gate watches over, and of a Canary: how long, and whether it was taken.
fn of_ours(space: &Space, wish: u32) -> Value {
    let began = std::time::Instant::now();
    let scaled = kubectl::write(&space.namespace, &["apply"], &[&replicas(&podinfo("one"), wish)]);
    let workload = began.elapsed();
    let mut other = canary_for(&blue_green(1), "other");
    other["spec"]["analysis"]["threshold"] = wish.into();
    let began = std::time::Instant::now();
    let canary = api::dry_run("canaries", &space.namespace, &other);
    json!({
        "managed Deployment, seconds, taken": [(workload.as_secs_f64() * 10.0).round() / 10.0, scaled.success],
        "Canary, seconds, taken": [(began.elapsed().as_secs_f64() * 10.0).round() / 10.0, canary.is_ok()],
    })
}

/// Packets to the gate's port vanish in the bed's network until this is dropped.
struct Blackhole;

impl Blackhole {
    fn open() -> Self {
        Self::rule("--insert");
        Blackhole
    }

    fn rule(verb: &str) {
        let network = bed::bed().address("TESTBED_NETWORK").unwrap_or_default();
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={network}"));
        command.args(["iptables", verb, "OUTPUT", "--protocol", "tcp", "--dport", "8443", "--jump", "DROP"]);
        command::run(&mut command, None, wait::COMMAND).ok();
    }
}

impl Drop for Blackhole {
    fn drop(&mut self) {
        Self::rule("--delete");
    }
}

/// Holds connections to every replica and drips bytes into them until it is dropped.
struct Loris(Vec<Child>);

impl Loris {
    fn start() -> Self {
        let script = bed::root().join("tests/cluster/long/loris.py");
        let addresses = controller::pods().into_iter().map(|pod| pod["status"]["podIP"].clone());
        Loris(
            addresses
                .map(|address| {
                    let mut command = Command::new("python3");
                    command.arg(&script).arg(address.as_str().unwrap_or_default());
                    command.arg(CONNECTIONS.to_string()).stdin(Stdio::null());
                    command.spawn().unwrap()
                })
                .collect(),
        )
    }
}

impl Drop for Loris {
    fn drop(&mut self) {
        for child in &mut self.0 {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

#[test]
fn whatever_becomes_of_the_gate_the_rest_of_the_cluster_goes_on_as_ever() {
    let Some(alone) = alone("the rest of the cluster") else { return };
    if !switch::gate() {
        return;
    }
    if switch::existing_cluster() {
        return switch::skip("the rest of the cluster", "packets can be dropped in a bed's network only");
    }
    let sluice = alone.installed();
    controller::ready();
    let space = Space::new("elsewhere");
    space.initialised(&podinfo("one"), &blue_green(1));
    let record = |state: &str, wish: u32| {
        let times = measure(state, &space);
        facts::record(&format!("gate {state}: writes of ours"), of_ours(&space, wish));
        times
    };
    let well = record("well", 2);
    let mut ill = Vec::new();
    {
        let _loris = Loris::start();
        // Until all connections are there, and those of the first seconds have been cut.
        std::thread::sleep(Duration::from_secs(8));
        ill.push(record("beset by slow connections", 3));
    }
    {
        let _hole = Blackhole::open();
        ill.push(record("unreachable, its packets vanish", 4));
    }
    let _sluice = sluice.changing();
    kubectl::within(helm::NAMESPACE, &["scale", "deployment", helm::RELEASE, "--replicas=0"]).ok();
    controller::gone();
    ill.push(record("gone, all replicas killed", 5));
    kubectl::within(helm::NAMESPACE, &["scale", "deployment", helm::RELEASE, "--replicas=2"]).ok();
    controller::ready();
    let again = record("well again", 6);
    for times in ill {
        for (plural, (middle, _)) in times {
            let ever = well[plural].0.max(again[plural].0);
            assert!(
                middle < AS_EVER * ever,
                "creating {plural} took {middle} ms, and {ever} ms with a gate that is well"
            );
        }
    }
    space.rests();
    assert_eq!(space.deployment(APP)["metadata"]["annotations"]["sluice.dev/replicas"], "6");
}
