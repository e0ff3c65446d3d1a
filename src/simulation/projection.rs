//! What one controller knows of the cluster: each object as it was at some time, never older than its own last write or than
//! it was seen before.

use std::{collections::BTreeMap, sync::Arc};

use super::{Lag, Memory};
use crate::{
    api::{Live, Object, ObjectRef},
    rollout::{Ask, Call},
};

/// A controller's memory; it ends with the process.
#[derive(Default)]
pub(super) struct Projection {
    seen: BTreeMap<Arc<ObjectRef>, Arc<Object>>,
    news: bool,
    /// Whether the process died and was replaced.
    pub(super) crashed: bool,
    /// What was asked and is not answered yet.
    pub(super) asks: Vec<Ask>,
    /// Calls of `event` hooks that are not made yet.
    pub(super) calls: Vec<Call>,
}

/// What a controller sees at one look.
#[derive(Default)]
pub(super) struct View {
    /// The objects.
    pub(super) live: Live,
    /// Whether news is still under way.
    pub(super) behind: bool,
    /// Whether there is any news since the last look.
    pub(super) news: bool,
}

impl Projection {
    /// A process that starts in the place of one that died.
    pub(super) fn replacing(memory: &Memory) -> Self {
        Projection { crashed: true, ..Projection::reading(memory) }
    }

    /// A process that starts reads everything.
    pub(super) fn reading(memory: &Memory) -> Self {
        Projection { news: true, seen: memory.objects().clone(), ..Projection::default() }
    }

    /// Hears of what has changed, as far as nothing holds it up, and tells what is known.
    pub(super) fn observe(&mut self, memory: &Memory, lag: &mut Lag) -> View {
        let mut behind = false;
        let Projection { seen, news, .. } = self;
        let present = memory.objects();
        seen.retain(|reference, _| {
            let gone = !present.contains_key(reference);
            let keep = !gone || lag();
            behind |= gone && keep;
            *news |= !keep;
            keep
        });
        for (reference, object) in present {
            if seen.get(reference).is_some_and(|known| Arc::ptr_eq(known, object)) {
                continue;
            }
            if lag() {
                behind = true;
            } else {
                seen.insert(reference.clone(), object.clone());
                *news = true;
            }
        }
        let live = seen.iter().map(|(reference, object)| (reference.clone(), object.clone())).collect();
        View { live, behind, news: std::mem::take(news) }
    }

    /// The answer to a write is known at once.
    pub(super) fn learn(&mut self, memory: &Memory, reference: &ObjectRef) {
        self.news = true;
        match memory.objects().get_key_value(reference) {
            Some((reference, object)) => self.seen.insert(reference.clone(), object.clone()),
            None => self.seen.remove(reference),
        };
    }

    /// Something woke the controller that was no news: an event that came twice.
    pub(super) fn nudge(&mut self) {
        self.news = true;
    }
}
