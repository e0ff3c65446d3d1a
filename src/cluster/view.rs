//! Everything that is known without a call: projections, what lies over them, and names known to be free. Always gives the
//! newer of what the watch delivered and what our own calls returned; when it cannot tell, it says so instead of guessing.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use tokio::{sync::mpsc, time::Instant};

use super::{
    kept::Kept,
    kinds::{Heard, Kind, Scope},
    named::{Known, Named, Sight},
    overlay::{Cover, Look, Overlay},
    raw::{annotation, metadata, reached},
    store::{Group, Store},
};
use crate::api::{CanaryKey, Object, ObjectRef, names};

/// Something changed that we watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// The object that changed, appeared or left.
    pub reference: ObjectRef,
    /// The Canary that it belongs to, as far as the object or its Service says so.
    pub owner: Option<CanaryKey>,
}

/// What happened to an object while a call about it was under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Meanwhile {
    touched: bool,
    left: bool,
}

/// A call under way.
struct Flight {
    id: u64,
    reference: ObjectRef,
    meanwhile: Meanwhile,
}

/// What is known without a call.
pub(super) struct View {
    namespace: Option<String>,
    store: Store,
    overlay: Overlay,
    named: Named,
    /// Kinds whose metadata watch has delivered its first list.
    hearing: HashSet<Kind>,
    flights: Vec<Flight>,
    next_flight: u64,
    events: mpsc::UnboundedSender<Touched>,
}

impl View {
    pub(super) fn new(namespace: Option<String>, events: mpsc::UnboundedSender<Touched>) -> Self {
        View {
            namespace,
            store: Store::default(),
            overlay: Overlay::default(),
            named: Named::default(),
            hearing: HashSet::new(),
            flights: Vec::new(),
            next_flight: 0,
            events,
        }
    }

    // --- reading

    /// What is known of an object.
    pub(super) fn look(&self, reference: &ObjectRef, now: Instant) -> Look {
        let shown = self.store.get(reference);
        if let Some(look) = self.overlay.look(reference, shown.map(Kept::uid), now) {
            return look;
        }
        if let Some(object) = shown {
            return Look::Present(object.object());
        }
        let all = self.watches(reference).filter(|kind| kind.scope == Scope::All);
        let synced = all.is_some_and(|kind| self.store.is_synced(kind));
        if synced || self.named.known(reference) == Known::Absent {
            return Look::Absent;
        }
        Look::Unknown
    }

    /// The newest object that we have seen under this name, believed or not.
    pub(super) fn last(&self, reference: &ObjectRef, now: Instant) -> Option<Arc<Object>> {
        let shown = self.store.get(reference);
        match self.overlay.look(reference, shown.map(Kept::uid), now) {
            Some(Look::Present(object)) => Some(object),
            Some(Look::Absent) => None,
            Some(Look::Unknown) | None => shown.map(Kept::object),
        }
    }

    /// The members of a group; each is to be looked at on its own.
    pub(super) fn members(&self, group: &Group) -> BTreeSet<ObjectRef> {
        let own =
            self.overlay.objects().filter(|(own, object)| Group::of(own, object).as_ref() == Some(group));
        let own: Vec<_> = own.map(|(reference, _)| reference.clone()).collect();
        self.store.members(group).into_iter().chain(own).collect()
    }

    /// All objects of a kind that were delivered or written.
    pub(super) fn of_kind(&self, kind: &Kind) -> BTreeSet<ObjectRef> {
        let watched = self.store.of_kind(kind).map(|(reference, _)| reference);
        let own = self.overlay.objects().map(|(reference, _)| reference).filter(|own| kind.is_of(own));
        watched.chain(own).cloned().collect()
    }

    pub(super) fn is_synced(&self, kind: &Kind) -> bool {
        self.store.is_synced(kind)
    }

    /// The kind of the object if we watch it in its namespace.
    fn watches(&self, reference: &ObjectRef) -> Option<&'static Kind> {
        let inside = self.namespace.as_ref().is_none_or(|only| *only == reference.namespace);
        Kind::of(reference).filter(|_| inside)
    }

    // --- what the watches say

    /// The watch delivered an object.
    pub(super) fn delivered(&mut self, reference: &ObjectRef, object: Arc<Object>) {
        self.note(reference, Meanwhile { touched: true, left: false });
        self.named.learn(reference, Some(&object));
        self.overlay.delivered(reference, &object);
        let owner = self.owner(reference, &object);
        let version = metadata(&object, "resourceVersion").to_owned();
        let old = self.store.put(reference, object);
        if old.as_ref().is_some_and(|old| old.version() == version) {
            return;
        }
        let before = old.filter(|_| owner.is_some()).and_then(|old| self.owner(reference, &old.object()));
        if let Some(before) = before.filter(|before| Some(before) != owner.as_ref()) {
            self.tell(reference, Some(before));
        }
        self.tell(reference, owner);
    }

    /// The watch said that an object left it: it is gone, or lost our label.
    pub(super) fn left(&mut self, reference: &ObjectRef, object: &Object) {
        self.note(reference, Meanwhile { touched: true, left: true });
        self.overlay.left(reference, object);
        let Some(old) = self.store.take(reference).map(|old| old.object()) else { return };
        let owner = self.owner(reference, &old);
        let deleted_by_us = self.overlay.is_gone(reference, metadata(&old, "uid"));
        if let Some(group) = Group::of(reference, &old).filter(|_| !deleted_by_us) {
            self.store.doubt(group, reference.clone(), Instant::now());
        }
        // Also whoever waited for the name: the primary of a Canary that is gone stands in its successor's way until then.
        for other in self.named.by(reference).into_iter().filter(|other| Some(other) != owner.as_ref()) {
            self.tell(reference, Some(other));
        }
        self.tell(reference, owner);
    }

    /// A list of the kind, begun at `begun`, is complete.
    pub(super) fn listed(&mut self, kind: &Kind, listed: &HashSet<ObjectRef>, begun: Instant) {
        let vanished: Vec<_> = self
            .store
            .of_kind(kind)
            .filter(|(reference, _)| !listed.contains(*reference))
            .map(|(reference, kept)| (reference.clone(), kept.object()))
            .collect();
        for (reference, object) in vanished {
            self.left(&reference, &object);
        }
        let absent =
            |flight: &&mut Flight| kind.is_of(&flight.reference) && !listed.contains(&flight.reference);
        for flight in self.flights.iter_mut().filter(absent) {
            flight.meanwhile = Meanwhile { touched: true, left: true };
        }
        self.overlay.relisted(kind, listed, begun);
        self.store.sync(kind);
    }

    /// Nobody watches the kind any more: what we knew of it is worth nothing.
    pub(super) fn unwatched(&mut self, kind: &Kind) {
        self.store.drop_kind(kind);
        self.overlay.drop_kind(kind);
    }

    /// A metadata watch spoke of an object that exists; `ours` says whether it has our label.
    pub(super) fn heard(&mut self, reference: &ObjectRef, sight: Sight, ours: bool) {
        self.note(reference, Meanwhile { touched: true, left: false });
        for owner in self.named.heard(reference, sight) {
            // The labelled watch tells of those.
            if !ours {
                self.tell(reference, Some(owner));
            }
        }
    }

    /// A metadata watch said that the object with this uid is gone, or, without a uid, that none has the name.
    pub(super) fn unheard(&mut self, reference: &ObjectRef, uid: Option<&str>) {
        self.note(reference, Meanwhile { touched: true, left: true });
        for owner in self.named.left(reference, uid) {
            self.tell(reference, Some(owner));
        }
    }

    /// A list of a metadata watch is complete.
    pub(super) fn heard_all(&mut self, heard: &Heard, listed: &HashSet<ObjectRef>) {
        for reference in self.named.missing_from(heard.kind.name, listed) {
            self.unheard(&reference, None);
        }
        self.hearing.insert(heard.kind);
    }

    /// Nobody listens to a metadata watch any more.
    pub(super) fn deaf(&mut self, heard: &Heard) {
        self.hearing.remove(&heard.kind);
        self.named.forget(heard.kind.name);
    }

    /// Whether what is remembered of the object is renewed by a metadata watch.
    fn hears(&self, reference: &ObjectRef) -> bool {
        let inside = self.namespace.as_ref().is_none_or(|only| *only == reference.namespace);
        inside && Heard::of(reference).is_some_and(|heard| self.hearing.contains(&heard.kind))
    }

    /// The watch that should tell of the object and has not delivered its first list.
    pub(super) fn late(&self, reference: &ObjectRef, hears: bool) -> Option<&'static str> {
        if let Some(kind) = self.watches(reference).filter(|kind| !self.store.is_synced(kind)) {
            return Some(kind.name);
        }
        let inside = self.namespace.as_ref().is_none_or(|only| *only == reference.namespace);
        let deaf = hears && inside && !self.hears(reference) && self.store.get(reference).is_none();
        Heard::of(reference).filter(|_| deaf).map(|heard| heard.watch)
    }

    /// Nobody decides any more: what Canaries name is of no use.
    pub(super) fn forget_names(&mut self) {
        self.named = Named::default();
    }

    /// Which objects a Canary names; none when the Canary is gone.
    pub(super) fn name(&mut self, canary: &CanaryKey, references: BTreeSet<ObjectRef>) {
        self.named.set(canary, references);
    }

    /// What is remembered of a name.
    pub(super) fn known(&self, reference: &ObjectRef) -> Known {
        self.named.known(reference)
    }

    fn tell(&self, reference: &ObjectRef, owner: Option<CanaryKey>) {
        // Without a receiver the process is about to end.
        let _ = self.events.send(Touched { reference: reference.clone(), owner });
    }

    /// The Canary that an object belongs to.
    fn owner(&self, reference: &ObjectRef, object: &Object) -> Option<CanaryKey> {
        if reference.kind == "Canary" {
            return Some(CanaryKey::new(&reference.namespace, &reference.name));
        }
        let name = match Group::of(reference, object) {
            Some(Group::Snapshots(key) | Group::Routes(key) | Group::Autoscalers(key)) => key.name,
            Some(Group::Slices(namespace, service)) => {
                let service = ObjectRef::new("v1", "Service", namespace, service);
                let service = self.last(&service, Instant::now())?;
                annotation(&service, names::CANARY)?.to_owned()
            }
            None => annotation(object, names::CANARY)?.to_owned(),
        };
        Some(CanaryKey::new(&reference.namespace, name))
    }

    // --- what our own calls say

    /// A call about an object begins.
    pub(super) fn begin(&mut self, reference: &ObjectRef) -> u64 {
        self.next_flight += 1;
        let meanwhile = Meanwhile::default();
        self.flights.push(Flight { id: self.next_flight, reference: reference.clone(), meanwhile });
        self.next_flight
    }

    fn note(&mut self, reference: &ObjectRef, what: Meanwhile) {
        for flight in self.flights.iter_mut().filter(|flight| flight.reference == *reference) {
            flight.meanwhile.touched |= what.touched;
            flight.meanwhile.left |= what.left;
        }
    }

    /// Ends a call; says what happened since it began.
    fn end(&mut self, id: u64) -> Meanwhile {
        let position = self.flights.iter().position(|flight| flight.id == id);
        position.map(|at| self.flights.swap_remove(at).meanwhile).unwrap_or_default()
    }

    /// Ends a write; a GET that is still under way may tell of the time before it.
    fn settle(&mut self, id: u64, reference: &ObjectRef) -> Meanwhile {
        let meanwhile = self.end(id);
        self.note(reference, Meanwhile { touched: true, left: false });
        meanwhile
    }

    /// A GET returned. Its answer is only kept if neither a watch nor a write of ours spoke of the object
    /// meanwhile: that may be newer.
    pub(super) fn answered(
        &mut self,
        id: u64,
        reference: &ObjectRef,
        answer: Option<&Arc<Object>>,
        now: Instant,
    ) {
        let meanwhile = self.end(id);
        if meanwhile.touched {
            return;
        }
        if self.watches(reference).is_some() {
            match answer {
                Some(object) => self.cover(reference, object, false, now),
                None => {
                    self.store.believe(reference);
                    let known = self.store.get(reference).map(|stale| stale.uid().to_owned());
                    self.overlay.not_found(reference, known, now);
                }
            }
        }
        if self.hears(reference) && (answer.is_some() || self.store.get(reference).is_none()) {
            self.named.learn(reference, answer.map(Arc::as_ref));
        }
    }

    /// A write of ours returned the object.
    pub(super) fn written(&mut self, id: u64, reference: &ObjectRef, object: &Arc<Object>, now: Instant) {
        let meanwhile = self.settle(id, reference);
        if self.watches(reference).is_some() {
            self.cover(reference, object, meanwhile.left, now);
        }
        if meanwhile.left {
            self.named.doubt(reference);
        } else if self.hears(reference) {
            self.named.learn(reference, Some(object));
        }
    }

    /// A write of ours happened, or may have: the object's version is at least `version`.
    pub(super) fn unsure(&mut self, id: u64, reference: &ObjectRef, version: Option<String>, now: Instant) {
        self.settle(id, reference);
        self.named.doubt(reference);
        if self.watches(reference).is_none() {
            return;
        }
        let known = self.store.get(reference).map(Kept::version);
        match (&version, known) {
            (Some(version), Some(known)) if reached(known, version) => self.overlay.lift(reference),
            _ => self.overlay.lay(reference.clone(), Cover::Doubt(version), now),
        }
    }

    /// Our delete of the object with this uid was carried out.
    pub(super) fn gone(&mut self, id: u64, reference: &ObjectRef, uid: &str, now: Instant) {
        self.settle(id, reference);
        self.named.doubt(reference);
        if self.watches(reference).is_some() {
            let other = self.store.get(reference).is_some_and(|shown| shown.uid() != uid);
            let cover = if other { Cover::Doubt(None) } else { Cover::Gone(uid.to_owned()) };
            self.overlay.lay(reference.clone(), cover, now);
        }
    }

    /// A call was given up without an answer that says anything.
    pub(super) fn abandon(&mut self, id: u64) {
        self.end(id);
    }

    /// Lays an answer over the projection, if it is newer and the watch will ever confirm it.
    fn cover(&mut self, reference: &ObjectRef, object: &Arc<Object>, left: bool, now: Instant) {
        let version = metadata(object, "resourceVersion");
        let known = self.store.get(reference).map(Kept::version);
        let selected = Kind::of(reference).is_some_and(|kind| kind.selects(object));
        if known.is_some_and(|known| reached(known, version)) {
            self.overlay.lift(reference);
        } else if left || !selected {
            // The watch will not deliver it like this, but may still deliver what it was before.
            self.overlay.lay(reference.clone(), Cover::Doubt(Some(version.to_owned())), now);
        } else {
            self.overlay.lay(reference.clone(), Cover::Object(Arc::clone(object)), now);
        }
    }
}
