//! Objects near those that people write. An input is a script: it takes an example of a rule, changes it in a few places,
//! and sends it in; so every input is a review, and the rules see all of them.

use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sluice::admission::rules::example;
use sluice::admission::{Endpoint, Lookup};
use sluice::api::{Canary, Live, ObjectRef};
use sluice::rollout::{self, Observation, Settings};
use sluice::workload::configs::Configs;

use super::gate;

/// Most changes of one script.
const CHANGES: usize = 8;
/// Most places, or bytes, that one change puts in.
const LARGE: usize = 2_000;

/// Words and values that mean something somewhere.
const VALUES: &str = r#"[
    null, true, false, 0, 1, -1, 0.5, 2.5, 100, 101, 1e308, 9223372036854775807, -9223372036854775808,
    18446744073709551615, [], {}, [{}], [null], [[]], "", " ", "app", "app-primary", "app-canary", "10s",
    "1h30m", "-1m", "9999999h", ".5s", "1m0", "kubernetes", "gatewayapi:v1", "gatewayapi:v1beta1", "istio",
    "contour", "gloo", "appmesh:v1beta2", "linkerd", "knative", "Deployment", "DaemonSet", "Service",
    "HorizontalPodAutoscaler", "ScaledObject", "apps/v1", "*", "*.example.com", "a.b.svc.cluster.local",
    "{{ target }}", "{{ printf \"%99999d\" 1 }}", "sum(rate(x[1m]))", "{\"a\"}[5m]", "é\u0000\n",
    "ÄÄÄÄÄÄÄÄÄÄÄÄ", [1,2,3], [10,10,50], [100,0], [0.5], "prometheus", "request-success-rate", "exact"
]"#;

/// Keys that rules look at and examples may lack.
const KEYS: &str = "
    metadata name namespace labels annotations deletionTimestamp creationTimestamp finalizers spec status phase
    canaryWeight stepIndex provider targetRef autoscalerRef service port targetPort portName hosts gateways
    gatewayRefs match headers mirror rewrite retries corsPolicy trafficPolicy apex primary canary analysis
    interval threshold maxWeight stepWeight stepWeights stepWeightPromotion iterations metrics thresholdRange
    min max query templateRef templateVariables webhooks url type alerts providerRef sessionAffinity cookieName
    maxAge skipAnalysis suspend revertOnDeletion progressDeadlineSeconds replicas selector matchLabels template
    containers nodeSelector managedFields fieldsV1 f:spec sluice.dev/canary sluice.dev/managed
    sluice.dev/replicas kind apiVersion
";

static WORDS: LazyLock<(Vec<Value>, Vec<&str>)> =
    LazyLock::new(|| (serde_json::from_str(VALUES).unwrap(), KEYS.split_whitespace().collect()));

/// What a script says, byte by byte; after its end zeros.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn next(&mut self) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first)
    }

    fn value(&mut self) -> Value {
        WORDS.0[self.next() % WORDS.0.len()].clone()
    }

    fn key(&mut self) -> String {
        WORDS.1[self.next() % WORDS.1.len()].to_owned()
    }

    /// A number that may be larger than a byte.
    fn place(&mut self) -> usize {
        self.next() * 256 + self.next()
    }
}

/// Any object is answered; what is admitted can be run.
pub(crate) fn check(input: &[u8]) {
    let mut script = Script(input);
    let examples = gate::objects();
    let endpoint = Endpoint::ALL[script.next() % Endpoint::ALL.len()];
    let old = examples[script.place() % examples.len()].clone();
    let updates = script.next() % 3;
    let mut new = match updates {
        0 | 1 => old.clone(),
        _ => examples[script.place() % examples.len()].clone(),
    };
    for _ in 0..script.next() % (CHANGES + 1) {
        change(&mut new, &mut script);
    }
    let kind = new["kind"].as_str().unwrap_or_default().to_owned();
    let (group, version) = new["apiVersion"].as_str().unwrap_or_default().split_once('/').unwrap_or_default();
    let name = new["metadata"]["name"].as_str().unwrap_or("app").to_owned();
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u", "namespace": "shop", "name": name, "userInfo": {"username": "ann"},
        "kind": {"group": group, "version": version, "kind": kind},
        "operation": if updates == 0 { "CREATE" } else { "UPDATE" },
        "object": &new, "oldObject": if updates == 0 { Value::Null } else { old },
    }});
    let found = match script.next() % 3 {
        0 => |reference: &ObjectRef| Lookup::Found(example::plain(&reference.kind)),
        1 => |_: &ObjectRef| Lookup::Missing,
        _ => |_: &ObjectRef| Lookup::Failed("the API server is away".to_owned()),
    };
    let verdict = gate::ask(endpoint, review.to_string().as_bytes(), found).expect("a review is answered");
    let judged = matches!(endpoint, Endpoint::CanaryMutate | Endpoint::CanaryValidate);
    if judged && verdict.is_allowed() && updates == 0 && kind == "Canary" {
        run(&new);
    }
}

/// What the gate admits, the controller can read and decide about.
fn run(object: &Value) {
    // Of an object that is on its way out nothing is demanded, and what was never judged is not run.
    if !object["metadata"]["deletionTimestamp"].is_null() || object["apiVersion"] != "flagger.app/v1beta1" {
        return;
    }
    let canary: Canary = serde_json::from_value(object.clone()).expect("what is admitted can be read");
    let settings = Settings::default();
    rollout::needs(&canary, &settings);
    rollout::names(&canary);
    let (live, configs, answers) = (Live::default(), Configs::default(), rollout::Answers::default());
    let observation = Observation {
        canary: Arc::new(canary),
        live,
        configs,
        answers,
        problems: Vec::new(),
        unread: None,
        full: None,
        writes: Default::default(),
        sketches: Default::default(),
    };
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    rollout::decide(&observation, &settings, now);
}

/// Changes one place: puts a value there, or a part of another example, or takes it away, or adds a field or an entry.
fn change(object: &mut Value, script: &mut Script<'_>) {
    let number = script.place() % count(object);
    let place = at(object, number);
    match script.next() % 6 {
        0 => *place = script.value(),
        1 => {
            let mut other = gate::objects()[script.place() % gate::objects().len()].clone();
            let number = script.place() % count(&other);
            *place = at(&mut other, number).take();
        }
        2 => {
            let (key, value) = (script.key(), script.value());
            match place {
                Value::Object(fields) => drop(fields.insert(key, value)),
                Value::Array(items) => items.push(value),
                other => *other = Map::from_iter([(key, value)]).into(),
            }
        }
        3 => {
            if let Value::Array(items) = place {
                let times = script.next();
                if let Some(last) = items.last().cloned().filter(|last| times * count(last) < LARGE) {
                    items.extend(std::iter::repeat_n(last, times));
                }
            }
        }
        4 => match place {
            Value::Object(fields) => {
                let key = fields.keys().nth(script.next() % fields.len().max(1)).cloned();
                fields.retain(|name, _| Some(name) != key.as_ref());
            }
            Value::Array(items) => drop(items.pop()),
            Value::Number(number) => {
                *place = json!(number.as_f64().unwrap_or_default() * script.next() as f64 - 1.0)
            }
            Value::String(text) => {
                let times = script.next();
                *text = text.repeat(times.min(LARGE / text.len().max(1)));
            }
            Value::Bool(_) | Value::Null => *place = Value::Null,
        },
        _ => {
            if let Value::String(text) = place {
                let letter = char::from_u32(script.place() as u32).unwrap_or('\u{fffd}');
                let at = script.next() % (text.chars().count() + 1);
                let mut letters: Vec<char> = text.chars().collect();
                letters.insert(at, letter);
                *text = letters.into_iter().collect();
            }
        }
    }
}

/// How many places a value has, its own among them.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Object(fields) => fields.values().map(count).sum(),
        Value::Array(items) => items.iter().map(count).sum(),
        _ => 0,
    }
}

/// The place of this number, outside in.
fn at(value: &mut Value, place: usize) -> &mut Value {
    if place == 0 {
        return value;
    }
    let mut left = place - 1;
    let inner: Box<dyn Iterator<Item = &mut Value>> = match value {
        Value::Object(fields) => Box::new(fields.values_mut()),
        Value::Array(items) => Box::new(items.iter_mut()),
        _ => unreachable!("a leaf has one place"),
    };
    for value in inner {
        let size = count(value);
        if left < size {
            return at(value, left);
        }
        left -= size;
    }
    unreachable!("the place is within the value")
}
