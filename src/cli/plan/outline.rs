//! The plan of one Canary: pure, from what stands in the files.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{
    CliError, Manifest,
    difference::Change,
    objects::{self, Made},
};
use crate::{
    admission::{Catalog, Lookup, standing},
    analysis,
    api::{Canary, Duration, GROUP, MetricTemplate, Object, ObjectRef, Webhook, WebhookType},
    rollout::{self, Settings, Timeline},
};

/// The order in which hooks are called in a run; those with every event come last.
const CALLS: [(WebhookType, &str); 8] = [
    (WebhookType::ConfirmRollout, "until it agrees, before the canary is scaled up"),
    (WebhookType::PreRollout, "once, before the canary gets traffic"),
    (WebhookType::Rollback, "at each check; takes the revision back when it agrees"),
    (WebhookType::Rollout, "at each check, before the metrics"),
    (WebhookType::ConfirmTrafficIncrease, "until it agrees, before each higher share"),
    (WebhookType::ConfirmPromotion, "until it agrees, before the promotion"),
    (WebhookType::PostRollout, "once, after the end"),
    (WebhookType::Event, "with every event"),
];

/// What Sluice will do for one Canary.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outline {
    /// `namespace/name`.
    pub(super) canary: String,
    /// Kind and name of what is released.
    pub(super) target: String,
    /// The routing provider.
    pub(super) provider: String,
    /// The problems for which the gate refuses the Canary.
    pub(super) refused: Vec<String>,
    /// What keeps the controller from serving it.
    pub(super) blocked: Option<String>,
    /// What a run does, in order.
    pub(super) steps: Vec<Step>,
    /// Failed checks after which the revision is taken back.
    pub(super) threshold: i32,
    /// What is asked at the end of each step.
    pub(super) checks: Vec<Check>,
    /// What is called, in order.
    pub(super) hooks: Vec<Hook>,
    /// The objects that Sluice applies.
    pub(super) objects: Vec<Object>,
    /// How the cluster's objects differ; only where they were compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) changes: Option<Vec<Change>>,
}

/// One step of a run.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    /// The earliest time, from the moment at which the canary's pods are ready.
    pub(super) earliest: String,
    /// What happens.
    pub(super) what: String,
}

/// One question to a metric server.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    /// Name of the metric.
    pub(super) metric: String,
    /// Kind and address of the server.
    pub(super) server: String,
    /// When the value passes.
    pub(super) passes: String,
    /// The query as it is sent, or why none can be.
    pub(super) query: String,
}

/// One hook.
#[derive(Debug, Serialize)]
pub(super) struct Hook {
    /// Its type.
    #[serde(rename = "type")]
    pub(super) type_: String,
    /// Its name.
    pub(super) name: String,
    /// Where it is called.
    pub(super) url: String,
    /// When it is called.
    pub(super) when: &'static str,
}

/// Whether an object is a Canary.
pub(in crate::cli) fn is_canary(object: &Object) -> bool {
    let version = object["apiVersion"].as_str().unwrap_or_default();
    object["kind"] == "Canary" && version.split('/').next() == Some(GROUP)
}

/// The Canary of a manifest.
///
/// # Errors
/// It has a value that its field cannot take.
pub(in crate::cli) fn read_canary(manifest: &Manifest) -> Result<Canary, CliError> {
    serde_path_to_error::deserialize(&manifest.object).map_err(|error| CliError::Manifest {
        place: manifest.place.to_string(),
        fault: format!("no Canary: {}: {}", error.path(), error.inner()),
    })
}

impl Outline {
    /// The plan of a Canary among other objects.
    ///
    /// # Errors
    /// The Canary has a value that its field cannot take.
    pub(super) fn of(
        manifest: &Manifest,
        manifests: &[Manifest],
        settings: &Settings,
    ) -> Result<Self, CliError> {
        let canary = read_canary(manifest)?;
        let kind = canary.spec.target_ref.kind.as_str();
        let target = ObjectRef::new("apps/v1", kind, canary.namespace_name(), canary.target_name());
        let Made { objects, blocked } = made(manifest, &target, manifests, settings);
        let provider = rollout::provider(&canary, settings);
        Ok(Outline {
            canary: format!("{}/{}", target.namespace, canary.metadata.name.clone().unwrap_or_default()),
            target: format!("{kind} {}", target.name),
            provider: provider.to_string(),
            refused: refused(manifest, &canary, manifests, settings),
            blocked,
            steps: steps(&canary, settings),
            threshold: canary
                .spec
                .analysis
                .as_ref()
                .and_then(|analysis| analysis.threshold)
                .unwrap_or(1)
                .max(1),
            checks: checks(&canary, manifests, settings),
            hooks: hooks(&canary),
            objects,
            changes: None,
        })
    }

    /// Whether nothing can come of it as it stands.
    pub(super) fn is_stopped(&self) -> bool {
        !self.refused.is_empty() || self.blocked.is_some()
    }
}

fn made(manifest: &Manifest, target: &ObjectRef, manifests: &[Manifest], settings: &Settings) -> Made {
    let Some(found) = manifests.iter().find(|manifest| ObjectRef::of(&manifest.object) == *target) else {
        let blocked = format!("{target} is not in these files: add the file that holds it.");
        return Made { objects: Vec::new(), blocked: Some(blocked) };
    };
    let context = manifests.iter().map(|manifest| &manifest.object);
    let context: Vec<Object> =
        context.filter(|object| !is_canary(object) && ObjectRef::of(object) != *target).cloned().collect();
    objects::make(&manifest.object, &found.object, &context, settings)
}

/// The problems that the gate's rules have with a Canary; the objects around it are those in the files.
pub(in crate::cli) fn refused(
    manifest: &Manifest,
    canary: &Canary,
    manifests: &[Manifest],
    settings: &Settings,
) -> Vec<String> {
    let mut catalog = Catalog::new(settings.provider);
    let others = manifests.iter().filter(|other| is_canary(&other.object));
    others
        .filter_map(|other| Canary::deserialize(&other.object).ok())
        .for_each(|other| catalog.apply(&other));
    let look = |reference: &ObjectRef| {
        let found = manifests.iter().find(|other| ObjectRef::of(&other.object) == *reference);
        found.map_or(Lookup::Failed("it is not in these files".to_owned()), |found| {
            Lookup::Found(found.object.clone())
        })
    };
    let needed = standing::needs(canary, settings).into_iter();
    let lookups = needed.map(|reference| (reference.clone(), look(&reference))).collect();
    let problems = standing::problems(&manifest.object, canary, &catalog, settings, &lookups);
    problems.iter().map(ToString::to_string).collect()
}

fn steps(canary: &Canary, settings: &Settings) -> Vec<Step> {
    let at = |time: SignedDuration| {
        Duration::from_nanoseconds(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)).to_string()
    };
    let timeline = Timeline::of(canary, settings);
    let steps = timeline.into_iter().flat_map(|timeline| timeline.steps);
    steps.map(|step| Step { earliest: at(step.earliest), what: step.what.to_string() }).collect()
}

fn checks(canary: &Canary, manifests: &[Manifest], settings: &Settings) -> Vec<Check> {
    let settings = analysis::Settings {
        provider: rollout::provider(canary, settings),
        metrics_server: settings.metrics_server.clone(),
        no_cross_namespace_refs: settings.no_cross_namespace_refs,
    };
    let templates: Vec<(ObjectRef, MetricTemplate)> = manifests
        .iter()
        .filter(|manifest| manifest.object["kind"] == "MetricTemplate")
        .filter_map(|manifest| {
            Some((ObjectRef::of(&manifest.object), MetricTemplate::deserialize(&manifest.object).ok()?))
        })
        .collect();
    let planned = analysis::plan(canary, &settings, |namespace, name| {
        let found = templates.iter().find(|(of, _)| of.namespace == namespace && of.name == name);
        found.map(|(_, template)| template)
    });
    let checks = planned.into_iter().map(|planned| match planned {
        Ok(check) => Check {
            server: format!("{} {}", check.provider, check.endpoint.address).trim_end().to_owned(),
            passes: check.bounds.in_words(check.kind),
            metric: check.metric,
            query: check.query,
        },
        Err(problem) => Check {
            metric: problem.metric.clone(),
            server: String::new(),
            passes: "never".to_owned(),
            query: problem.to_string(),
        },
    });
    checks.collect()
}

fn hooks(canary: &Canary) -> Vec<Hook> {
    let webhooks = canary.spec.analysis.as_ref().map_or(&[][..], |analysis| &analysis.webhooks);
    let of = |type_: WebhookType| webhooks.iter().filter(move |webhook: &&Webhook| webhook.type_ == type_);
    let calls = CALLS.iter().flat_map(|(type_, when)| of(*type_).map(move |webhook| (webhook, *when)));
    calls
        .map(|(webhook, when)| Hook {
            type_: webhook.type_.to_string(),
            name: webhook.name.clone(),
            url: webhook.url.clone(),
            when,
        })
        .collect()
}
