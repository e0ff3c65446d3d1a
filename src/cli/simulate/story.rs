//! One rollout, played and told.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;

use super::made_up;
use crate::{
    analysis::Sample,
    api::{Canary, Duration, Object, ObjectRef, Phase},
    cli::{
        CliError,
        manifests::Manifest,
        plan::{fresh, is_canary, read_canary, refused},
    },
    rollout::{self, Settings},
    simulation::{self, Line, Script, Simulation, no_faults},
};

/// Changed by the release that is played.
const REVISION: &str = "simulation/revision";
/// A rollout of which nothing was told for this long, and for some intervals and deadlines more, hangs.
const QUIET: SignedDuration = SignedDuration::from_hours(1);

/// What happened to one Canary.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Story {
    canary: String,
    target: String,
    provider: String,
    /// Objects that no file holds.
    made_up: Vec<String>,
    /// The problems for which the gate refuses the Canary; nothing is played then.
    refused: Vec<String>,
    initialisation: Vec<Told>,
    rollout: Vec<Told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<Phase>,
}

/// One line.
#[derive(Debug, Serialize)]
struct Told {
    /// Since the first look, or since the release.
    time: String,
    phase: Phase,
    weight: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'static str>,
    reason: String,
}

impl Story {
    /// Plays the rollout of a Canary among other objects.
    ///
    /// # Errors
    /// The Canary has a value that its field cannot take, a script names no metric of it, or the controller never came
    /// to rest.
    pub(super) fn of(
        manifest: &Manifest,
        manifests: &[Manifest],
        settings: &Settings,
        scripts: &[Script],
    ) -> Result<Self, CliError> {
        let canary = read_canary(manifest)?;
        known(&canary, scripts)?;
        let made_up = made_up::missing(&canary, manifests, settings);
        let all: Vec<Manifest> = manifests.iter().chain(&made_up).cloned().collect();
        let target = made_up::target_of(&canary);
        let mut story = Story {
            canary: format!("{}/{}", target.namespace, canary.metadata.name.clone().unwrap_or_default()),
            target: format!("{} {}", target.kind, target.name),
            provider: rollout::provider(&canary, settings).to_string(),
            made_up: made_up.iter().map(|made| ObjectRef::of(&made.object).to_string()).collect(),
            refused: refused(manifest, &canary, &all, settings),
            initialisation: Vec::new(),
            rollout: Vec::new(),
            end: None,
        };
        if story.refused.is_empty() {
            story.play(manifest, &canary, &target, &all, settings, scripts)?;
        }
        Ok(story)
    }

    fn play(
        &mut self,
        manifest: &Manifest,
        canary: &Canary,
        target: &ObjectRef,
        manifests: &[Manifest],
        settings: &Settings,
        scripts: &[Script],
    ) -> Result<(), CliError> {
        let found = manifests.iter().find(|manifest| ObjectRef::of(&manifest.object) == *target);
        let found = found.map(|found| fresh(&found.object)).unwrap_or_default();
        let unasked = Box::new(|_: &_| Ok(Sample::NoData));
        let mut simulation =
            Simulation::new(fresh(&manifest.object), found, settings.clone(), unasked, no_faults());
        for other in manifests.iter().filter(|other| !is_canary(&other.object)) {
            let reference = ObjectRef::of(&other.object);
            if reference != *target {
                simulation.user(&reference, &fresh(&other.object));
            }
        }
        let deadline = i64::from(canary.spec.progress_deadline_seconds.unwrap_or_default().max(0));
        let patience = rollout::interval(canary).saturating_mul(3);
        let quiet = QUIET.saturating_add(patience).saturating_add(SignedDuration::from_secs(deadline));
        let begin = simulation.now();
        let release = simulation::play(&mut simulation, target, &release(), scripts, quiet)
            .map_err(|restless| CliError::Usage(restless.to_string()))?;
        let told = |from: Timestamp| move |line: &Line| Told::of(line, from);
        let lines = simulation::lines(&simulation);
        let (before, after): (Vec<Line>, Vec<Line>) =
            lines.into_iter().partition(|line| release.is_none_or(|release| line.at < release));
        self.initialisation = before.iter().map(told(begin)).collect();
        self.rollout = after.iter().map(told(release.unwrap_or(begin))).collect();
        self.end = release.map(|_| simulation.status().phase);
        Ok(())
    }

    /// Whether the gate refuses the Canary.
    pub(super) fn is_refused(&self) -> bool {
        !self.refused.is_empty()
    }

    /// The phase in which the rollout ended; none if there was none.
    pub(super) fn end(&self) -> Option<Phase> {
        self.end
    }
}

/// What a user does to release a new revision, whatever the target is.
fn release() -> Object {
    json!({"spec": {"template": {"metadata": {"annotations": {REVISION: "2"}}}}})
}

/// Whether each script is of a metric that the Canary has.
fn known(canary: &Canary, scripts: &[Script]) -> Result<(), CliError> {
    let metrics = canary.spec.analysis.iter().flat_map(|analysis| &analysis.metrics);
    let names: Vec<&str> = metrics.map(|metric| metric.name.as_str()).collect();
    match scripts.iter().find(|script| !names.contains(&script.metric.as_str())) {
        None => Ok(()),
        Some(script) => Err(CliError::Usage(format!(
            "Canary {} has no metric `{}`; its metrics are: {}",
            canary.metadata.name.as_deref().unwrap_or_default(),
            script.metric,
            if names.is_empty() { "none".to_owned() } else { names.join(", ") },
        ))),
    }
}

impl Told {
    fn of(line: &Line, from: Timestamp) -> Self {
        let nanoseconds = line.at.duration_since(from).as_nanos();
        Told {
            time: Duration::from_nanoseconds(i64::try_from(nanoseconds).unwrap_or(i64::MAX)).to_string(),
            phase: line.phase,
            weight: line.weight,
            event: line.event.map(rollout::Reason::as_str),
            reason: line.reason.clone(),
        }
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Story { canary, target, provider, .. } = self;
        writeln!(f, "Canary {canary} releases {target} and routes with {provider}.")?;
        if !self.made_up.is_empty() {
            writeln!(f, "Not in these files, and made up: {}.", self.made_up.join(", "))?;
        }
        if self.is_refused() {
            writeln!(f, "\nThe gate refuses it:")?;
            return self.refused.iter().try_for_each(|problem| writeln!(f, "  {problem}"));
        }
        table(f, "The first primary", &self.initialisation)?;
        match self.end {
            None => writeln!(f, "\nIt is not initialised, so no revision was released."),
            Some(end) => {
                table(f, "A new revision", &self.rollout)?;
                let last = self.rollout.last().map(|line| line.time.as_str()).unwrap_or_default();
                writeln!(f, "\nEnd: {end} after {last}.")
            }
        }
    }
}

fn table(f: &mut fmt::Formatter<'_>, title: &str, lines: &[Told]) -> fmt::Result {
    writeln!(f, "\n{title}:\n  {:<9} {:<13} {:>6}  {:<17} REASON", "TIME", "PHASE", "WEIGHT", "EVENT")?;
    lines.iter().try_for_each(|line| {
        let Told { time, phase, weight, event, reason } = line;
        writeln!(f, "  {time:<9} {:<13} {weight:>5}%  {:<17} {reason}", phase.as_str(), event.unwrap_or("-"))
    })
}
