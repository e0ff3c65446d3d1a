//! A call under way about one object. However it ends, also by a time-out or by being dropped, the view learns of it: a write
//! that is given up leaves doubt, so that the next look asks the API server.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::view::View;
use crate::api::{Object, ObjectRef};

/// The view as tasks share it. Locked for moments only, never over an await.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<View>>);

impl Shared {
    pub(super) fn new(view: View) -> Self {
        Shared(Arc::new(Mutex::new(view)))
    }

    /// The view. A panic elsewhere while it was locked does not end the process: each change of it is complete in itself.
    pub(super) fn lock(&self) -> MutexGuard<'_, View> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A GET begins.
    pub(super) fn reading(&self, reference: &ObjectRef) -> Flight {
        self.flight(reference, false)
    }

    /// A write begins.
    pub(super) fn writing(&self, reference: &ObjectRef) -> Flight {
        self.flight(reference, true)
    }

    fn flight(&self, reference: &ObjectRef, writes: bool) -> Flight {
        let id = Some(self.lock().begin(reference));
        Flight { view: self.clone(), reference: reference.clone(), id, writes }
    }
}

/// One call about one object.
pub(super) struct Flight {
    view: Shared,
    reference: ObjectRef,
    id: Option<u64>,
    writes: bool,
}

impl Flight {
    fn end(&mut self, tell: impl FnOnce(&mut View, u64, &ObjectRef)) {
        if let Some(id) = self.id.take() {
            tell(&mut self.view.lock(), id, &self.reference);
        }
    }

    /// The GET returned this; none is 404.
    pub(super) fn answered(mut self, answer: Option<&Arc<Object>>) {
        self.end(|view, id, reference| view.answered(id, reference, answer, Instant::now()));
    }

    /// The write returned the object.
    pub(super) fn written(mut self, object: &Arc<Object>) {
        self.end(|view, id, reference| view.written(id, reference, object, Instant::now()));
    }

    /// The write happened, but returned only the version.
    pub(super) fn moved(mut self, version: Option<String>) {
        self.end(|view, id, reference| view.unsure(id, reference, version, Instant::now()));
    }

    /// The delete of the object with this uid happened.
    pub(super) fn gone(mut self, uid: &str) {
        self.end(|view, id, reference| view.gone(id, reference, uid, Instant::now()));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let writes = self.writes;
        self.end(|view, id, reference| {
            if writes {
                view.unsure(id, reference, None, Instant::now());
            } else {
                view.abandon(id);
            }
        });
    }
}
