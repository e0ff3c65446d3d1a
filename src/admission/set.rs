//! The gate without a cluster: objects of files, each judged as if it were written where all the others are.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{
    catalog::Catalog,
    examine, guards,
    lookup::{Lookup, Lookups},
    problem::Problem,
    review::{Operation, Request},
    rules::{self, Findings},
};
use crate::{
    api::{AutoscalerKind, Canary, GROUP, ObjectRef},
    rollout::Settings,
};

/// The kinds that the gate judges, all of one group.
pub const KINDS: [&str; 3] = ["Canary", "MetricTemplate", "AlertProvider"];

/// Objects that are judged together.
#[derive(Debug)]
pub struct Set<'a> {
    objects: BTreeMap<ObjectRef, Vec<&'a Value>>,
    catalog: Catalog,
    settings: &'a Settings,
    absent: Lookup,
}

/// What the rules say of an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// Its problems, the worst first.
    pub problems: Vec<Problem>,
    /// What it refers to and the set does not have.
    pub unseen: Vec<ObjectRef>,
}

impl<'a> Set<'a> {
    /// A set of objects that say their kind, namespace and name. A look-up of anything else has the outcome `absent`.
    pub fn new(objects: impl IntoIterator<Item = &'a Value>, settings: &'a Settings, absent: Lookup) -> Self {
        let catalog = Catalog::new(settings.provider);
        let mut set = Set { objects: BTreeMap::new(), catalog, settings, absent };
        for object in objects {
            if is_ours(object)
                && object["kind"] == "Canary"
                && let Ok(canary) = Canary::deserialize(object)
            {
                set.catalog.apply(&canary);
            }
            set.objects.entry(identity(&ObjectRef::of(object))).or_default().push(object);
        }
        set
    }

    /// Judges an object of ours as if it were new, or as a change of `old`.
    pub fn judge(&self, object: &Value, old: Option<&Value>) -> Judgement {
        let reference = ObjectRef::of(object);
        let request = Request {
            group: reference.group_version().0.to_owned(),
            kind: reference.kind.clone(),
            namespace: reference.namespace.clone(),
            name: reference.name.clone(),
            operation: if old.is_some() { Operation::Update } else { Operation::Create },
            object: Some(object.clone()),
            old_object: old.cloned(),
            ..Request::default()
        };
        let look = |reference: ObjectRef| (reference.clone(), self.look(&reference));
        let needs = examine::needs(&request, &self.catalog, self.settings);
        let mut lookups: Lookups = needs.into_iter().map(look).collect();
        let further = |(reference, lookup)| examine::further(&request, reference, lookup);
        let further: Vec<ObjectRef> = lookups.iter().flat_map(further).collect();
        lookups.extend(further.into_iter().map(look));
        let mut verdict = examine::review(&request, &self.catalog, self.settings, &lookups);
        if !verdict.confirm.is_empty() {
            lookups.extend(verdict.confirm.into_iter().map(look));
            verdict = examine::review(&request, &self.catalog, self.settings, &lookups);
        }
        let copies = self.objects.get(&identity(&reference)).map_or(0, Vec::len);
        let mut problems = verdict.problems;
        if copies > 1 && old.is_none() {
            let mut findings = Findings::default();
            findings.check_copies(&reference, copies);
            problems.extend(findings.problems);
            rules::order::sort(&mut problems);
        }
        let unseen = lookups.into_iter().filter(|(reference, lookup)| {
            // The autoscaler of a target's name is only a guess.
            !matches!(lookup, Lookup::Found(_))
                && reference.kind != AutoscalerKind::HorizontalPodAutoscaler.as_str()
        });
        Judgement { problems, unseen: unseen.map(|(reference, _)| reference).collect() }
    }

    /// The problems of somebody's write to what a Canary of the set made or releases: a deletion if there is no `new`.
    pub fn guard(&self, old: &Value, new: Option<&Value>) -> Vec<Problem> {
        let reference = ObjectRef::of(old);
        let request = Request {
            group: reference.group_version().0.to_owned(),
            kind: reference.kind,
            namespace: reference.namespace,
            name: reference.name,
            operation: if new.is_some() { Operation::Update } else { Operation::Delete },
            object: new.cloned(),
            old_object: Some(old.clone()),
            ..Request::default()
        };
        let judge = |lookups: &Lookups| guards::review(&request, &self.catalog, self.settings, lookups);
        let verdict = judge(&Lookups::new());
        let look = |reference: ObjectRef| (reference.clone(), self.look(&reference));
        judge(&verdict.confirm.into_iter().map(look).collect()).problems
    }

    /// The last object of that identity, for it is what stays once all are applied.
    fn look(&self, reference: &ObjectRef) -> Lookup {
        let found = self.objects.get(&identity(reference)).and_then(|copies| copies.last());
        found.map_or_else(|| self.absent.clone(), |object| Lookup::Found((*object).clone()))
    }
}

/// Whether an object is of the group of kinds that the gate judges.
pub fn is_ours(object: &Value) -> bool {
    ObjectRef::of(object).group_version().0 == GROUP
}

/// The same object whatever version of its API it is written in.
fn identity(reference: &ObjectRef) -> ObjectRef {
    ObjectRef { api_version: reference.group_version().0.to_owned(), ..reference.clone() }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::admission::rules::example;

    fn named(name: &str) -> Value {
        let mut canary = example::plain("Canary");
        canary["metadata"]["name"] = name.into();
        canary
    }

    fn ids(judgement: &Judgement) -> Vec<&str> {
        judgement.problems.iter().map(|problem| problem.rule).collect()
    }

    #[rstest]
    #[case::nobody_knows(Lookup::Unseen, &[])]
    #[case::the_set_is_all(Lookup::Missing, &["SL201"])]
    #[case::a_server_that_does_not_answer(Lookup::Failed("no answer".into()), &["SL204"])]
    fn a_target_that_is_not_in_the_set_is_called_missing_only_if_the_set_is_all(
        #[case] absent: Lookup,
        #[case] expected: &[&str],
    ) {
        let canary = named("app");
        let settings = Settings::default();
        let judged = Set::new([&canary], &settings, absent).judge(&canary, None);
        assert_eq!(ids(&judged), expected);
        assert_eq!(judged.unseen, [ObjectRef::new("apps/v1", "Deployment", "shop", "app")]);
    }

    #[test]
    fn rules_see_the_target_in_any_version_of_its_api() {
        let canary = named("app");
        let mut target = example::plain("Deployment");
        target["spec"]["selector"]["matchLabels"] = json!({"component": "app"});
        target["apiVersion"] = json!("apps/v1beta2");
        let settings = Settings::default();
        let judged = Set::new([&canary, &target], &settings, Lookup::Unseen).judge(&canary, None);
        assert_eq!(ids(&judged), ["SL202"]);
        assert_eq!(judged.unseen, []);
    }

    #[test]
    fn two_canaries_of_one_target_are_both_told() {
        let (one, other) = (named("one"), named("other"));
        let settings = Settings::default();
        let set = Set::new([&one, &other], &settings, Lookup::Unseen);
        for canary in [&one, &other] {
            assert_eq!(ids(&set.judge(canary, None)), ["SL102"]);
        }
    }

    #[test]
    fn copies_of_one_canary_are_no_rivals_of_each_other() {
        let (one, mut again) = (named("app"), named("app"));
        again["spec"]["analysis"]["threshold"] = json!(7);
        let settings = Settings::default();
        let set = Set::new([&one, &again], &settings, Lookup::Unseen);
        assert_eq!(ids(&set.judge(&one, None)), ["SL106"]);
    }
}
