//! The dry run of a write to a workload that a Canary releases.

use serde::Deserialize;
use serde_json::Value;

use super::{tell, words};
use crate::{
    admission::{
        Catalog, Lookup, Lookups, Severity, Verdict, examine,
        review::{Operation, Request},
    },
    api::{API_VERSION, Canary, GROUP, ObjectRef, Phase, names},
    rollout::{Settings, Timeline},
    workload::{self, RevisionId, Selector, Snapshot},
};

/// The Canary of the workload, to be looked up first.
pub(in crate::admission) fn needs(request: &Request) -> Vec<ObjectRef> {
    request.old_object.as_ref().filter(|_| request.dry_run).and_then(owner).into_iter().collect()
}

fn owner(target: &Value) -> Option<ObjectRef> {
    let name = target.get("metadata")?.get("annotations")?.get(names::CANARY)?.as_str()?;
    let namespace = target.get("metadata")?.get("namespace")?.as_str()?;
    Some(ObjectRef::new(API_VERSION, "Canary", namespace, name))
}

/// Adds to the verdict on a dry run what the write would lead to. The first time, the verdict names what else to look up.
pub(in crate::admission) fn foresee(
    request: &Request,
    mut verdict: Verdict,
    catalog: &Catalog,
    settings: &Settings,
    lookups: &Lookups,
) -> Verdict {
    if !verdict.is_allowed() {
        return verdict;
    }
    let Some(write) = Write::read(request, lookups) else { return verdict };
    let review = write.review();
    let wanted = examine::needs(&review, catalog, settings).into_iter().chain([write.primary()]);
    let lacking: Vec<ObjectRef> =
        wanted.filter(|wanted| *wanted != write.target() && !lookups.contains_key(wanted)).collect();
    if !lacking.is_empty() {
        verdict.confirm = lacking;
        return verdict;
    }
    let mut around = lookups.clone();
    around.insert(write.target(), Lookup::Found(write.new.clone()));
    let problems = examine::review(&review, catalog, settings, &around).problems;
    let refused = problems.iter().find(|problem| problem.severity == Severity::Error);
    let mut plan = match refused {
        Some(problem) => vec![format!("nothing happens, for Canary {} cannot run: {problem}", write.name())],
        None => write.plan(settings, lookups),
    };
    // What is missing around the workload; the rest is no matter of this write.
    let around =
        problems.iter().filter(|problem| problem.rule.starts_with("SL2") || problem.rule.starts_with("SL5"));
    plan.extend(
        around
            .filter(|problem| Some(*problem) != refused)
            .map(|problem| format!("Canary {}: {problem}", write.name())),
    );
    tell(&mut verdict, plan);
    verdict
}

/// A write to a workload and the Canary that releases it.
struct Write<'a> {
    old: &'a Value,
    new: &'a Value,
    object: &'a Value,
    canary: Canary,
}

impl<'a> Write<'a> {
    fn read(request: &'a Request, lookups: &'a Lookups) -> Option<Self> {
        let (old, new) = (request.old_object.as_ref()?, request.object.as_ref()?);
        let Lookup::Found(object) = lookups.get(&owner(old).filter(|_| request.dry_run)?)? else {
            return None;
        };
        let canary = Canary::deserialize(object).ok()?;
        let write = Write { old, new, object, canary };
        // The primary has the same mark and another name.
        let is_target = write.target().kind == request.kind && write.target().name == request.name;
        is_target.then_some(write)
    }

    fn name(&self) -> &str {
        self.canary.metadata.name.as_deref().unwrap_or_default()
    }

    fn target(&self) -> ObjectRef {
        let kind = self.canary.spec.target_ref.kind.as_str();
        ObjectRef::new("apps/v1", kind, self.canary.namespace_name(), self.canary.target_name())
    }

    fn primary(&self) -> ObjectRef {
        ObjectRef { name: self.canary.primary_name(), ..self.target() }
    }

    /// The Canary as if it were written anew, for the rules to look at.
    fn review(&self) -> Request {
        Request {
            group: GROUP.to_owned(),
            kind: "Canary".to_owned(),
            namespace: self.canary.namespace_name(),
            name: self.name().to_owned(),
            operation: Operation::Create,
            object: Some(self.object.clone()),
            ..Request::default()
        }
    }

    fn plan(&self, settings: &Settings, lookups: &Lookups) -> Vec<String> {
        let name = self.name();
        let status = self.canary.status.clone().unwrap_or_default();
        let primary = self.primary().name;
        let revision = |object: &Value| object.pointer("/spec/template").map(RevisionId::of_template);
        if revision(self.old) == revision(self.new) {
            return vec!["no rollout starts, for the pod template stays as it is.".to_owned()];
        }
        if self.canary.spec.suspend {
            return vec![format!(
                "no rollout starts while Canary {name} is suspended; it does once spec.suspend is false."
            )];
        }
        if status.last_promoted_spec.is_none() {
            return vec![format!(
                "no rollout starts: Canary {name} is being initialised, and {primary} follows this revision."
            )];
        }
        let live = match lookups.get(&self.primary()) {
            Some(Lookup::Found(live)) => Some(live),
            _ => None,
        };
        let runs = matches!(status.phase, Phase::Progressing | Phase::WaitingPromotion);
        if live.is_some_and(|live| self.is_run_by(live, settings)) {
            let ends = if runs { "; the one in progress ends" } else { "" };
            return vec![format!("no rollout starts, for {primary} runs this revision already{ends}.")];
        }
        let Some(timeline) = Timeline::of(&self.canary, settings) else { return Vec::new() };
        if self.canary.spec.skip_analysis {
            return vec![format!(
                "Canary {name} promotes this revision at once, for spec.skipAnalysis is true."
            )];
        }
        let mut plan = Vec::new();
        if runs {
            plan.push(format!(
                "this takes the place of the revision in progress (at {} %): Canary {name} begins anew.",
                status.canary_weight
            ));
        }
        plan.push(format!(
            "a rollout of Canary {name} starts: {} once its pods are ready.",
            words::run(&timeline)
        ));
        plan.extend(self.pods(live));
        plan
    }

    fn is_run_by(&self, primary: &Value, settings: &Settings) -> bool {
        let snapshot = workload::kind::of(self.canary.spec.target_ref.kind)
            .and_then(|kind| Snapshot::of_target(kind, self.new).ok());
        let selector = Selector::of(self.new, &settings.selector_labels).ok();
        snapshot.zip(selector).is_some_and(|(snapshot, selector)| {
            workload::same_revision(primary, &self.canary, &snapshot, &selector)
        })
    }

    /// How many pods run beside those of the primary.
    fn pods(&self, primary: Option<&Value>) -> Option<String> {
        let kind = workload::kind::of(self.canary.spec.target_ref.kind)?;
        let (target, name) = (self.canary.target_name(), self.canary.primary_name());
        let serving = kind.replicas(primary?);
        let Some(serving) = serving else {
            return Some(format!(
                "until its end {target} has a pod on each of its nodes, beside those of {name}."
            ));
        };
        if self.canary.spec.autoscaler_ref.is_some() {
            return Some(format!(
                "until its end {target} has pods as its autoscaler asks, beside the {serving} of {name}."
            ));
        }
        let asked = kind.replicas(self.new).filter(|asked| *asked > 0);
        let extra = asked.or_else(|| workload::wished(self.new)).unwrap_or(serving).max(1);
        Some(format!("until its end {target} has {}, beside the {serving} of {name}.", words::pods(extra)))
    }
}
