//! Configs: which of them are looked at, and the writes that make the primary's copies what its revision wants.
//!
//! A copy is only ever written with content that exists somewhere: in the config itself as long as it still has the wanted
//! checksum, or in what a promotion kept of the copy before it was overwritten. So two Canaries that share a config never
//! undo each other's copy, and a promotion that fails gives the primary its old content back.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Effect, Manager, Settings, draft::Draft, refs, scene::Scene};
use crate::{
    api::{Canary, Live, Object, ObservedTarget, Phase, SeenConfig, Tracking, at},
    workload::{
        self, Snapshot,
        configs::{self, ABSENT, Config, ConfigRef, Configs, Owners, Reference, Tracked},
    },
};

/// The configs of which a decision wants to know version and checksum, given the objects that it needs: what target and
/// snapshots refer to, the copies of that, and what was seen before.
pub fn configs(canary: &Canary, live: &Live, settings: &Settings) -> BTreeSet<ConfigRef> {
    let status = canary.status.as_ref();
    let target = live.get(&refs::target(canary)).map(|target| references(target, settings));
    let mut wanted: BTreeSet<ConfigRef> =
        target.into_iter().flatten().map(|reference| reference.config).collect();
    for (_, object) in live.of_kind("ControllerRevision") {
        wanted.extend(Snapshot::stored_configs(object).into_keys());
    }
    let copies: Vec<ConfigRef> = wanted.iter().map(ConfigRef::copy).collect();
    if status.is_some_and(|status| is_promoting(status.phase)) {
        wanted.extend(copies.iter().map(ConfigRef::former));
    }
    wanted.extend(copies);
    let seen = status.into_iter().flat_map(|status| status.config_versions.keys());
    wanted.extend(seen.filter_map(|key| ConfigRef::parse(key)));
    wanted.retain(|config| settings.config_tracking.of(config.kind) != Tracking::Off);
    wanted
}

fn is_promoting(phase: Phase) -> bool {
    matches!(phase, Phase::Promoting | Phase::Finalising)
}

/// What a workload's pods refer to, as far as it is tracked.
pub(super) fn references(workload: &Object, settings: &Settings) -> Vec<Reference> {
    let mut references = at(workload, &["spec", "template"]).map(configs::references).unwrap_or_default();
    references.retain(|reference| settings.config_tracking.of(reference.config.kind) != Tracking::Off);
    references
}

/// The configs that are part of the revision that a target asks for now.
pub(super) fn of_target(references: &[Reference], canary: &Canary, known: &Configs) -> Tracked {
    let none = BTreeMap::new();
    let former = canary.status.as_ref().map_or(&none, |status| &status.tracked_configs);
    configs::track(references, known, former)
}

impl Scene<'_> {
    fn checksum(&self, config: &ConfigRef) -> Option<&str> {
        self.observation.configs.get(config).and_then(Config::checksum)
    }

    fn exists(&self, config: &ConfigRef) -> bool {
        matches!(self.observation.configs.get(config), Some(Config::Present { .. }))
    }

    /// The content of a config, if it was read.
    fn content(&self, config: &ConfigRef) -> Option<&Object> {
        self.observation.live.get(&config.object(&self.canary.namespace_name()))
    }

    /// What holds the content that the copy of a config should have.
    fn holder(&self, config: &ConfigRef, wanted: &str) -> Option<ConfigRef> {
        let holders = [config.clone(), config.copy().former()];
        holders.into_iter().find(|holder| self.checksum(holder) == Some(wanted))
    }

    /// Whether each copy that a revision needs is there or can be made. Otherwise its config has moved on since.
    pub(super) fn can_copy(&self, revision: &str) -> bool {
        let wanted = self.snapshot(revision).into_iter().flat_map(|snapshot| snapshot.configs());
        wanted.filter(|(_, checksum)| *checksum != ABSENT).all(|(config, checksum)| {
            self.checksum(&config.copy()) == Some(checksum) || self.holder(config, checksum).is_some()
        })
    }

    /// A snapshot as the live primary needs it. One that somebody else made and that runs the revision does not get the mark of
    /// its configs, which would replace all its pods for nothing.
    pub(super) fn adopted(&self, snapshot: &Arc<Snapshot>) -> Arc<Snapshot> {
        if snapshot.configs().is_empty() {
            return snapshot.clone();
        }
        let (phase, promoted) = self
            .canary
            .status
            .as_ref()
            .map(|s| (s.phase, s.last_promoted_spec.as_deref()))
            .unwrap_or_default();
        let unmarked = self.primary.is_some_and(|primary| workload::configs_of(primary).is_none());
        let runs = || promoted == Some(snapshot.revision.as_str()) || self.primary_runs(snapshot);
        if unmarked && phase != Phase::Promoting && runs() {
            return Arc::new(snapshot.as_ref().clone().adopted());
        }
        snapshot.clone()
    }

    /// Whether the copies, as far as there are any, hold what a revision wants.
    pub(super) fn copies_hold(&self, snapshot: &Snapshot) -> bool {
        snapshot.configs().iter().all(|(config, wanted)| {
            let copy = config.copy();
            !self.exists(&copy) || self.checksum(&copy) == Some(wanted)
        })
    }
}

/// Makes the copies of a revision what it wants; says whether all will stand once the writes so far are done.
pub(super) fn copies(scene: &Scene<'_>, draft: &mut Draft<'_>, revision: &str) -> bool {
    let Some(snapshot) = scene.snapshot(revision) else { return true };
    let promoted = draft.status.last_promoted_spec.clone().filter(|promoted| promoted != revision);
    let promoted = promoted.and_then(|promoted| scene.snapshot(&promoted));
    let mut stand = true;
    for (config, wanted) in snapshot.configs().iter().filter(|(_, wanted)| *wanted != ABSENT) {
        let copy = config.copy();
        if scene.checksum(&copy) == Some(wanted) {
            continue;
        }
        let Some(holder) = scene.holder(config, wanted) else {
            stand = false;
            continue;
        };
        // The promotion may fail: then the primary needs this again.
        let keeps = promoted.and_then(|promoted| promoted.configs().get(config)).is_some_and(|old| {
            scene.checksum(&copy) == Some(old) && scene.checksum(&copy.former()) != Some(old)
        });
        if keeps {
            stand &= write(scene, draft, &copy, &copy.former());
        }
        stand &= stand && write(scene, draft, &holder, &copy);
    }
    stand
}

/// Copies content; false if that cannot be done now.
fn write(scene: &Scene<'_>, draft: &mut Draft<'_>, from: &ConfigRef, to: &ConfigRef) -> bool {
    let namespace = scene.canary.namespace_name();
    let present = scene.content(to);
    let Some(source) = scene.content(from) else {
        draft.lack(from.object(&namespace));
        if scene.exists(to) {
            draft.lack(to.object(&namespace));
        }
        return false;
    };
    if present.is_none() && scene.exists(to) {
        draft.lack(to.object(&namespace));
        return false;
    }
    if scene.checksum(from) != Some(&configs::checksum(source)) {
        // It moved while it was read; its watch tells.
        return false;
    }
    let object = configs::copy(scene.canary, source, to, &scene.settings.include_label_prefix);
    let Some(present) = present else {
        draft.effect(Effect::Apply { object, manager: Manager::Primary });
        return true;
    };
    if configs::owners(scene.canary, present) == Owners::Nobody {
        draft.block("ConfigTaken", format!("{to} exists and is no copy of ours: delete or rename it."));
        return false;
    }
    let reference = to.object(&namespace);
    match configs::update(present, &object) {
        Some(patch) => draft.effect(Effect::Merge { reference, patch, manager: Manager::Primary }),
        None => {
            let uid = present["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
            draft.effect(Effect::Delete { reference, uid });
            draft.effect(Effect::Apply { object, manager: Manager::Primary });
        }
    }
    true
}

/// Keeps in the status what was seen, and deletes copies that nothing refers to any more.
pub(super) fn tidy(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    let kept = [draft.status.last_applied_spec.clone(), draft.status.last_promoted_spec.clone()];
    let kept: Vec<&Snapshot> =
        kept.iter().flatten().filter_map(|revision| scene.snapshot(revision)).map(Arc::as_ref).collect();
    let target = scene.target.as_ref();
    let referred = target.into_iter().flat_map(|target| &target.references);
    let mut sources: BTreeSet<ConfigRef> = referred.map(|reference| reference.config.clone()).collect();
    sources.extend(kept.iter().flat_map(|snapshot| snapshot.configs().keys().cloned()));
    let used: BTreeSet<ConfigRef> = kept
        .iter()
        .flat_map(|snapshot| snapshot.configs())
        .filter(|(_, checksum)| *checksum != ABSENT)
        .flat_map(|(config, _)| {
            let copy = config.copy();
            let former = unsettled(scene, draft, config).then(|| copy.former());
            [Some(copy), former]
        })
        .flatten()
        .collect();
    let copies: BTreeSet<ConfigRef> = sources.iter().map(ConfigRef::copy).collect();
    let mut seen = BTreeMap::new();
    for (config, known) in &scene.observation.configs {
        let mut keep = sources.contains(config) || used.contains(config) || copies.contains(config);
        if let Config::Present { uid, .. } = known
            && !sources.contains(config)
            && !used.contains(config)
        {
            let reference = config.object(&scene.canary.namespace_name());
            match scene.content(config).map(|object| configs::owners(scene.canary, object)) {
                None => {
                    draft.lack(reference);
                    keep = true;
                }
                Some(Owners::Own) => {
                    draft.effect(Effect::Delete { reference, uid: uid.clone() });
                    keep = true;
                }
                Some(Owners::Nobody | Owners::Others) => {}
            }
        }
        if keep {
            seen.insert(config.key(), SeenConfig::from(known));
        }
    }
    draft.status.config_versions = seen;
    if let Some(target) = target {
        let tracked = target.snapshot.configs().iter().filter(|(_, checksum)| *checksum != ABSENT);
        draft.status.tracked_configs =
            tracked.map(|(config, checksum)| (config.key(), checksum.clone())).collect();
    }
}

/// Whether the copy of a config may have to become again what it was.
fn unsettled(scene: &Scene<'_>, draft: &Draft<'_>, config: &ConfigRef) -> bool {
    let promoted = draft.status.last_promoted_spec.as_deref().and_then(|promoted| scene.snapshot(promoted));
    is_promoting(draft.status.phase)
        || promoted
            .and_then(|promoted| promoted.configs().get(config))
            .is_some_and(|wanted| scene.checksum(&config.copy()) != Some(wanted))
}

impl From<&Config> for SeenConfig {
    fn from(config: &Config) -> Self {
        match config.clone() {
            Config::Absent => SeenConfig::default(),
            Config::Present { uid, version, checksum } => SeenConfig { uid, version, checksum },
        }
    }
}

/// A target as it was judged, with the fingerprint of its configs.
pub(super) fn observed(target: &Object, configs: Option<String>) -> ObservedTarget {
    ObservedTarget {
        uid: target["metadata"]["uid"].as_str().unwrap_or_default().to_owned(),
        generation: target["metadata"]["generation"].as_i64().unwrap_or_default(),
        configs,
    }
}
