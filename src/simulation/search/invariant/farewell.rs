//! What a deleted Canary leaves behind serves.

use jiff::Timestamp;

use super::{End, Invariant, Moment};
use crate::{
    api::{Object, ObjectRef},
    rollout::WAY_OUT,
    simulation::{
        Memory,
        search::{
            RELEASE,
            happening::{Happening, What},
            subject::{NAME, NAMESPACE, ROUTES, Subject},
        },
    },
};

/// A deleted Canary goes in bounded time, unless its target is not ready, which it tells. Before, its clients and its route are led
/// to pods of the target that are ready; after that nothing of it is left: no share, copies or cookies, no mark and no object.
#[derive(Default)]
pub(super) struct Farewell {
    /// When it went, leaving a target that serves.
    went: Option<Timestamp>,
}

impl Invariant for Farewell {
    fn name(&self) -> &'static str {
        "farewell"
    }

    fn look(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        let (memory, before) = (moment.memory, moment.before);
        let is_going = moment.canary().metadata.deletion_timestamp.is_some();
        if !is_going || memory.get(&crate::simulation::search::canary()).is_some() {
            return Ok(());
        }
        // Where the target is gone too, nothing serves any more.
        if memory.get(moment.workloads.0).is_none() {
            return Ok(());
        }
        let excused = before.hurt_until.max(before.late_until).max(before.split_until);
        if moment.now < excused {
            return Ok(());
        }
        self.went = Some(moment.now);
        led(memory).and_then(|()| forgotten(memory, &moment.case.subject))
    }

    fn end(&self, end: &End<'_>) -> Result<(), String> {
        if !end.leaves() {
            return Ok(());
        }
        if end.memory.get(&crate::simulation::search::canary()).is_some() {
            let told = end.course.status.last_decision.as_deref().unwrap_or_default();
            let waits = end.case.subject.is_broken(end.memory) && told.contains(WAY_OUT);
            return if waits { Ok(()) } else { Err(format!("the Canary does not go: {told}")) };
        }
        if let Some((of, _)) = end.memory.objects().iter().find(|(of, object)| is_left(of, object)) {
            return Err(format!("{of} is left"));
        }
        let disturbed = |went| end.case.happenings.iter().any(|happening| disturbs(happening, went));
        if self.went.is_none_or(disturbed) {
            return Ok(());
        }
        if end.case.subject.rests(end.memory) {
            return Err("the target rests, and there is no primary any more".to_owned());
        }
        led(end.memory).and_then(|()| forgotten(end.memory, &end.case.subject))
    }
}

/// Whether clients of the apex reach a pod that is ready.
fn led(memory: &Memory) -> Result<(), String> {
    let apex = ObjectRef::new("v1", "Service", NAMESPACE, NAME);
    let led = memory.get(&apex).is_some_and(|apex| apex["spec"]["selector"]["app"] == NAME);
    let slice = ObjectRef::new("discovery.k8s.io/v1", "EndpointSlice", NAMESPACE, format!("{NAME}-0"));
    let ready = memory.get(&slice).and_then(|slice| slice["endpoints"].as_array()).map_or(0, Vec::len);
    if led && ready > 0 {
        Ok(())
    } else {
        Err(format!("the apex leads to {ready} pods, of the target: {led}"))
    }
}

/// Whether the routes have nothing of a run any more.
fn forgotten(memory: &Memory, subject: &Subject) -> Result<(), String> {
    let routes = ROUTES.into_iter().filter_map(|provider| memory.get(&subject.route_of(provider)));
    for spec in routes.map(|route| route["spec"].to_string().to_lowercase()) {
        let traces = ["shop-primary", "shop-canary", "mirror", "cookie"];
        if let Some(trace) = traces.into_iter().find(|trace| spec.contains(trace)) {
            return Err(format!("{trace} is left in a route: {spec}"));
        }
    }
    Ok(())
}

/// Whether an object is one of ours still, or says so. Slices go with their Services.
fn is_left(of: &ObjectRef, object: &Object) -> bool {
    let metadata = &object["metadata"];
    let owned = metadata["ownerReferences"].as_array().is_some_and(|owners| !owners.is_empty());
    let marks = ["annotations", "labels"].map(|marks| metadata[marks].as_object());
    let mut marks = marks.into_iter().flatten().flat_map(|marks| marks.keys());
    of.kind != "EndpointSlice" && (owned || marks.any(|mark| mark.starts_with("sluice.dev/")))
}

/// Whether something happened after the Canary went that nobody is there to mend.
fn disturbs(happening: &Happening, went: Timestamp) -> bool {
    let at =
        Timestamp::UNIX_EPOCH + RELEASE + jiff::SignedDuration::from_millis(happening.at + happening.lasts);
    let kind = matches!(
        happening.what,
        What::ServiceDeleted(_)
            | What::ServiceEdited(_)
            | What::RouteDeleted
            | What::Rerouted(_)
            | What::TargetDeleted
            | What::Scaled(_)
            | What::Released(_)
    );
    kind && at >= went
}
