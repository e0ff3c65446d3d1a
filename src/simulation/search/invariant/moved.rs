//! A provider that is changed.

use super::{End, Invariant, Moment};
use crate::{
    api::Live,
    rollout::{self, Effect},
    routing,
    simulation::search::subject::ROUTES,
};

/// Where a Canary gets another provider, the former route goes only once the new one stands, neither gives anything to a canary
/// that is not ready, and in the end one of them is left.
pub(super) struct Moved;

impl Invariant for Moved {
    fn name(&self) -> &'static str {
        "one-route"
    }

    fn look(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        if !moment.case.is_moved() {
            return Ok(());
        }
        let (canary, before) = (moment.canary(), moment.before);
        let present = moment.case.subject.route_of(rollout::provider(canary, moment.settings));
        let excused = before.hurt_until.max(before.late_until).max(before.split_until);
        for provider in ROUTES {
            let route = moment.case.subject.route_of(provider);
            if route == present {
                continue;
            }
            let goes =
                |effect: &Effect| matches!(effect, Effect::Delete { reference, .. } if *reference == route);
            if moment.effects().any(|(_, _, effect)| goes(effect)) && moment.memory.get(&present).is_none() {
                return Err(format!("{route} goes, and there is no {present}"));
            }
            if moment.now < excused || !moment.look.done || moment.held() {
                continue;
            }
            let share = moment.memory.get(&route).and_then(|_| {
                let known = |of| moment.memory.objects().get_key_value(of);
                let live: Live =
                    known(&route).map(|(of, object)| (of.clone(), object.clone())).into_iter().collect();
                routing::router(provider)?.read(canary, &live).ok()?
            });
            let share = share.map_or(0, |route| i32::from(route.weights.canary));
            if share > 0
                && (moment.ready().0 == 0
                    || share > before.status.canary_weight.max(moment.look.decision.status.canary_weight))
            {
                return Err(format!("{route}, the former one, gives the canary {share} %"));
            }
        }
        Ok(())
    }

    fn end(&self, end: &End<'_>) -> Result<(), String> {
        if !end.case.is_moved() || end.leaves() || end.course.hurt_until > end.now {
            return Ok(());
        }
        let ours = |provider| {
            let route = end.case.subject.route_of(provider);
            let object = end.memory.get(&route)?;
            let marks = object["metadata"]["annotations"].as_object()?;
            marks.keys().any(|mark| mark.starts_with("sluice.dev/")).then_some(route.kind)
        };
        let left: Vec<String> = ROUTES.into_iter().filter_map(ours).collect();
        if left.len() > 1 {
            Err(format!("routes are left in more places than one: {left:?}"))
        } else {
            Ok(())
        }
    }
}
