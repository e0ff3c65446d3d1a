//! Two Canaries claim one target at the same moment, each through an API server of its own: one becomes active, the other is
//! refused or says why it does nothing and what would change that. Whoever deletes the one that is active can go on at once.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::install::shared;
use crate::support::manifests::{blue_green, named, podinfo, with};
use crate::support::space::Space;
use crate::support::writes::Server;
use crate::support::{api, bed, facts, switch, wait};

/// Rounds that run side by side.
const LANES: usize = 4;
/// From the second write to the state that stays; by watch, so this is slack.
const SETTLED: Duration = Duration::from_secs(90);

/// A second API server on the same etcd; it ends with this.
struct Second(Server);

impl Second {
    #[track_caller]
    fn start() -> Self {
        let address = bed::testbed(&["second-api"], wait::BED).ok();
        Second(Server::at(address.trim()))
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        bed::testbed(&["second-api", "--end"], wait::BED);
    }
}

/// How the second of two claims fared.
#[derive(Debug, Default)]
struct Tally {
    refused: AtomicUsize,
    told: AtomicUsize,
}

/// The app under a name; it is never scheduled, because a claim is older than any pod.
fn app(name: &str) -> Value {
    let pod = json!({"spec": {"template": {"spec": {"schedulerName": "nobody"}}}});
    with(&named(&podinfo("one"), name), &pod)
}

/// A Canary of its own name for a target.
fn claim(name: &str, target: &str) -> Value {
    with(&blue_green(1), &json!({"metadata": {"name": name}, "spec": {"targetRef": {"name": target}}}))
}

/// Creates a Canary; a machine that is so busy that the gate's answer comes too late decides nothing here.
fn create(server: &Server, space: &Space, canary: &Value) -> Result<Value, String> {
    wait::until(wait::NOTICED, "the gate to be reached", || {
        match server.create("canaries", &space.namespace, canary).result {
            Err(said) if said.contains("failed calling webhook") => Err(said),
            result => Ok(result),
        }
    })
}

/// Whose the target is, if it is somebody's.
fn owner(space: &Space, target: &str) -> Option<String> {
    let annotation =
        &api::get("deployments", &space.namespace, target)["metadata"]["annotations"]["sluice.dev/canary"];
    annotation.as_str().map(str::to_owned)
}

/// Whether a Canary says that it cannot have its target, by which rule, and what would change that.
fn yields(canary: &Value) -> bool {
    let conditions = canary["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let stalled =
        conditions.iter().find(|condition| condition["type"] == "Stalled" && condition["status"] == "True");
    stalled.is_some_and(|stalled| stalled["message"].as_str().unwrap_or_default().contains("SL102"))
}

/// Waits until exactly one of the stored claims is active and every other one says that it yields; returns the active one.
#[track_caller]
fn one_is_active(space: &Space, target: &str, names: &[String]) -> String {
    wait::until(SETTLED, &format!("one of {names:?} to be active and the other to yield"), || {
        let owner = owner(space, target).ok_or("the target is nobody's")?;
        let mut active = Vec::new();
        for name in names {
            let canary = api::get("canaries", &space.namespace, name);
            match (yields(&canary), canary["status"]["phase"].as_str()) {
                (true, _) => {}
                (false, Some("Initializing" | "Initialized")) => active.push(name.clone()),
                (false, phase) => return Err(format!("{name} is {phase:?} and the owner is {owner}")),
            }
        }
        if active == [owner.clone()] {
            Ok(owner)
        } else {
            Err(format!("{active:?} are active, the owner is {owner}"))
        }
    })
}

/// One round: two claims at once; then all that was stored is deleted through one API server and the target claimed anew
/// through the other.
#[track_caller]
fn round(space: &Space, servers: [&Server; 2], number: usize, tally: &Tally) {
    let target = format!("t{number}");
    let app = app(&target);
    servers[0].create("deployments", &space.namespace, &app).result.unwrap();
    let names = [format!("a{number}"), format!("b{number}")];
    let both = Barrier::new(2);
    let created = std::thread::scope(|scope| {
        let writes = [0, 1].map(|lane| {
            let (claim, both) = (claim(&names[lane], &target), &both);
            scope.spawn(move || {
                both.wait();
                create(servers[lane], space, &claim)
            })
        });
        writes.map(|write| write.join().unwrap())
    });
    let mut stored = Vec::new();
    for (name, result) in names.iter().zip(created) {
        match result {
            Ok(_) => stored.push(name.clone()),
            Err(said) => {
                assert!(said.contains("SL102"), "{name} was refused for another reason: {said}");
                tally.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    assert!(!stored.is_empty(), "both claims of {target} were refused");
    tally.told.fetch_add(stored.len() - 1, Ordering::Relaxed);
    one_is_active(space, &target, &stored);

    for name in &stored {
        servers[0].delete("canaries", &space.namespace, name).result.unwrap();
    }
    let next = format!("c{number}");
    let again = create(servers[1], space, &claim(&next, &target));
    again.unwrap_or_else(|said| panic!("{next} was refused, though {stored:?} had been deleted: {said}"));
    one_is_active(space, &target, std::slice::from_ref(&next));
    servers[0].delete("canaries", &space.namespace, &next).result.unwrap();
    servers[0].delete("deployments", &space.namespace, &target).result.unwrap();
}

/// All rounds, a few side by side.
#[track_caller]
pub(crate) fn rounds(count: usize) {
    let space = Space::new("claims");
    let (first, second) = (Server::first(), Second::start());
    let (next, tally) = (AtomicUsize::new(0), Tally::default());
    let began = Instant::now();
    std::thread::scope(|scope| {
        for lane in 0..LANES {
            let (space, next, tally) = (&space, &next, &tally);
            // Which server is asked first must not decide.
            let servers = if lane % 2 == 0 { [&first, &second.0] } else { [&second.0, &first] };
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    round(space, servers, number, tally);
                }
            });
        }
    });
    facts::record(
        &format!(
            "{count} rounds of two claims through two API servers: refused at once, told by a condition, seconds"
        ),
        json!([tally.refused, tally.told, began.elapsed().as_secs()]),
    );
}

#[test]
fn of_two_claims_at_once_one_is_active_and_the_other_says_why_it_is_not() {
    let Some(_sluice) = shared("two claims at once") else { return };
    if switch::existing_cluster() {
        return switch::skip("two claims at once", "only a bed of our own gets a second API server");
    }
    rounds(50);
}
