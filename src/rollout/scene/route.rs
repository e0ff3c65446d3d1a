//! The route: how it is to lead requests, and whether it does.

use std::sync::Arc;

use super::Scene;
use crate::{
    api::{CanaryStatus, ObjectRef, Phase, owned},
    rollout::text::whole,
    routing::{self, Acceptance, Change, Route, RoutingError, Traffic, Weight, Weights},
};

impl Scene<'_> {
    /// How requests are to be led where a status stands. While nothing of the canary is ready, it gets none and no copies.
    pub(in super::super) fn traffic(&self, status: &CanaryStatus) -> Traffic {
        let share = Weight::try_from(i64::from(status.canary_weight)).unwrap_or(Weight::ZERO);
        // A share of some requests is never one of all: what chose them is gone.
        let share = if status.matched && !self.chooses() { Weight::ZERO } else { share };
        let cookies = |share| self.cookies(status, share);
        if self.canary_endpoints == 0 {
            return Traffic { cookies: cookies(Weight::ZERO), ..Traffic::AT_REST };
        }
        let analysed = matches!(status.phase, Phase::Progressing | Phase::WaitingPromotion);
        let mirror = self.plan.copies(status.step_index, share).filter(|_| analysed);
        Traffic { weights: Weights::of_canary(share), mirror, cookies: cookies(share) }
    }

    /// Whether the canary's share is one of the requests that `spec.analysis.match` chooses.
    pub(in super::super) fn chooses(&self) -> bool {
        !routing::chosen(self.router, self.canary).is_empty()
    }

    /// The writes after which the route leads requests so; those that would change nothing are left out.
    ///
    /// # Errors
    /// The router cannot render it, or an object of somebody else is in the way.
    pub(in super::super) fn route_changes(
        &self,
        traffic: &Traffic,
    ) -> Result<Arc<Vec<Change>>, RoutingError> {
        self.observation.sketches.route(self.router, &self.observation.live, traffic)
    }

    /// Whether the route leads requests as a status wants it and its router has taken it over; otherwise what is awaited.
    pub(in super::super) fn routed(&self, status: &CanaryStatus) -> Result<(), String> {
        let traffic = self.traffic(status);
        let Some(route) = &self.route else { return Err("The route is being made.".to_owned()) };
        let missing = self.route_changes(&traffic).map_err(|error| whole(error.to_string()))?;
        if !missing.is_empty() {
            return Err(self.unsettled(&missing, traffic.weights.canary));
        }
        match route {
            Route { acceptance: Acceptance::Accepted, .. } => Ok(()),
            Route { acceptance: Acceptance::Pending(why) | Acceptance::Refused(why), .. } => {
                let routes: Vec<String> =
                    self.router.needs(self.canary).iter().map(ToString::to_string).collect();
                Err(whole(format!("{}: {why}", routes.join(", "))))
            }
        }
    }

    /// What is said of a route that is not as wished. What was applied and is not there was taken out again by somebody.
    fn unsettled(&self, missing: &[Change], share: Weight) -> String {
        let altered = missing.iter().find_map(|change| {
            let Change::Apply(object) = change else { return None };
            let reference = ObjectRef::of(object);
            let present = self.observation.live.get(&reference)?;
            owned::is_applied(present, object).then_some(reference)
        });
        match altered {
            Some(reference) => format!(
                "{reference} does not keep what is applied: it was edited, or its CRD is too old for a field of it."
            ),
            None => format!("The route is being set to {share} %."),
        }
    }
}
