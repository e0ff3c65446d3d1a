//! What is told, over real sockets.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

use super::*;
use crate::{
    api::{AlertProviderType, CanaryStatus},
    cluster::ClusterWorld,
    controller::{alerts::Alerting, testing::Stage},
    execute::{Outcome, execute},
    notify::Room,
    providers::{Limits, Providers},
    rollout::{Answer, Decision, Event, Reason, Settings},
};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A Canary whose event hooks have these names as paths.
fn canary(name: &str, hooks: &[&str], server: &MockServer) -> Canary {
    let hook = |name: &&str| json!({"name": name, "type": "event", "url": format!("{}/{name}", server.uri()), "timeout": "1h"});
    serde_json::from_value(json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": name, "namespace": "store"},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "analysis": {"webhooks": hooks.iter().map(hook).collect::<Vec<Value>>()},
        },
    }))
    .unwrap()
}

/// Two things of which people are told, the second one with an alert, and nothing else.
fn decision() -> Decision {
    Decision {
        status: CanaryStatus::default(),
        effects: Vec::new(),
        lowering: 0,
        asks: Vec::new(),
        known: BTreeSet::new(),
        lacks: Vec::new(),
        wake: None,
        events: vec![
            Event::new(Reason::WeightRaised, "20 %."),
            Event::new(Reason::Promoted, "It is promoted."),
        ],
    }
}

/// Everybody who listens: what is under `slow` hangs for an hour, `late` takes half a second.
struct Audience {
    server: MockServer,
    world: ClusterWorld,
    asks: Arc<Asks>,
}

impl Audience {
    /// With the teller that tells them, or its end.
    async fn gather(webhook: Option<&str>) -> (Audience, impl Future<Output = ()> + Send + use<>) {
        let server = MockServer::start().await;
        let answers = [("/slow", 3_600_000), ("/late", 500), ("/quick", 0), ("/room", 0)];
        for (at, millis) in answers {
            let answer = ResponseTemplate::new(200).set_delay(Duration::from_millis(millis));
            Mock::given(path(at)).respond_with(answer).mount(&server).await;
        }
        let service = tower::service_fn(|_| async {
            http::Response::builder().status(500).body(kube::client::Body::empty())
        });
        let Stage { cluster, announcer, metrics, world, told } =
            Stage::on(kube::Client::new(service, "default"));
        let room = Room {
            kind: AlertProviderType::Slack,
            address: format!("{}/room", server.uri()),
            token: None,
            channel: "releases".to_owned(),
            username: String::new(),
            proxy: None,
        };
        let alerting = Alerting { room: Some(room), cluster: None };
        let providers = Providers::new(Limits::default(), |_| false).unwrap();
        let hooks = Arc::new(Hooks::new("127.0.0.1".parse().unwrap()));
        let asks = Asks::new(cluster.clone(), providers, hooks.clone(), mpsc::unbounded_channel().0);
        let alerts =
            Alerts::new(cluster, announcer, Arc::new(Settings::default()), alerting, metrics.clone());
        let webhook = webhook.map(|path| format!("{}{path}", server.uri()));
        let teller = Teller::new(hooks, webhook, asks.clone(), alerts, metrics);
        (Audience { server, world, asks }, teller.run(told))
    }

    /// Decides for a Canary with these event hooks.
    async fn decide(&self, name: &str, hooks: &[&str]) {
        let canary = canary(name, hooks, &self.server);
        assert_eq!(execute(&self.world, &canary, &decision()).await.unwrap(), Outcome::Done);
    }

    async fn heard(&self, path: &str) -> usize {
        let requests = self.server.received_requests().await.unwrap();
        requests.iter().filter(|request| request.url.path() == path).count()
    }

    /// Waits until so many calls have come.
    async fn hears(&self, path: &str, calls: usize) {
        let waiting = async {
            while self.heard(path).await < calls {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect(path);
    }
}

#[tokio::test]
async fn w_ctl_20_a_slow_event_webhook_delays_neither_a_step_nor_what_others_are_told() {
    let (audience, telling) = Audience::gather(None).await;
    tokio::spawn(telling);
    audience.decide("shop", &["slow", "quick"]).await;
    audience.decide("bakery", &["quick"]).await;
    audience.hears("/slow", 1).await;
    audience.hears("/quick", 4).await;
    assert_eq!(audience.heard("/slow").await, 1, "each hook hears in order");
}

#[tokio::test]
async fn w_ctl_20_an_event_hook_that_hangs_delays_no_alert_of_later_events() {
    let (audience, telling) = Audience::gather(None).await;
    tokio::spawn(telling);
    audience.decide("shop", &["slow"]).await;
    audience.hears("/slow", 1).await;
    audience.decide("shop", &["slow"]).await;
    audience.hears("/room", 2).await;
    assert_eq!(audience.heard("/slow").await, 1);
}

#[tokio::test]
async fn what_an_event_hook_answers_is_kept_for_the_status_and_not_what_the_operators_does() {
    let (audience, telling) = Audience::gather(Some("/late")).await;
    audience.decide("shop", &["quick", "missing"]).await;
    audience.decide("bakery", &[]).await;
    let Audience { server: _server, world, asks } = audience;
    drop(world);
    tokio::time::timeout(PATIENCE, telling).await.expect("all is told");
    let answers = asks.answers(&CanaryKey::new("store", "shop")).into_values().map(|answer| match answer {
        Answer::Heard(entry) => format!("{}: {}", entry.name, entry.message.unwrap()),
        other => panic!("{other:?}"),
    });
    assert_eq!(
        answers.collect::<BTreeSet<_>>(),
        BTreeSet::from(["missing: it answered 404", "quick: it answered 200"].map(str::to_owned))
    );
    assert!(asks.answers(&CanaryKey::new("store", "bakery")).is_empty());
}

#[tokio::test]
async fn what_is_under_way_at_the_end_is_told() {
    let (audience, telling) = Audience::gather(None).await;
    let telling = tokio::spawn(telling);
    audience.decide("shop", &["late"]).await;
    let Audience { server, world, .. } = audience;
    drop(world);
    last_words(telling).await;
    let requests = server.received_requests().await.unwrap();
    let heard = |at: &str| requests.iter().filter(|request| request.url.path() == at).count();
    assert_eq!((heard("/late"), heard("/room")), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn who_never_hears_does_not_hold_the_end_up() {
    let began = tokio::time::Instant::now();
    last_words(tokio::spawn(std::future::pending())).await;
    assert_eq!(began.elapsed(), LAST_WORDS);
}

#[tokio::test]
async fn the_operators_event_webhook_hears_of_canaries_without_an_event_hook_of_their_own() {
    let (audience, telling) = Audience::gather(Some("/late")).await;
    audience.decide("shop", &["quick"]).await;
    audience.decide("bakery", &[]).await;
    let Audience { server, world, .. } = audience;
    drop(world);
    tokio::time::timeout(PATIENCE, telling).await.expect("all is told");
    let requests = server.received_requests().await.unwrap();
    let told = requests.iter().filter(|request| request.url.path() == "/late");
    let names: Vec<Value> =
        told.map(|request| request.body_json::<Value>().unwrap()["name"].clone()).collect();
    assert_eq!(names, ["bakery", "bakery"]);
}
