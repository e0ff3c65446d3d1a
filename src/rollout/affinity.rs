//! Cookies by which users stay on the version that answered them: a new one for each run, of the primary a new one for each step.
//! When the canary has no traffic any more, its cookie is taken away from whoever comes with it.

use serde_json::json;

use super::{Plan, draft::Draft, scene::Scene};
use crate::{
    api::{CanaryStatus, SessionAffinity, digest::digest},
    routing::{self, Cookie, Cookies, Weight},
};

/// Digits of a value: enough that no two runs share one.
const DIGITS: usize = 10;

impl Scene<'_> {
    /// The affinity of a run that raises weights; with iterations nobody has to be kept.
    fn affinity(&self) -> Option<&SessionAffinity> {
        let wished = self.canary.spec.analysis.as_ref()?.session_affinity.as_ref()?;
        let can = routing::able(self.router, self.canary).affinity;
        (can && matches!(self.plan, Plan::Weights { .. }) && !self.chooses()).then_some(wished)
    }

    /// The cookies that the route knows while the canary has this share.
    pub(super) fn cookies(&self, status: &CanaryStatus, share: Weight) -> Cookies {
        let Some(affinity) = self.affinity() else { return Cookies::NONE };
        let cookie = |pair: &Option<String>, age: i64| pair.as_ref().map(|pair| cookie(affinity, pair, age));
        if share == Weight::ZERO {
            return Cookies { former: cookie(&status.previous_session_affinity_cookie, -1), ..Cookies::NONE };
        }
        Cookies {
            canary: cookie(&status.session_affinity_cookie, affinity.max_age),
            primary: cookie(&status.primary_session_affinity_cookie, self.interval().as_secs()),
            former: None,
        }
    }
}

/// Brings the cookies in the status to what the share in it wants.
pub(super) fn turn(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    let serves = draft.status.canary_weight > 0;
    let Some(affinity) = scene.affinity().filter(|_| serves) else {
        draft.status.primary_session_affinity_cookie = None;
        if let Some(former) = draft.status.session_affinity_cookie.take() {
            draft.status.previous_session_affinity_cookie = Some(former);
        }
        return;
    };
    let named = |name: &str, pair: &Option<String>| {
        pair.as_ref().is_some_and(|pair| pair.split_once('=').is_some_and(|(of, _)| of == name))
    };
    if !named(&affinity.cookie_name, &draft.status.session_affinity_cookie) {
        let (uid, revision) = (&scene.canary.metadata.uid, &draft.status.last_applied_spec);
        let value = value(&json!([uid, revision, scene.now.to_string()]));
        draft.status.session_affinity_cookie = Some(format!("{}={value}", affinity.cookie_name));
    }
    // W-RT-15: who met the primary in an earlier step is drawn anew.
    let primary = affinity.primary_cookie_name.as_ref().filter(|name| !name.is_empty());
    draft.status.primary_session_affinity_cookie = primary.map(|name| {
        let run = &draft.status.session_affinity_cookie;
        format!("{name}={}", value(&json!([run, draft.status.step_index])))
    });
}

fn value(of: &serde_json::Value) -> String {
    digest(of).chars().take(DIGITS).collect()
}

/// A cookie with its attributes. Without a path a browser would keep it for the folder of the first page alone; a cookie goes
/// only by an answer that has its path and domain.
fn cookie(affinity: &SessionAffinity, pair: &str, age: i64) -> Cookie {
    let mut set = pair.to_owned();
    let path = affinity.path.as_deref().filter(|path| !path.is_empty()).unwrap_or("/");
    let domain = affinity.domain.as_ref().filter(|domain| !domain.is_empty());
    let attributes = [
        domain.map(|domain| format!("Domain={domain}")),
        affinity.http_only.then(|| "HttpOnly".to_owned()),
        Some(format!("Max-Age={age}")),
        affinity.partitioned.then(|| "Partitioned".to_owned()),
        Some(format!("Path={path}")),
        affinity.same_site.map(|site| format!("SameSite={site}")),
        affinity.secure.then(|| "Secure".to_owned()),
    ];
    for attribute in attributes.into_iter().flatten() {
        set.push_str("; ");
        set.push_str(&attribute);
    }
    Cookie { pair: pair.to_owned(), set }
}
