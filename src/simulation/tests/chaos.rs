//! Many rollouts, each with its own plan, verdicts, faults and meddling users, all from one seed each.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::Timestamp;
use serde_json::json;

use super::{
    autoscaler::{autoscaled_canary, autoscaler, scaled},
    configs::{configured, content, set},
    *,
};
use crate::{
    api::{TargetKind, names},
    rollout::Plan,
    workload::kind,
};

/// How many rollouts; each replays alone by its seed.
const ROLLOUTS: u64 = 100;

/// What a user does in mid-run.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Meddling {
    Nothing,
    NewRevision,
    BackToTheOld,
    EditedSteps,
    ScaledTarget,
    DeletedPrimary,
    EditedRoute,
    EditedConfig,
    EditedAutoscaler,
}

/// What makes a revision a new one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trigger {
    Image,
    ConfigMap,
    Secret,
}

/// What is released, and how.
#[derive(Clone, Copy, Debug)]
struct Subject {
    kind: TargetKind,
    autoscaled: bool,
    configured: bool,
    trigger: Trigger,
}

/// What a workload runs: its image, its ConfigMap, its Secret.
type Served = [Value; 3];

impl Subject {
    /// Half of the rollouts are of plain Deployments.
    fn of(seed: u64) -> Self {
        let plain = Subject {
            kind: TargetKind::Deployment,
            autoscaled: false,
            configured: false,
            trigger: Trigger::Image,
        };
        let with_configs = Subject { configured: true, ..plain };
        match seed % 8 {
            0 => Subject { kind: TargetKind::DaemonSet, ..plain },
            1 => Subject { autoscaled: true, ..plain },
            2 => Subject { trigger: Trigger::ConfigMap, ..with_configs },
            3 => [
                Subject { trigger: Trigger::Secret, autoscaled: true, ..with_configs },
                Subject { trigger: Trigger::Secret, kind: TargetKind::DaemonSet, ..with_configs },
                Subject { trigger: Trigger::ConfigMap, autoscaled: true, ..with_configs },
                with_configs,
            ][usize::try_from(seed / 8 % 4).unwrap_or_default()],
            _ => plain,
        }
    }

    fn simulation(self, analysis: Value, oracle: Oracle, seed: u64) -> Simulation {
        let mut canary = canary(analysis.clone());
        if self.autoscaled {
            canary = autoscaled_canary();
            canary["spec"]["analysis"] = analysis;
        }
        canary["spec"]["targetRef"]["kind"] = json!(self.kind);
        let mut target = target("shop:1");
        target["kind"] = json!(self.kind);
        target["spec"]["template"] = self.template("shop:1");
        if self.kind == TargetKind::DaemonSet {
            target["spec"]["replicas"] = Value::Null;
        }
        let simulation = Simulation::new(canary, target, Settings::default(), oracle, faults(seed));
        if self.autoscaled {
            simulation.user(&autoscaler(&simulation, "shop"), &scaled(2, 9));
        }
        if self.configured {
            set(&simulation, "settings", "1");
            set(&simulation, "keys", "1");
        }
        simulation
    }

    fn template(self, image: &str) -> Value {
        if self.configured { configured(image) } else { template(image) }
    }

    fn workload(self, simulation: &Simulation, name: &str) -> ObjectRef {
        simulation.reference("apps/v1", self.kind.as_str(), name)
    }

    /// Makes the target ask for the revision of this number.
    fn release(self, simulation: &Simulation, number: u8) {
        match self.trigger {
            Trigger::Image => {
                let template = self.template(&format!("shop:{number}"));
                let target = self.workload(simulation, "shop");
                simulation.user(&target, &json!({"spec": {"template": template}}));
            }
            Trigger::ConfigMap => set(simulation, "settings", &number.to_string()),
            Trigger::Secret => set(simulation, "keys", &number.to_string()),
        }
    }

    fn served(self, simulation: &Simulation, name: &str, suffix: &str) -> Served {
        let workload = object(simulation, &self.workload(simulation, name));
        let image = workload["spec"]["template"]["spec"]["containers"][0]["image"].clone();
        let content = |of: &str| content(simulation, &format!("{of}{suffix}"));
        [image, content("settings"), content("keys")]
    }

    /// What the target asks for.
    fn asked(self, simulation: &Simulation) -> Served {
        self.served(simulation, "shop", "")
    }

    /// What the primary runs, its copies included.
    fn primary(self, simulation: &Simulation) -> Served {
        self.served(simulation, "shop-primary", "-primary")
    }

    fn idles(self, simulation: &Simulation) -> bool {
        let target = object(simulation, &self.workload(simulation, "shop"));
        kind::of(self.kind).unwrap().is_idle(&target)
    }
}

#[test]
fn rollouts_with_faults_keep_every_invariant_and_all_end() {
    let next = AtomicU64::new(0);
    let ends = Mutex::new(BTreeMap::new());
    let worker = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= ROLLOUTS {
                return;
            }
            let end = rollout(seed);
            *ends.lock().unwrap().entry(format!("{end:?}")).or_insert(0) += 1;
        }
    };
    std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        (0..cores).for_each(|_| drop(scope.spawn(worker)));
    });
    let ends = ends.into_inner().unwrap();
    // Both ends happen often, or the scenarios show nothing.
    assert!(ends.values().all(|count| *count > 10) && ends.len() == 2, "{ends:?}");
}

fn faults(seed: u64) -> Faults {
    let mut random = fastrand::Rng::with_seed(seed);
    Box::new(move || match random.u8(0..20) {
        0 => Fault::Conflict,
        1 => Fault::CrashBefore,
        2 => Fault::CrashAfter,
        _ => Fault::None,
    })
}

/// News that stay under way for a while, in half of the rollouts.
fn lag(seed: u64) -> Lag {
    let mut random = fastrand::Rng::with_seed(!seed);
    let lags = random.bool();
    Box::new(move || lags && random.bool())
}

fn rollout(seed: u64) -> Phase {
    let mut random = fastrand::Rng::with_seed(seed);
    let steps = [vec![10, 20, 50], vec![5, 50, 100], vec![1], vec![30, 60]][random.usize(0..4)].clone();
    let mut analysis = weights(&steps);
    analysis["threshold"] = json!(random.i32(1..4));
    if random.bool() {
        analysis["stepWeightPromotion"] = json!(random.i32(10..60));
    }
    // A third of the revisions is good, a third is bad, a third is both at times.
    let quality = random.u8(0..3);
    let mut dice = random.fork();
    let oracle: Oracle = Box::new(move |_| match (quality, dice.u8(0..4)) {
        (0, _) | (2, 0..=2) => Ok(Sample::Value(100.0)),
        (1, 0) => Err("the server is away".to_owned()),
        (1, 1) => Ok(Sample::NoData),
        _ => Ok(Sample::Value(12.0)),
    });
    let subject = Subject::of(seed);
    let mut simulation = subject.simulation(analysis, oracle, seed);
    simulation.world.state().lag = lag(seed);
    let mut watch = Watch::new(seed, subject);
    simulation.pass(seconds(40), |simulation| watch.look(simulation));
    assert_eq!(simulation.status().phase, Phase::Initialized, "seed {seed}");

    subject.release(&simulation, 2);
    simulation.pass(seconds(random.i64(1..60)), |simulation| watch.look(simulation));
    let meddling = match random.u8(0..12) {
        0 => Meddling::NewRevision,
        1 => Meddling::BackToTheOld,
        2 => Meddling::EditedSteps,
        3 => Meddling::ScaledTarget,
        4 => Meddling::DeletedPrimary,
        5 => Meddling::EditedRoute,
        6 if subject.configured => Meddling::EditedConfig,
        7 if subject.autoscaled => Meddling::EditedAutoscaler,
        _ => Meddling::Nothing,
    };
    watch.meddled(meddling);
    meddle(&simulation, subject, meddling);
    simulation.pass(seconds(900), |simulation| watch.look(simulation));

    let status = simulation.status();
    let context = format!("seed {seed}, {subject:?}, {meddling:?}, {status:?}, {:?}", shares(&simulation));
    assert!(matches!(status.phase, Phase::Succeeded | Phase::Failed), "did not end: {context}");
    assert!(subject.idles(&simulation), "the target does not idle: {context}");
    assert_eq!(shares(&simulation).last(), Some(&0), "the primary has all traffic: {context}");
    let (serving, wanted) = (subject.primary(&simulation), subject.asked(&simulation));
    if status.phase == Phase::Succeeded {
        assert_eq!(serving, wanted, "{context}");
    } else {
        assert_ne!(serving, wanted, "{context}");
    }
    let told = simulation.world.state().events.clone();
    let sentence = |text: &str| text.starts_with(|c: char| c.is_uppercase()) && text.ends_with('.');
    assert!(told.iter().all(|event| sentence(&event.message)), "no sentences: {told:?}");
    assert!(
        meddling == Meddling::ScaledTarget || told.iter().all(|event| event.reason != Reason::ReplicasHeld),
        "nobody scaled the target: {context}"
    );
    // What has ended rests: no write, no word, no question.
    let deeds = simulation.world.state().deeds.len();
    simulation.pass(seconds(3600), |_| {});
    let state = simulation.world.state();
    assert_eq!(state.deeds[deeds..], [], "it does not rest: {context}");
    assert_eq!(state.events.len(), told.len(), "it does not keep still: {context}");
    drop(state);
    status.phase
}

fn meddle(simulation: &Simulation, subject: Subject, meddling: Meddling) {
    let [target, primary] = ["shop", "shop-primary"].map(|name| subject.workload(simulation, name));
    match meddling {
        Meddling::Nothing => {}
        Meddling::NewRevision => subject.release(simulation, 3),
        Meddling::BackToTheOld => subject.release(simulation, 1),
        Meddling::EditedSteps => {
            let steps = json!({"spec": {"analysis": {"stepWeights": [7, 15, 30, 70]}}});
            simulation.user(&simulation.canary_reference(), &steps);
        }
        Meddling::ScaledTarget if subject.kind == TargetKind::DaemonSet => {
            simulation.user(&target, &json!({"spec": {"template": {"spec": {"nodeSelector": null}}}}));
        }
        Meddling::ScaledTarget => simulation.user(&target, &json!({"spec": {"replicas": 4}})),
        Meddling::DeletedPrimary => simulation.world.state().memory.delete(&primary),
        Meddling::EditedRoute => {
            let route = simulation.reference("gateway.networking.k8s.io/v1", "HTTPRoute", "shop");
            let mut rules = object(simulation, &route)["spec"]["rules"].clone();
            rules[0]["backendRefs"][1]["weight"] = json!(77);
            simulation.user(&route, &json!({"spec": {"rules": rules}}));
        }
        Meddling::EditedConfig => set(simulation, "settings", "edited"),
        Meddling::EditedAutoscaler => {
            simulation.user(&autoscaler(simulation, "shop"), &scaled(3, 5));
        }
    }
}

/// Whether a deed takes the pods of the target away.
fn rests(deed: &Deed) -> bool {
    let selector = format!("/spec/template/spec/nodeSelector/{}", names::SCALE_TO_ZERO.replace('/', "~1"));
    match deed {
        Deed::Effect(Effect::Scale { replicas, .. }) => *replicas == 0,
        Deed::Effect(Effect::Merge { patch, .. }) => {
            patch.pointer(&selector).is_some_and(|value| !value.is_null())
        }
        _ => false,
    }
}

/// Checks after every look what must hold at any time.
struct Watch {
    seed: u64,
    subject: Subject,
    /// What the primary's copies hold while a revision is analysed.
    copies: Option<[Value; 2]>,
    version: u64,
    seen: usize,
    share: i64,
    left_at: Option<Timestamp>,
    primary_may_be_gone: bool,
    steps_edited: bool,
}

impl Watch {
    fn new(seed: u64, subject: Subject) -> Self {
        Watch {
            seed,
            subject,
            copies: None,
            version: 0,
            seen: 0,
            share: 0,
            left_at: None,
            primary_may_be_gone: false,
            steps_edited: false,
        }
    }

    fn meddled(&mut self, meddling: Meddling) {
        self.primary_may_be_gone = meddling == Meddling::DeletedPrimary;
        self.steps_edited = meddling == Meddling::EditedSteps;
    }

    fn look(&mut self, simulation: &Simulation) {
        let version = simulation.world.state().memory.version();
        if self.version == version {
            return;
        }
        self.version = version;
        let seed = self.seed;
        let deeds: Vec<(Timestamp, Deed)> = simulation.world.state().deeds[self.seen..].to_vec();
        self.seen += deeds.len();
        let status = simulation.status();
        let now = simulation.now();
        let sentence = status.last_decision.as_deref().unwrap_or("None.");
        assert!(
            sentence.starts_with(|c: char| c.is_uppercase()) && sentence.ends_with('.'),
            "seed {seed}: no sentence: {sentence}"
        );
        for (at, deed) in &deeds {
            if let Some(share) = share(deed) {
                assert!((0..=100).contains(&share), "seed {seed}: share {share}");
                assert!(
                    share <= i64::from(status.canary_weight.max(0)),
                    "seed {seed}: the route is ahead of the status"
                );
                if share > self.share {
                    let canary = self.subject.workload(simulation, "shop");
                    assert!(
                        simulation.kubernetes.ready(&canary, now) > 0,
                        "seed {seed}: traffic to what is not ready"
                    );
                    self.raised_by_one_step(simulation, share);
                }
                if share == 0 && self.share > 0 {
                    self.left_at = Some(*at);
                }
                self.share = share;
            }
            if rests(deed) {
                assert_eq!(self.share, 0, "seed {seed}: pods went while they had traffic");
                let settled = self.left_at.is_none_or(|left| *at >= left + seconds(5));
                assert!(settled, "seed {seed}: pods went before the proxies knew");
            }
        }
        let copies = ["settings-primary", "keys-primary"].map(|copy| content(simulation, copy));
        if status.phase == Phase::Progressing {
            let before = self.copies.get_or_insert_with(|| copies.clone());
            assert_eq!(*before, copies, "seed {seed}: the primary got contents that are under analysis");
        } else {
            self.copies = None;
        }
        let primary = self.subject.workload(simulation, "shop-primary");
        if status.last_promoted_spec.is_some() && !self.primary_may_be_gone {
            assert!(simulation.kubernetes.ready(&primary, now) > 0, "seed {seed}: nobody serves");
        }
    }

    fn raised_by_one_step(&self, simulation: &Simulation, share: i64) {
        if self.steps_edited || self.share > 0 && share < self.share {
            return;
        }
        let canary = object(simulation, &simulation.canary_reference());
        let steps: Vec<i64> = canary["spec"]["analysis"]["stepWeights"]
            .as_array()
            .map(|steps| steps.iter().filter_map(|step| step.as_i64()).collect())
            .unwrap_or_default();
        let next = steps.iter().find(|step| **step > self.share);
        let restored = share == i64::from(simulation.status().canary_weight);
        assert!(
            next == Some(&share) || restored,
            "seed {}: {} -> {share} is no step of {steps:?}",
            self.seed,
            self.share
        );
    }
}

#[test]
fn plans_end_whatever_is_in_them() {
    let analysis: crate::api::Analysis = serde_json::from_value(
        json!({"interval": "1m", "threshold": 1, "stepWeights": [50, 20, -3, 400, 50]}),
    )
    .unwrap();
    let router = crate::routing::router(crate::api::Provider::GatewayApiV1).unwrap();
    let plan = Plan::of(&analysis, router.capabilities());
    assert_eq!(plan.len(), 2);
    assert_eq!(plan.limit().to_string(), "100");
}
