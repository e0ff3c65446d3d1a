//! The installation that tests share, and the lock that lets some have it for themselves.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::support::{bed, controller, helm, kubectl, switch};

/// Whether Sluice stands as tests expect it.
static STANDS: RwLock<bool> = RwLock::new(false);

/// The installation, shared.
pub(crate) struct Shared {
    _guard: RwLockReadGuard<'static, bool>,
}

/// The installation for one test alone.
pub(crate) struct Alone {
    guard: RwLockWriteGuard<'static, bool>,
}

/// Sluice as tests share it; `None` if there is no cluster and `ALLOW_SKIP=1` lets the test pass.
#[track_caller]
pub(crate) fn shared(test: &str) -> Option<Shared> {
    if let Err(reason) = bed::find() {
        switch::skip(test, reason);
        return None;
    }
    loop {
        let guard = STANDS.read().unwrap_or_else(PoisonError::into_inner);
        if *guard {
            return Some(Shared { _guard: guard });
        }
        drop(guard);
        drop(Alone { guard: STANDS.write().unwrap_or_else(PoisonError::into_inner) }.installed());
    }
}

/// The cluster without any other test; Sluice may or may not be there.
#[track_caller]
pub(crate) fn alone(test: &str) -> Option<Alone> {
    if let Err(reason) = bed::find() {
        switch::skip(test, reason);
        return None;
    }
    Some(Alone { guard: STANDS.write().unwrap_or_else(PoisonError::into_inner) })
}

impl Alone {
    /// Makes Sluice stand as tests expect it.
    #[track_caller]
    pub(crate) fn installed(mut self) -> Self {
        if !*self.guard {
            let old = ["delete", "namespaces", "--selector", "sluice.dev/test=true", "--wait=false"];
            kubectl::kubectl(&old).ok();
            helm::clear_half_way();
            helm::upgrade(&[]).ok();
            controller::ready();
            *self.guard = true;
        }
        self
    }

    /// Says that what this test does leaves Sluice otherwise: the next one installs it anew.
    pub(crate) fn changing(mut self) -> Self {
        *self.guard = false;
        self
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        if std::thread::panicking() {
            *self.guard = false;
        }
    }
}
