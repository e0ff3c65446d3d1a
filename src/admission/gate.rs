//! The one way in: bytes of a review to bytes of an answer, with the look-ups between them left to the edge.
//!
//! The edge does four things: [`Call::parse`], read what [`Gate::needs`] names and, of what comes, [`Gate::further`], [`Gate::judge`]
//! (and once more if the verdict wants something confirmed), [`Call::answer`].

use super::catalog::Catalog;
use super::endpoint::Endpoint;
use super::lookup::{Lookup, Lookups};
use super::mode::Mode;
use super::problem::{Problem, Severity};
use super::reply;
use super::review::{Request, ReviewError};
use super::verdict::Verdict;
use super::{examine, forecast, guards, rules};
use crate::api::ObjectRef;
use crate::rollout::Settings;

/// Accounts of the cluster's own repair; nothing may stand in their way. The last one stands for both where the controllers of
/// the cluster have no accounts of their own.
pub(super) const SYSTEM: [&str; 3] = [
    "system:serviceaccount:kube-system:generic-garbage-collector",
    "system:serviceaccount:kube-system:namespace-controller",
    "system:kube-controller-manager",
];

/// A review that came in.
#[derive(Clone, Debug)]
pub struct Call {
    /// Where it came in.
    pub endpoint: Endpoint,
    /// How much the verdict counts there.
    pub mode: Mode,
    /// What is asked.
    pub request: Request,
}

impl Call {
    /// Reads a review.
    ///
    /// # Errors
    /// The body is no review that could be answered: HTTP 400.
    pub fn parse(endpoint: Endpoint, mode: Mode, body: &[u8]) -> Result<Call, ReviewError> {
        Ok(Call { endpoint, mode, request: Request::parse(body)? })
    }

    /// Writes the answer, which refuses and changes nothing unless the mode enforces.
    ///
    /// # Errors
    /// The answer could not be written as JSON: HTTP 500.
    pub fn answer(&self, verdict: &Verdict) -> Result<Vec<u8>, ReviewError> {
        reply::bytes(&self.request, self.mode, verdict)
    }
}

/// The gate: judges calls by the operator's choices.
#[derive(Clone, Debug)]
pub struct Gate {
    settings: Settings,
    own: String,
}

impl Gate {
    /// A gate that lets pass what `own` writes, the user name of our service account
    /// (`system:serviceaccount:NAMESPACE:NAME`).
    pub fn new(settings: Settings, own: impl Into<String>) -> Self {
        Gate { settings, own: own.into() }
    }

    /// The objects to read before the call is judged; none for a workload or a Service, whose writes wait for nobody, unless it is a
    /// dry run.
    pub fn needs(&self, call: &Call, catalog: &Catalog) -> Vec<ObjectRef> {
        match call.endpoint {
            Endpoint::CanaryMutate | Endpoint::CanaryValidate if !self.trusts(&call.request) => {
                examine::needs(&call.request, catalog, &self.settings)
            }
            Endpoint::TargetMutate if !self.trusts(&call.request) => forecast::needs(&call.request),
            Endpoint::RouteMutate if !self.trusts(&call.request) => guards::needs(&call.request),
            _ => Vec::new(),
        }
    }

    /// The objects to read too before the call is judged, because one that was read names them.
    pub fn further(&self, call: &Call, reference: &ObjectRef, lookup: &Lookup) -> Vec<ObjectRef> {
        match call.endpoint {
            Endpoint::CanaryMutate | Endpoint::CanaryValidate => {
                examine::further(&call.request, reference, lookup)
            }
            _ => Vec::new(),
        }
    }

    /// Judges a call. If [`Verdict::confirm`] names objects, read them, add them to the look-ups and judge again; what could not
    /// be read goes in as failed, and nothing is refused for it.
    pub fn judge(&self, call: &Call, catalog: &Catalog, lookups: &Lookups) -> Verdict {
        if self.trusts(&call.request) {
            return Verdict::allow();
        }
        if let Some(why) = &call.request.unreadable {
            return unreadable(call, why);
        }
        let (request, settings) = (&call.request, &self.settings);
        match call.endpoint {
            Endpoint::CanaryMutate => examine::review(request, catalog, settings, lookups),
            // The last word on the object as it is going to be; the mutating one would only say the same before.
            Endpoint::CanaryValidate => {
                let verdict = examine::review(request, catalog, settings, lookups);
                forecast::of_canary(request, verdict, settings, lookups)
            }
            Endpoint::TargetMutate => {
                let verdict = guards::workload(request, catalog, lookups);
                forecast::of_target(request, verdict, catalog, settings, lookups)
            }
            Endpoint::CanaryDelete => guards::departure(request, catalog, settings, lookups),
            Endpoint::RouteMutate => guards::shared(request, catalog, settings, lookups),
            Endpoint::OwnedDelete => guards::deletion::review(request, catalog, lookups),
        }
    }

    fn trusts(&self, request: &Request) -> bool {
        request.user == self.own || SYSTEM.contains(&request.user.as_str())
    }
}

/// What is said of an object that nobody can read: one of ours is refused, anything else passes as it is.
fn unreadable(call: &Call, why: &str) -> Verdict {
    let mut verdict = Verdict::allow();
    match call.endpoint {
        Endpoint::CanaryMutate | Endpoint::CanaryValidate => verdict.problems.push(Problem {
            rule: rules::MALFORMED,
            severity: Severity::Error,
            path: "object".to_owned(),
            message: format!("the object cannot be read: {why}"),
            fix: "Write it with less nesting and with numbers that fit into 64 bits".to_owned(),
        }),
        Endpoint::CanaryDelete | Endpoint::TargetMutate | Endpoint::RouteMutate | Endpoint::OwnedDelete => {
            verdict.notices.push(format!(
                "{} {} was not looked at, for it cannot be read: {why}",
                call.request.kind, call.request.name
            ))
        }
    }
    verdict
}
