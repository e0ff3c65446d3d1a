//! What a simulated rollout releases, and how: drawn from a seed.

use fastrand::Rng;
use serde_json::{Value, json};

use crate::{
    api::{API_VERSION, Object, ObjectRef, Provider, TargetKind, WebhookType, names},
    rollout::{Inconclusive, Settings},
    routing,
    simulation::{BROKEN, Memory},
    workload::configs::ConfigKind,
};

/// Where all objects are.
pub(super) const NAMESPACE: &str = "store";
/// Name of the Canary and of its target.
pub(super) const NAME: &str = "shop";
/// The Service that leads to the target's pods.
pub(super) const CANARY_SERVICE: &str = "shop-canary";
/// Providers whose routes are objects of a kind of their own.
pub(super) const ROUTES: [Provider; 4] =
    [Provider::GatewayApiV1, Provider::Istio, Provider::Contour, Provider::Gloo];
/// Time between two checks in seconds, and the deadline of a phase.
const INTERVAL: i64 = 10;
const DEADLINE: i64 = 60;

/// The revision whose pods never get ready.
const BROKEN_REVISION: u8 = 4;

/// What makes a revision a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    /// The image of its container.
    Image,
    /// A ConfigMap or a Secret that its pods refer to.
    Config(ConfigKind),
}

/// What the world before a rollout depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Stage(String);

/// A Canary, its target and what belongs to them.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) kind: TargetKind,
    pub(super) provider: Provider,
    /// The user made the route before the Canary; it is led along.
    pub(super) shared: bool,
    pub(super) autoscaled: bool,
    pub(super) trigger: Trigger,
    pub(super) analysis: Value,
    pub(super) skips: bool,
    pub(super) inconclusive: Inconclusive,
}

impl Subject {
    /// Half of the subjects are plain Deployments behind the Gateway API.
    pub(super) fn draw(random: &mut Rng) -> Self {
        let mut subject = Subject::plain(random);
        if random.bool() {
            subject.vary(random);
        }
        if subject.provider == Provider::Kubernetes {
            subject.analysis = iterations(random);
        }
        subject.choose_strategy(random);
        // Of dice of its own: all that is drawn after this stays what it was.
        let mut dice = random.clone().fork();
        if dice.u8(0..4) == 0 {
            subject.analysis["primaryReadyThreshold"] = json!(dice.i32(1..100));
        }
        subject
    }

    fn plain(random: &mut Rng) -> Self {
        Subject {
            kind: TargetKind::Deployment,
            provider: Provider::GatewayApiV1,
            shared: false,
            autoscaled: false,
            trigger: Trigger::Image,
            analysis: analysis(random),
            skips: random.u8(0..16) == 0,
            inconclusive: if random.u8(0..8) == 0 { Inconclusive::Hold } else { Inconclusive::Fail },
        }
    }

    fn vary(&mut self, random: &mut Rng) {
        match random.u8(0..4) {
            0 => self.kind = TargetKind::DaemonSet,
            1 => self.autoscaled = true,
            _ => {}
        }
        match random.u8(0..6) {
            0 | 1 => self.trigger = Trigger::Config(ConfigKind::ConfigMap),
            2 => self.trigger = Trigger::Config(ConfigKind::Secret),
            _ => {}
        }
        match random.u8(0..10) {
            0 | 1 => self.provider = Provider::Istio,
            2 => self.provider = Provider::Contour,
            3 => self.provider = Provider::Gloo,
            4 => self.provider = Provider::Kubernetes,
            5 | 6 => self.shared = true,
            _ => {}
        }
    }

    /// Copies, chosen requests, cookies and hooks, as far as the route can serve them.
    fn choose_strategy(&mut self, random: &mut Rng) {
        let able = routing::router(self.provider).map(|router| router.capabilities()).unwrap_or_default();
        let own = !self.shared;
        if own && able.mirror && random.u8(0..4) == 0 {
            self.analysis["mirror"] = json!(true);
            self.analysis["mirrorWeight"] = json!(random.i32(0..101));
        }
        if own && !able.matching.is_empty() && random.u8(0..8) == 0 {
            self.analysis = iterations(random);
            self.analysis["match"] = json!([{"headers": {"x-insider": {"exact": "yes"}}}]);
        }
        if own && able.affinity && self.analysis["iterations"].is_null() && random.u8(0..5) == 0 {
            self.analysis["sessionAffinity"] = json!({"cookieName": "met"});
            if random.bool() {
                self.analysis["sessionAffinity"]["primaryCookieName"] = json!("stayed");
            }
        }
        if random.u8(0..3) == 0 {
            self.analysis["webhooks"] = hooks(random);
        }
    }

    /// What the world before the rollout depends on: all but how it is analysed.
    pub(super) fn stage(&self) -> Stage {
        let Subject { kind, provider, shared, autoscaled, trigger, .. } = self;
        Stage(format!("{kind} {provider} {shared} {autoscaled} {trigger:?}"))
    }

    /// The subject before its rollout: what is the same for all of a stage.
    pub(super) fn before(&self) -> Self {
        let analysis = json!({"interval": format!("{INTERVAL}s"), "threshold": 1, "stepWeights": [50]});
        Subject { analysis, skips: false, inconclusive: Inconclusive::Fail, ..self.clone() }
    }

    pub(super) fn settings(&self) -> Settings {
        Settings { inconclusive: self.inconclusive, ..Settings::default() }
    }

    pub(super) fn canary(&self) -> Object {
        let mut spec = json!({
            "provider": self.provider,
            "targetRef": {"apiVersion": "apps/v1", "kind": self.kind, "name": NAME},
            "progressDeadlineSeconds": DEADLINE,
            "service": {
                "port": 80,
                "targetPort": 8080,
                "gateways": ["edge/public"],
                "hosts": ["shop.example.com"],
                "gatewayRefs": [{"name": "public", "namespace": "edge"}],
            },
            "skipAnalysis": self.skips,
            "analysis": self.analysis,
        });
        if self.autoscaled {
            spec["autoscalerRef"] =
                json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": NAME});
        }
        let metadata = json!({"name": NAME, "namespace": NAMESPACE});
        json!({"apiVersion": API_VERSION, "kind": "Canary", "metadata": metadata, "spec": spec})
    }

    /// The target as its user keeps it in a file.
    pub(super) fn target(&self, revision: u8) -> Object {
        let mut target = json!({
            "apiVersion": "apps/v1",
            "kind": self.kind,
            "metadata": {"name": NAME, "namespace": NAMESPACE},
            "spec": {"selector": {"matchLabels": {"app": NAME}}, "template": self.template(revision)},
        });
        if self.kind == TargetKind::Deployment && !self.autoscaled {
            target["spec"]["replicas"] = json!(2);
        }
        target
    }

    /// The pod template of a revision.
    pub(super) fn template(&self, revision: u8) -> Value {
        let number = if self.trigger == Trigger::Image { revision } else { 1 };
        let mut container = json!({"name": NAME, "image": format!("shop:{number}")});
        if let Trigger::Config(_) = self.trigger {
            container["env"] = json!([
                {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "value"}}}]);
            container["envFrom"] = json!([{"configMapRef": {"name": "settings"}}]);
        }
        // Null takes the mark of a broken revision off again where the template is merged.
        let broken = if number == BROKEN_REVISION { json!("true") } else { Value::Null };
        let metadata = json!({"labels": {"app": NAME}, "annotations": {BROKEN: broken}});
        json!({"metadata": metadata, "spec": {"containers": [container]}})
    }

    /// The objects beside Canary and target, as their users made them.
    pub(super) fn others(&self) -> Vec<(ObjectRef, Value)> {
        let mut others = Vec::new();
        if self.autoscaled {
            others.push((self.autoscaler(), scaled(2, 9)));
        }
        if let Trigger::Config(_) = self.trigger {
            others.extend(
                [ConfigKind::ConfigMap, ConfigKind::Secret].map(|kind| (config(kind), content(kind, 1))),
            );
        }
        if self.shared {
            others.push((self.route(), shared_route()));
        }
        others
    }

    /// Makes the target ask for a revision.
    pub(super) fn release(&self, memory: &mut Memory, revision: u8) {
        let (reference, fields) = match self.trigger {
            Trigger::Image => (self.workload(NAME), json!({"spec": {"template": self.template(revision)}})),
            Trigger::Config(kind) => (config(kind), content(kind, revision)),
        };
        let _ = memory.merge(&reference, &fields);
    }

    /// What a workload runs: its image and the contents of its configs.
    pub(super) fn served(&self, memory: &Memory, name: &str) -> Vec<Value> {
        let suffix = if name == NAME { "" } else { "-primary" };
        let field = |of: &ObjectRef, pointer: &str| {
            memory.get(of).and_then(|object| object.pointer(pointer)).cloned()
        };
        let mut served = vec![field(&self.workload(name), "/spec/template/spec/containers/0/image")];
        if let Trigger::Config(_) = self.trigger {
            for kind in [ConfigKind::ConfigMap, ConfigKind::Secret] {
                let of = config(kind);
                served.push(field(&ObjectRef { name: format!("{}{suffix}", of.name), ..of }, "/data/value"));
            }
        }
        served.into_iter().map(Option::unwrap_or_default).collect()
    }

    pub(super) fn workload(&self, name: &str) -> ObjectRef {
        ObjectRef::new("apps/v1", self.kind.as_str(), NAMESPACE, name)
    }

    pub(super) fn primary(&self) -> ObjectRef {
        self.workload(&format!("{NAME}-primary"))
    }

    pub(super) fn autoscaler(&self) -> ObjectRef {
        ObjectRef::new("autoscaling/v2", "HorizontalPodAutoscaler", NAMESPACE, NAME)
    }

    /// The object whose weights move; of providers without one, nothing that exists.
    pub(super) fn route(&self) -> ObjectRef {
        self.route_of(self.provider)
    }

    /// The same for another provider.
    pub(super) fn route_of(&self, provider: Provider) -> ObjectRef {
        let (version, kind) = match provider {
            Provider::Istio => ("networking.istio.io/v1beta1", "VirtualService"),
            Provider::Contour => ("projectcontour.io/v1", "HTTPProxy"),
            Provider::Gloo => ("gateway.solo.io/v1", "RouteTable"),
            _ => ("gateway.networking.k8s.io/v1", "HTTPRoute"),
        };
        ObjectRef::new(version, kind, NAMESPACE, NAME)
    }

    /// Whether anybody is asked or told in a run.
    pub(super) fn has_hooks(&self) -> bool {
        !self.analysis["webhooks"].is_null()
    }

    /// Whether the target asks for no pod.
    pub(super) fn rests(&self, memory: &Memory) -> bool {
        let Some(target) = memory.get(&self.workload(NAME)) else { return false };
        match self.kind {
            TargetKind::DaemonSet => {
                target["spec"]["template"]["spec"]["nodeSelector"].get(names::SCALE_TO_ZERO).is_some()
            }
            _ => target["spec"]["replicas"] == 0,
        }
    }

    /// Whether the target asks for pods that never get ready.
    pub(super) fn is_broken(&self, memory: &Memory) -> bool {
        let target = memory.get(&self.workload(NAME));
        target.is_some_and(|target| !target["spec"]["template"]["metadata"]["annotations"][BROKEN].is_null())
    }

    /// The longest that a run may take once nothing disturbs it any more, in seconds, if an answer takes at most so many.
    pub(super) fn longest(&self, slowest: i64) -> i64 {
        let number = |field: &str| self.analysis[field].as_i64();
        let steps = self.analysis["stepWeights"].as_array().map_or(10, Vec::len).max(10);
        let steps = i64::try_from(steps + 1).unwrap_or(i64::MAX).max(number("iterations").unwrap_or(0));
        let back = number("stepWeightPromotion").map_or(0, |step| 100 / step.max(1) + 1);
        // Hooks that fail count as checks, and what is asked one after the other is answered so.
        let hooks = self.analysis["webhooks"].as_array().map_or(0, Vec::len);
        let asked = i64::try_from(hooks + 1).unwrap_or(i64::MAX);
        let checks = steps + number("threshold").unwrap_or(1) + back;
        checks * (INTERVAL + 2 + asked * slowest) + 4 * DEADLINE + asked * INTERVAL
    }
}

fn analysis(random: &mut Rng) -> Value {
    if random.u8(0..6) == 0 {
        return iterations(random);
    }
    let mut analysis = common(random);
    if random.u8(0..4) == 0 {
        analysis["stepWeight"] = json!(random.i32(15..70));
        analysis["maxWeight"] = json!(random.i32(20..101));
    } else {
        let plans: [&[i32]; 4] = [&[10, 20, 50], &[5, 50, 100], &[1], &[30, 60]];
        analysis["stepWeights"] = json!(plans[random.usize(0..plans.len())]);
    }
    if random.u8(0..3) == 0 {
        analysis["stepWeightPromotion"] = json!(random.i32(20..60));
    }
    analysis
}

fn iterations(random: &mut Rng) -> Value {
    let mut analysis = common(random);
    analysis["iterations"] = json!(random.i32(1..4));
    analysis
}

fn common(random: &mut Rng) -> Value {
    let metric = json!({"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "1m"});
    let metrics = if random.u8(0..12) == 0 { json!([]) } else { json!([metric]) };
    json!({"interval": format!("{INTERVAL}s"), "threshold": random.i32(1..4), "metrics": metrics})
}

/// Some of the hooks that there can be.
fn hooks(random: &mut Rng) -> Value {
    let types = [
        WebhookType::ConfirmRollout,
        WebhookType::PreRollout,
        WebhookType::Rollout,
        WebhookType::ConfirmTrafficIncrease,
        WebhookType::ConfirmPromotion,
        WebhookType::PostRollout,
        WebhookType::Rollback,
    ];
    let often = random.u8(1..5);
    let chosen = types.into_iter().filter(|_| random.u8(0..5) < often);
    let mut chosen: Vec<WebhookType> = chosen.collect();
    // Nothing is drawn for who is only told: all that is drawn after this stays what it was.
    if chosen.len() % 2 == 1 {
        chosen.push(WebhookType::Event);
    }
    chosen.iter().map(|type_| json!({"type": type_, "name": "desk", "url": "http://desk.store/"})).collect()
}

/// A config of the target.
pub(super) fn config(kind: ConfigKind) -> ObjectRef {
    let name = match kind {
        ConfigKind::ConfigMap => "settings",
        ConfigKind::Secret => "keys",
    };
    ObjectRef::new("v1", kind.as_str(), NAMESPACE, name)
}

/// What a config holds in a revision.
pub(super) fn content(kind: ConfigKind, revision: u8) -> Value {
    let mut content = json!({"data": {"value": revision.to_string()}});
    if kind == ConfigKind::Secret {
        content["type"] = json!("Opaque");
    }
    content
}

/// An autoscaler of the target.
pub(super) fn scaled(least: i32, most: i32) -> Value {
    json!({"spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME},
        "minReplicas": least,
        "maxReplicas": most,
    }})
}

/// A route of a user, with a rule of somebody else.
fn shared_route() -> Value {
    json!({"spec": {
        "parentRefs": [{"name": "public", "namespace": "edge"}],
        "rules": [
            {"matches": [{"path": {"value": "/help"}}], "backendRefs": [{"name": "help", "port": 80, "weight": 1}]},
            {"backendRefs": [{"name": NAME, "port": 80}]},
        ],
    }})
}
