//! The end of a Canary: its target serves again, clients and routes are led to it, and only then may the Canary go, with
//! everything that it made for itself. The apex Service and the route stay, as nobody's but their users'. With the peer only
//! `revertOnDeletion` asks for this, and a deletion without it is an outage; here it makes no difference.
//!
//! Nothing of this holds up the end of a namespace: once the target is gone or going, there is nothing to revert.

use json_patch::{AddOperation, Patch, PatchOperation, RemoveOperation, TestOperation, jsonptr::PointerBuf};
use serde_json::json;

use super::{
    Effect, Manager, Observation, Reason, Settings, Unread, Writes,
    affinity::turn,
    converge::{carry_out, effect, scale},
    draft::Draft,
    observation::serves,
    outlook, refs,
    scene::Scene,
    words,
};
use crate::{
    api::{API_VERSION, Canary, Live, Object, ObjectRef, Phase, names, owned},
    routing::{self, Acceptance, Change, Router, Traffic},
    workload::{self, Readiness},
};

/// What somebody does who does not want to wait.
pub const WAY_OUT: &str =
    "To delete the Canary as it is, take finalizer.flagger.app from its metadata.finalizers";

/// Sets the finalizer by which a deletion waits for us, as soon as the primary serves: soon the target rests.
pub(super) fn hold(canary: &Canary, draft: &mut Draft<'_>) {
    if draft.status.last_promoted_spec.is_none() || place(canary).is_some() {
        return;
    }
    let path = |parts: &[&str]| PointerBuf::from_tokens(parts.iter().copied());
    let version = json!(canary.metadata.resource_version);
    // Whoever else sets one at the same time must not lose it.
    let test = TestOperation { path: path(&["metadata", "resourceVersion"]), value: version };
    let add = match &canary.metadata.finalizers {
        Some(_) => {
            AddOperation { path: path(&["metadata", "finalizers", "-"]), value: json!(names::FINALIZER) }
        }
        None => AddOperation { path: path(&["metadata", "finalizers"]), value: json!([names::FINALIZER]) },
    };
    let patch = Patch(vec![PatchOperation::Test(test), PatchOperation::Add(add)]);
    draft.effect(Effect::Patch { reference: reference(canary), patch, manager: Manager::Claim });
}

/// Decides what is done for a Canary that is being deleted; nothing for one whose deletion does not wait for us.
pub(super) fn leave(
    observation: &Observation,
    settings: &Settings,
    now: jiff::Timestamp,
    draft: &mut Draft<'_>,
) {
    let canary = observation.canary.as_ref();
    let Some(place) = place(canary) else { return };
    let free = without_finalizer(canary, place);
    let target = observation.live.get(&refs::target(canary));
    let gone = target.is_none_or(|target| !target["metadata"]["deletionTimestamp"].is_null());
    let unseen = observation.unread.as_ref().is_some_and(Unread::hides_all);
    if !serves(canary) || gone && !unseen {
        // What we made goes with the Canary; what users made is theirs again before, for nobody comes back to it.
        let live = &observation.live;
        let users = |of: &ObjectRef| live.get(of).is_some_and(|object| !owned::controls(canary, object));
        let routes = routing::abandoned(canary, live).into_iter().map(effect);
        let others = unmarked(canary, live, left(canary, None, live).filter(users));
        // None of it waits for another one that does not pass: whoever deletes a namespace is not held up.
        return routes.chain(others).chain([free]).for_each(|effect| draft.lower(effect));
    }
    if draft.status.phase != Phase::Terminating {
        draft.enter(Phase::Terminating);
        let target = refs::target(canary);
        draft.event(
            Reason::Terminating,
            format!("The Canary is being deleted: {target} is to serve again before."),
        );
    }
    if unseen && observation.problems.is_empty() {
        return draft.then(outlook::leaving(canary, &draft.status));
    }
    match Scene::read(observation, settings, now) {
        Err(blocker) => draft.block(blocker.reason, format!("{} {WAY_OUT}.", blocker.message)),
        Ok(scene) => {
            if reverted(&scene, draft) {
                let target = refs::target(canary);
                // Told with the first try: while somebody denies a write, it is tried again and again.
                if !matches!(observation.writes, Writes::Failing { .. }) {
                    draft
                        .tell(Reason::Terminated, format!("{target} serves; the Canary and its primary go."));
                }
                disown(&scene, draft);
                draft.effect(free);
            }
        }
    }
    draft.then(outlook::leaving(canary, &draft.status));
}

/// Makes the target serve and leads everybody to it; whether that has been so for the settle time.
fn reverted(scene: &Scene<'_>, draft: &mut Draft<'_>) -> bool {
    let Some(target) = &scene.target else { return false };
    // As many pods as serve now; an autoscaler goes on from there.
    let pods = scene.primary_replicas().max(1);
    let few = target.replicas.is_some_and(|replicas| replicas < pods) && !scene.is_autoscaled();
    if target.idle || few {
        scale(scene, draft, pods);
    }
    // The canary's Service counts its pods until the apex leads to them; if somebody deleted or changed it, nobody puts it right any more.
    let service = refs::service(scene.canary, &scene.canary.canary_service_name());
    let late = draft.status.deadline_at.as_ref().is_some_and(|deadline| deadline.0 <= scene.now);
    let counts = scene.observation.live.get(&service).is_some() && !late && apex_to_lead(scene).is_some();
    let readiness = if counts { scene.canary_readiness() } else { scene.target_readiness() };
    let spared = spare(scene, draft);
    if let Readiness::Waiting(why) | Readiness::Failed(why) = readiness {
        await_or_block(scene, draft, "TargetNotReady", why);
        return false;
    }
    if spared {
        draft.status.settle_until = None;
        return false;
    }
    if forgets(scene, draft) {
        draft.say("The route of the run becomes one of shares alone.");
        return false;
    }
    if prepares(scene, draft) {
        draft.status.settle_until = None;
        draft.say(format!("{} is ready; clients are led to it.", refs::target(scene.canary)));
        return false;
    }
    // First that every proxy knows the apex, then that none leads past it.
    settled(scene, draft) && !leads(scene, draft)
}

/// Takes the share of a run from a target of which no pod is ready any more, or to which no Service leads; whether it had one.
fn spare(scene: &Scene<'_>, draft: &mut Draft<'_>) -> bool {
    if scene.canary_endpoints > 0 {
        return false;
    }
    let withdrawn = routing::withdrawn(scene.canary, &scene.observation.live);
    let spared = draft.status.canary_weight > 0 || !withdrawn.is_empty();
    if draft.status.canary_weight > 0 {
        let service = scene.canary.canary_service_name();
        draft.status.canary_weight = 0;
        turn(scene, draft);
        draft.event(
            Reason::TrafficReturned,
            format!("Service {service} has no ready endpoint: all traffic goes to the primary."),
        );
    }
    withdrawn.into_iter().for_each(|change| draft.lower(effect(change)));
    spared
}

/// Whether the routes have stood as they do, taken over by their gateways, for the settle time.
fn settled(scene: &Scene<'_>, draft: &mut Draft<'_>) -> bool {
    if let Some(Acceptance::Pending(why) | Acceptance::Refused(why)) =
        scene.route.as_ref().map(|route| &route.acceptance)
    {
        await_or_block(scene, draft, "RouteNotAccepted", why.clone());
        return false;
    }
    draft.status.deadline_at = None;
    draft.has_settled(scene.settle())
}

fn await_or_block(scene: &Scene<'_>, draft: &mut Draft<'_>, reason: &'static str, why: String) {
    if draft.overdue(scene.deadline()) {
        draft.block(reason, words::and(why, &format!("The primary goes on serving. {WAY_OUT}.")));
    } else {
        draft.say(words::waiting(&why));
    }
}

/// Emits what takes copies and cookies of a run out of a route of ours before it becomes its users': they would go on for ever,
/// and copies would name a Service that is gone. False where there is nothing of that, or the apex is in the route already, or a
/// route that somebody keeps otherwise (a policy that changes what we write) has had its time: it is led to the apex as it is.
fn forgets(scene: &Scene<'_>, draft: &mut Draft<'_>) -> bool {
    let live = &scene.observation.live;
    if routing::prepared(scene.router, scene.canary, live).is_empty() {
        return false;
    }
    let shares = Traffic::from(scene.traffic(&draft.status).weights);
    // What cannot be rendered any more is led to the apex as it stands.
    let Ok(changes) = scene.route_changes(&shares) else { return false };
    let stands = |change: &&Change| matches!(change, Change::Apply(object) if live.get(&ObjectRef::of(object)).is_some());
    let missing: Vec<&Change> = changes.iter().filter(stands).collect();
    // What was never written has had no time.
    let kept = |change: &&Change| matches!(change, Change::Apply(object) if live.get(&ObjectRef::of(object)).is_some_and(|live| owned::is_applied(live, object)));
    let had_its_time = !missing.is_empty() && missing.iter().all(kept) && draft.overdue(scene.deadline());
    if missing.is_empty() || had_its_time {
        return false;
    }
    missing.into_iter().for_each(|change| carry_out(draft, change.clone()));
    true
}

/// The apex Service, and what leads it to the target; none if it leads there, or does not exist.
fn apex_to_lead(scene: &Scene<'_>) -> Option<(ObjectRef, Object)> {
    let canary = scene.canary;
    let (target, apex) = (scene.target.as_ref()?, refs::service(canary, canary.apex_name()));
    let service = scene.observation.live.get(&apex)?;
    let patch = workload::reverted_service(canary, target.object, &target.selector, service)?;
    Some((apex, patch))
}

/// Emits what leads the apex Service to the target and the routes also to the apex Service; false if all is so.
fn prepares(scene: &Scene<'_>, draft: &mut Draft<'_>) -> bool {
    let (canary, live) = (scene.canary, &scene.observation.live);
    let mut moves = false;
    if let Some((reference, patch)) = apex_to_lead(scene) {
        draft.effect(Effect::Merge { reference, patch, manager: Manager::Services });
        moves = true;
    }
    for change in routing::prepared(scene.router, canary, live) {
        carry_out(draft, change);
        moves = true;
    }
    moves
}

/// Emits what leads the routes to the apex Service alone, shares first and places later; false if they lead there.
fn leads(scene: &Scene<'_>, draft: &mut Draft<'_>) -> bool {
    let changes = routing::reverted(scene.router, scene.canary, &scene.observation.live);
    let moves = !changes.is_empty();
    if moves {
        draft.status.settle_until = None;
        draft.say("Routes are led to the apex Service.");
    }
    changes.into_iter().for_each(|change| carry_out(draft, change));
    moves
}

/// Takes our marks from what stays, and our name as an owner, so that it does not go with the Canary.
fn disown(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    let (canary, live) = (scene.canary, &scene.observation.live);
    unmarked(canary, live, left(canary, Some(scene.router), live)).for_each(|effect| draft.effect(effect));
}

/// What stays once the Canary is gone: target, apex Service, routes and the user's autoscaler.
fn left(canary: &Canary, router: Option<&dyn Router>, live: &Live) -> impl Iterator<Item = ObjectRef> {
    let apex = refs::service(canary, canary.apex_name());
    let led = router.map(|router| routing::led(router, canary, live)).unwrap_or_default();
    let scaler = refs::autoscalers(canary).map(|(users, _)| users);
    [apex, refs::target(canary)].into_iter().chain(led.into_iter().cloned()).chain(scaler)
}

/// What takes our mark from these objects.
fn unmarked(
    canary: &Canary,
    live: &Live,
    objects: impl IntoIterator<Item = ObjectRef>,
) -> impl Iterator<Item = Effect> {
    objects.into_iter().filter_map(|reference| {
        let patch = owned::disowned(canary, live.get(&reference)?)?;
        Some(Effect::Merge { reference, patch, manager: Manager::Claim })
    })
}

fn reference(canary: &Canary) -> ObjectRef {
    ObjectRef::new(
        API_VERSION,
        "Canary",
        canary.namespace_name(),
        canary.metadata.name.clone().unwrap_or_default(),
    )
}

/// Where our finalizer stands in the list.
fn place(canary: &Canary) -> Option<usize> {
    canary.metadata.finalizers.iter().flatten().position(|name| name == names::FINALIZER)
}

/// Takes the finalizer at this place away, if it is still there.
fn without_finalizer(canary: &Canary, place: usize) -> Effect {
    let path = PointerBuf::from_tokens(["metadata", "finalizers", &place.to_string()]);
    let value: Object = names::FINALIZER.into();
    let test = PatchOperation::Test(TestOperation { path: path.clone(), value });
    let patch = Patch(vec![test, PatchOperation::Remove(RemoveOperation { path })]);
    Effect::Patch { reference: reference(canary), patch, manager: Manager::Claim }
}
