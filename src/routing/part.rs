//! The parts of a route: which requests each is about, and what becomes of them. What a run adds to `spec.service.match` is put
//! together here, once for all routers.

use super::{Cookie, Cookies, Criterion, Problem, Router, Traffic, Weight, Weights, able};
use crate::api::{AnalysisMatch, Canary, HeaderMatch, HttpMatch, StringMatch};

/// Some of the requests, and how they are led.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// The requests: those that fit one of these; every one where there is none.
    pub(super) requests: Vec<Wanted>,
    /// The shares of primary and canary.
    pub(super) weights: Weights,
    /// The share that is copied to the canary beside.
    pub(super) mirror: Option<Weight>,
    /// `Set-Cookie` of answers by the primary, and of answers by the canary.
    pub(super) sets: [Option<String>; 2],
    /// `Set-Cookie` of every answer.
    pub(super) sets_always: Option<String>,
}

impl Part {
    fn new(requests: Vec<Wanted>, weights: Weights) -> Self {
        Part { requests, weights, mirror: None, sets: [None, None], sets_always: None }
    }
}

/// A condition on requests.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    /// Where the Canary says so.
    pub(super) at: String,
    /// What has to hold.
    pub(super) request: HttpMatch,
}

impl Wanted {
    /// Whether anything has to hold. The name is for the logs of a mesh; it does not tell requests apart.
    pub(super) fn says_something(&self) -> bool {
        HttpMatch { name: None, ..self.request.clone() } != HttpMatch::default()
    }
}

/// What chooses the requests of which the canary gets a share (`spec.analysis.match`); empty where all do.
pub fn chosen<'a>(router: &dyn Router, canary: &'a Canary) -> &'a [AnalysisMatch] {
    let matches = canary.spec.analysis.as_ref().map_or(&[][..], |analysis| &analysis.matches);
    if able(router, canary).matching.is_empty() { &[] } else { matches }
}

/// The conditions as the Canary writes them, each with its place: what a router cannot say is told of these.
pub(super) fn written(router: &dyn Router, canary: &Canary) -> Vec<Wanted> {
    let analysed = chosen(router, canary).iter().enumerate().map(|(index, wanted)| Wanted {
        at: format!("spec.analysis.match[{index}]"),
        request: joined(&HttpMatch::default(), wanted),
    });
    served(canary).into_iter().chain(analysed).collect()
}

/// What the router does not tell requests apart by: a condition that is left out would choose requests that nobody meant.
pub(super) fn unknown(router: &dyn Router, canary: &Canary) -> Vec<Problem> {
    let known = able(router, canary).matching;
    let mut problems = Vec::new();
    for (index, wanted) in chosen(router, canary).iter().enumerate() {
        let given = [
            (!wanted.query_params.is_empty(), Criterion::QueryParameter),
            (!wanted.source_labels.is_empty(), Criterion::SourceLabels),
        ];
        for (_, by) in given.into_iter().filter(|(given, by)| *given && !known.contains(by)) {
            let message = "this provider does not tell requests apart by it: remove it";
            problems.push(Problem::new(format!("spec.analysis.match[{index}].{}", by.name()), message));
        }
    }
    problems
}

/// The parts in the order in which they are looked through: the first that fits a request has it. The last one is about all
/// requests that are served.
pub(super) fn parts(router: &dyn Router, canary: &Canary, traffic: &Traffic) -> Vec<Part> {
    let served = served(canary);
    let chosen = chosen(router, canary);
    let every = [Wanted { at: String::new(), request: HttpMatch::default() }];
    let bases = if served.is_empty() { &every[..] } else { &served };
    let all = Part { mirror: traffic.mirror, ..Part::new(served.clone(), traffic.weights) };
    if chosen.is_empty() {
        return kept(bases, all, traffic);
    }
    // An entry without a condition would choose every request: it chooses none, and the gate refuses it.
    let says = |wanted: &&AnalysisMatch| **wanted != AnalysisMatch::default();
    let pairs = chosen.iter().filter(says).flat_map(|wanted| {
        bases.iter().map(move |base| Wanted { at: String::new(), request: joined(&base.request, wanted) })
    });
    let requests: Vec<Wanted> = pairs.collect();
    let share = (!requests.is_empty()).then_some(Part { requests, ..all });
    share.into_iter().chain([Part::new(served, Weights::TO_PRIMARY)]).collect()
}

/// Before all others, those who have a cookie: that of a version keeps them on it, that of an earlier run is taken away.
fn kept(bases: &[Wanted], all: Part, traffic: &Traffic) -> Vec<Part> {
    let with = |cookie: &Cookie| -> Vec<Wanted> {
        let known = |base: &Wanted| {
            let mut wanted = base.clone();
            wanted.request.headers.insert("cookie".to_owned(), cookie.condition());
            wanted
        };
        bases.iter().map(known).collect()
    };
    let Cookies { canary, primary, former } = &traffic.cookies;
    let mut parts = Vec::new();
    if let Some(cookie) = canary {
        parts.push(Part::new(with(cookie), Weights::of_canary(Weight::FULL)));
    }
    if let Some(cookie) = primary {
        parts.push(Part::new(with(cookie), Weights::TO_PRIMARY));
    }
    if let Some(cookie) = former {
        let taken =
            Part { sets_always: Some(cookie.set.clone()), ..Part::new(with(cookie), traffic.weights) };
        parts.push(taken);
    }
    let set = |cookie: &Option<Cookie>| cookie.as_ref().map(|cookie| cookie.set.clone());
    parts.push(Part { sets: [set(primary), set(canary)], ..all });
    parts
}

/// `spec.service.match` as it is.
pub(super) fn served(canary: &Canary) -> Vec<Wanted> {
    let matches = canary.spec.service.as_ref().map_or(&[][..], |service| &service.matches);
    let entries = matches.iter().enumerate();
    entries
        .map(|(index, wanted)| Wanted { at: format!("spec.service.match[{index}]"), request: wanted.clone() })
        .collect()
}

/// Both conditions at once; where both speak of the same header, parameter or label, that of the analysis counts.
fn joined(base: &HttpMatch, wanted: &AnalysisMatch) -> HttpMatch {
    let mut request = base.clone();
    request.headers.extend(wanted.headers.iter().map(|(name, value)| (name.clone(), condition(value))));
    request.query_params.extend(wanted.query_params.clone());
    request.source_labels.extend(wanted.source_labels.clone());
    request
}

/// The condition in the words that `spec.service.match` has: it has none for how a value ends.
fn condition(header: &HeaderMatch) -> StringMatch {
    let HeaderMatch { exact, prefix, suffix, regex } = header.clone();
    let ends = suffix.map(|suffix| format!(".*{}", regex::escape(&suffix)));
    StringMatch { exact, prefix, regex: regex.or(ends) }
}
