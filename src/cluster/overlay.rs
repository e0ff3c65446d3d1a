//! Freshness: what our own calls returned lies over the projection until the watch has caught up.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use super::{
    kinds::Kind,
    raw::{metadata, reached},
};
use crate::api::{Object, ObjectRef};

/// How long an answer of ours is believed without the watch confirming it; then one GET settles the matter.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// After this time even a dead watch connection was noticed and renewed, and what nobody asked for is dropped.
const FORGET: Duration = Duration::from_secs(600);

/// What lies over the projection of one object.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cover {
    /// The object as a call of ours returned it.
    Object(Arc<Object>),
    /// We deleted the object with this uid.
    Gone(String),
    /// A call of ours may have changed it, to this version if one is given: only a GET can tell.
    Doubt(Option<String>),
}

/// What is known of an object without a call.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Look {
    /// It exists like this.
    Present(Arc<Object>),
    /// It does not exist.
    Absent,
    /// Only a GET can tell.
    Unknown,
}

struct Entry {
    cover: Cover,
    since: Instant,
}

impl Entry {
    /// Whether the watch, which has just delivered this object, has come to the version that is waited for.
    fn caught_up(&self, object: &Object) -> bool {
        let version = metadata(object, "resourceVersion");
        match &self.cover {
            Cover::Object(own) => reached(version, metadata(own, "resourceVersion")),
            Cover::Doubt(wanted) => wanted.as_ref().is_some_and(|wanted| reached(version, wanted)),
            Cover::Gone(_) => false,
        }
    }
}

/// What our own calls returned and the watches have not confirmed yet.
#[derive(Default)]
pub(super) struct Overlay(HashMap<ObjectRef, Entry>);

impl Overlay {
    /// What our own calls say about an object, if they say anything; `shown` is the uid that the projection shows.
    pub(super) fn look(&self, reference: &ObjectRef, shown: Option<&str>, now: Instant) -> Option<Look> {
        let entry = self.0.get(reference)?;
        Some(match &entry.cover {
            _ if now.duration_since(entry.since) >= PATIENCE => Look::Unknown,
            Cover::Object(object) => Look::Present(Arc::clone(object)),
            // A uid never comes back; of other objects of the name a delete says nothing.
            Cover::Gone(uid) => match shown {
                Some(shown) if shown == uid => Look::Absent,
                Some(_) => Look::Unknown,
                None => return None,
            },
            Cover::Doubt(_) => Look::Unknown,
        })
    }

    /// Whether we deleted the object with this uid.
    pub(super) fn is_gone(&self, reference: &ObjectRef, uid: &str) -> bool {
        self.0.get(reference).is_some_and(|entry| matches!(&entry.cover, Cover::Gone(gone) if gone == uid))
    }

    /// Covers the projection of an object.
    pub(super) fn lay(&mut self, reference: ObjectRef, cover: Cover, now: Instant) {
        self.0.retain(|_, entry| now.duration_since(entry.since) < FORGET);
        self.0.insert(reference, Entry { cover, since: now });
    }

    /// Uncovers the projection of an object.
    pub(super) fn lift(&mut self, reference: &ObjectRef) {
        self.0.remove(reference);
    }

    /// A GET found nothing; `known` is the uid that the projection still shows. Events from before may be on their way, so
    /// that a wait of ours only ends if it was long enough.
    pub(super) fn not_found(&mut self, reference: &ObjectRef, known: Option<String>, now: Instant) {
        match (self.0.get_mut(reference), known) {
            (Some(entry), None) if now.duration_since(entry.since) >= PATIENCE => self.lift(reference),
            (Some(Entry { cover: cover @ Cover::Object(_), .. }), _) => {
                *cover = Cover::Doubt(version_of(cover))
            }
            (Some(_), _) => {}
            (None, Some(uid)) => self.lay(reference.clone(), Cover::Gone(uid), now),
            (None, None) => {}
        }
    }

    /// The watch delivered this object.
    pub(super) fn delivered(&mut self, reference: &ObjectRef, object: &Object) {
        let Some(entry) = self.0.get_mut(reference) else { return };
        if let Cover::Gone(uid) = &entry.cover {
            if metadata(object, "uid") != uid {
                // An object of the name from before the one that we deleted, or from after it.
                entry.cover = Cover::Doubt(None);
            } else if !object["metadata"]["deletionTimestamp"].is_null() {
                // A finalizer holds our delete up.
                self.lift(reference);
            }
        } else if entry.caught_up(object) {
            self.lift(reference);
        }
    }

    /// The watch said that this object left it; `object` carries the version of that event.
    pub(super) fn left(&mut self, reference: &ObjectRef, object: &Object) {
        if self.0.get(reference).is_some_and(|entry| entry.caught_up(object)) {
            self.lift(reference);
        }
    }

    /// A list of the kind that was begun at `begun` is complete and held the objects `listed`: what was laid before it and
    /// is not in it is gone, or moved out of the selector.
    pub(super) fn relisted(&mut self, kind: &Kind, listed: &HashSet<ObjectRef>, begun: Instant) {
        self.0.retain(|reference, entry| {
            if !kind.is_of(reference) || listed.contains(reference) || entry.since >= begun {
                return true;
            }
            if let Cover::Object(_) = entry.cover {
                entry.cover = Cover::Doubt(None);
            }
            !matches!(entry.cover, Cover::Gone(_))
        });
    }

    /// Forgets a kind that nobody watches any more.
    pub(super) fn drop_kind(&mut self, kind: &Kind) {
        self.0.retain(|reference, _| !kind.is_of(reference));
    }

    /// Objects of ours that the watches have not delivered yet.
    pub(super) fn objects(&self) -> impl Iterator<Item = (&ObjectRef, &Arc<Object>)> {
        self.0.iter().filter_map(|(reference, entry)| match &entry.cover {
            Cover::Object(object) => Some((reference, object)),
            _ => None,
        })
    }
}

fn version_of(cover: &Cover) -> Option<String> {
    match cover {
        Cover::Object(object) => Some(metadata(object, "resourceVersion").to_owned()),
        Cover::Gone(_) => None,
        Cover::Doubt(version) => version.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn object(uid: &str, version: &str) -> Object {
        json!({"metadata": {"uid": uid, "resourceVersion": version}})
    }

    fn own(version: &str) -> Cover {
        Cover::Object(Arc::new(object("u", version)))
    }

    fn reference() -> ObjectRef {
        ObjectRef::new("v1", "Service", "n", "a")
    }

    #[rstest]
    #[case::stale_event(own("10"), "9", false)]
    #[case::same_version(own("10"), "10", true)]
    #[case::later_version(own("9"), "10", true)]
    #[case::doubt_satisfied(Cover::Doubt(Some("10".into())), "10", true)]
    #[case::doubt_not_satisfied(Cover::Doubt(Some("10".into())), "9", false)]
    #[case::doubt_without_version(Cover::Doubt(None), "99", false)]
    fn a_watch_event_ends_the_wait_only_when_it_has_caught_up(
        #[case] cover: Cover,
        #[case] version: &str,
        #[case] ended: bool,
    ) {
        let mut overlay = Overlay::default();
        overlay.lay(reference(), cover, Instant::now());
        overlay.delivered(&reference(), &object("u", version));
        assert_eq!(overlay.look(&reference(), Some("u"), Instant::now()).is_none(), ended);
    }

    #[test]
    fn what_we_deleted_never_comes_back_but_another_of_the_name_may() {
        let (mut overlay, now) = (Overlay::default(), Instant::now());
        overlay.lay(reference(), Cover::Gone("u".into()), now);
        overlay.delivered(&reference(), &object("u", "9"));
        assert_eq!(overlay.look(&reference(), Some("u"), now), Some(Look::Absent));
        overlay.left(&reference(), &object("u", "10"));
        assert_eq!(overlay.look(&reference(), None, now), None, "of successors it says nothing");
        overlay.delivered(&reference(), &object("v", "12"));
        assert_eq!(overlay.look(&reference(), Some("v"), now), Some(Look::Unknown));
    }

    #[test]
    fn after_thirty_seconds_without_the_watch_only_a_get_can_tell() {
        let (mut overlay, now) = (Overlay::default(), Instant::now());
        overlay.lay(reference(), own("10"), now);
        let just_before = now + PATIENCE - Duration::from_millis(1);
        assert!(matches!(overlay.look(&reference(), Some("u"), just_before), Some(Look::Present(_))));
        assert_eq!(overlay.look(&reference(), Some("u"), now + PATIENCE), Some(Look::Unknown));
    }

    #[test]
    fn an_old_delete_does_not_uncover_what_we_made_afterwards() {
        let mut overlay = Overlay::default();
        overlay.lay(reference(), own("10"), Instant::now());
        overlay.left(&reference(), &object("old", "8"));
        assert!(overlay.look(&reference(), Some("u"), Instant::now()).is_some());
        overlay.left(&reference(), &object("u", "11"));
        assert!(overlay.look(&reference(), Some("u"), Instant::now()).is_none());
    }

    #[test]
    fn a_list_begun_after_our_write_that_lacks_the_object_casts_doubt_on_it() {
        let (mut overlay, now) = (Overlay::default(), Instant::now());
        overlay.lay(reference(), own("10"), now);
        overlay.relisted(Kind::named("Service").unwrap(), &HashSet::new(), now);
        assert!(
            matches!(overlay.look(&reference(), Some("u"), now), Some(Look::Present(_))),
            "laid while listing"
        );
        overlay.relisted(Kind::named("Service").unwrap(), &HashSet::new(), now + Duration::from_secs(1));
        assert_eq!(overlay.look(&reference(), Some("u"), now), Some(Look::Unknown));
    }
}
