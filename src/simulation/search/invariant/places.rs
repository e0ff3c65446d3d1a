//! No proxy is led to what it does not know.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Invariant, Moment};
use crate::{
    api::{Object, Provider},
    simulation::search::subject::NAME,
};

/// In a route that a user made, a backend of ours gets requests at the earliest the settle time after it got its place there, and
/// loses its place at the earliest the settle time after its last requests.
#[derive(Default)]
pub(super) struct Places {
    known: BTreeMap<String, Place>,
}

/// A backend as it stands in the route.
#[derive(Clone, Copy)]
struct Place {
    weight: i64,
    /// Since when it has been there.
    there: Timestamp,
    /// Since when its weight has been what it is.
    weighed: Timestamp,
}

impl Invariant for Places {
    fn name(&self) -> &'static str {
        "known-places"
    }

    fn look(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        if !moment.case.subject.shared {
            return Ok(());
        }
        let (now, before) = (moment.now, moment.before);
        let route = moment.memory.get(&moment.case.subject.route_of(Provider::GatewayApiV1));
        // What we made in the place of one that was deleted is ours.
        let users = route.filter(|route| route["metadata"]["ownerReferences"].is_null());
        let present = users.map(backends).unwrap_or_default();
        let known = std::mem::take(&mut self.known);
        // Of a route that is seen for the first time nobody knows how long it has been so.
        let there = if known.is_empty() { Timestamp::MIN } else { now };
        for (name, weight) in &present {
            let new = Place { weight: *weight, there, weighed: there };
            let place = known.get(name).copied().unwrap_or(new);
            let weighed = if place.weight == *weight { place.weighed } else { now };
            self.known.insert(name.clone(), Place { weight: *weight, weighed, ..place });
        }
        let excused = before.hurt_until.max(before.late_until).max(before.split_until);
        // Where the target is gone, nobody serves any more, and a Canary that goes waits for nobody.
        let serves = moment.memory.get(moment.workloads.0).is_some();
        if !serves
            || before.jumped
            || now < excused
            || !moment.routed()
            || known.is_empty()
            || present.is_empty()
        {
            return Ok(());
        }
        let settle = SignedDuration::try_from(moment.settings.route_settle).unwrap_or_default();
        let young = |since: Timestamp| now.duration_since(since) < settle;
        for (name, weight) in &present {
            let place = known.get(name);
            let begins = *weight > 0 && place.is_none_or(|place| place.weight == 0);
            if begins && place.is_none_or(|place| young(place.there)) {
                return Err(format!("{name} gets {weight} % and has had no place for the settle time"));
            }
        }
        let gone = known.iter().filter(|(name, _)| !present.contains_key(*name));
        for (name, place) in gone {
            if place.weight > 0 || young(place.weighed) {
                return Err(format!("{name} loses its place, and had {} % until just now", place.weight));
            }
        }
        Ok(())
    }
}

/// The backends of the rule that leads to us, with their weights.
fn backends(route: &Object) -> BTreeMap<String, i64> {
    let rules = route["spec"]["rules"].as_array().into_iter().flatten();
    let lists = rules.filter_map(|rule| rule["backendRefs"].as_array());
    let named = |backend: &Object| {
        let name = backend["name"].as_str()?;
        let ours = name.strip_prefix(NAME).is_some_and(|rest| ["", "-primary", "-canary"].contains(&rest));
        ours.then(|| (name.to_owned(), backend["weight"].as_i64().unwrap_or(1)))
    };
    lists.flatten().filter_map(named).collect()
}
