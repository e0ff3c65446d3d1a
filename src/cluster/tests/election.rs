use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use http::Method;
use kube::Client;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::{sync::watch, time::Instant};

use crate::{
    cluster::{
        Candidate,
        testing::{Reply, server},
    },
    execute::lease::Leadership,
};

/// A server with one Lease, and for each client the way in which it fails.
#[derive(Clone, Default)]
struct Registry(Arc<Mutex<(Option<Value>, u64)>>);

#[derive(Clone, Copy, Default, PartialEq)]
enum Line {
    #[default]
    Good,
    /// Requests get lost.
    Cut,
    /// Requests arrive, answers get lost.
    Deaf,
}

impl Registry {
    fn client(&self, line: Arc<Mutex<Line>>) -> Client {
        let registry = self.clone();
        let (client, _) = server(move |call| match *line.lock().unwrap() {
            Line::Good => registry.answer(&call.method, &call.body),
            Line::Cut => Reply::Hang,
            Line::Deaf => {
                registry.answer(&call.method, &call.body);
                Reply::Hang
            }
        });
        client
    }

    fn answer(&self, method: &Method, body: &Value) -> Reply {
        let mut state = self.0.lock().unwrap();
        let (lease, version) = &mut *state;
        let present = lease.as_ref().map(|lease| lease["metadata"]["resourceVersion"].clone());
        match (method, present) {
            (&Method::GET, Some(_)) => return Reply::ok(lease.clone().unwrap()),
            (&Method::GET | &Method::PUT, None) => return Reply::refused(404, "NotFound"),
            (&Method::POST, Some(_)) => return Reply::refused(409, "AlreadyExists"),
            (&Method::PUT, Some(present)) if present != body["metadata"]["resourceVersion"] => {
                return Reply::refused(409, "Conflict");
            }
            _ => {}
        }
        *version += 1;
        let mut stored = body.clone();
        stored["metadata"]["resourceVersion"] = json!(version.to_string());
        *lease = Some(stored.clone());
        Reply::ok(stored)
    }

    fn lease(&self) -> Value {
        self.0.lock().unwrap().0.clone().unwrap()
    }
}

struct Replica {
    line: Arc<Mutex<Line>>,
    leadership: watch::Receiver<Leadership>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    task: tokio::task::JoinHandle<()>,
}

impl Replica {
    fn start(registry: &Registry, identity: &str) -> Replica {
        let line = Arc::<Mutex<Line>>::default();
        let client = registry.client(Arc::clone(&line));
        let (mut candidate, leadership) = Candidate::new(client, "n", "sluice-leader", identity);
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move {
            tokio::select! {
                _ = stopped => candidate.release().await,
                () = candidate.run() => {}
            }
        });
        Replica { line, leadership, stop: Some(stop), task }
    }

    fn leads(&self) -> bool {
        self.leadership.borrow().is_leader(Instant::now())
    }
}

/// Waits until exactly this replica leads and returns how long that took; at no time may two lead.
async fn until_leads(replicas: &[Replica], index: usize) -> Duration {
    let start = Instant::now();
    loop {
        let leaders: Vec<_> = (0..replicas.len()).filter(|at| replicas[*at].leads()).collect();
        assert!(leaders.len() <= 1, "two lead: {leaders:?}");
        if leaders == [index] {
            return start.elapsed();
        }
        assert!(start.elapsed() < Duration::from_secs(120), "nobody took over");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_of_two_candidates_leads_and_goes_on_leading() {
    let registry = Registry::default();
    let first = Replica::start(&registry, "a");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let replicas = [first, Replica::start(&registry, "b")];
    for _ in 0..1000 {
        assert!(replicas[0].leads() && !replicas[1].leads());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(replicas[1].leadership.borrow().holder, "a");
    assert_eq!(registry.lease()["spec"]["leaseTransitions"], 0);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_given_back_is_taken_at_the_next_look() {
    let registry = Registry::default();
    let mut replicas = vec![Replica::start(&registry, "a")];
    until_leads(&replicas, 0).await;
    replicas.push(Replica::start(&registry, "b"));
    tokio::time::sleep(Duration::from_secs(7)).await;
    replicas[0].stop.take().unwrap().send(()).unwrap();
    let took = until_leads(&replicas, 1).await;
    assert!(took <= Duration::from_secs(5), "{took:?}");
    assert_eq!(registry.lease()["spec"]["holderIdentity"], "b");
    assert_eq!(registry.lease()["spec"]["leaseTransitions"], 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_another_leads_when_the_lease_has_ended() {
    let registry = Registry::default();
    let mut replicas = vec![Replica::start(&registry, "a")];
    until_leads(&replicas, 0).await;
    replicas.push(Replica::start(&registry, "b"));
    tokio::time::sleep(Duration::from_secs(7)).await;
    replicas[0].task.abort();
    let took = until_leads(&replicas, 1).await;
    assert!(took <= Duration::from_secs(21), "{took:?}");
}

#[rstest]
#[case::cut(Line::Cut)]
#[case::deaf(Line::Deaf)]
#[tokio::test(start_paused = true)]
async fn a_leader_that_is_cut_off_stops_before_another_begins(#[case] line: Line) {
    let registry = Registry::default();
    let mut replicas = vec![Replica::start(&registry, "a")];
    until_leads(&replicas, 0).await;
    replicas.push(Replica::start(&registry, "b"));
    tokio::time::sleep(Duration::from_secs(12)).await;
    *replicas[0].line.lock().unwrap() = line;
    if line == Line::Cut {
        until_leads(&replicas, 1).await;
        *replicas[0].line.lock().unwrap() = Line::Good;
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert!(replicas[1].leads() && !replicas[0].leads());
    } else {
        // Its renewals do arrive, so nobody else may lead; it must not lead either, for it does not know.
        tokio::time::sleep(Duration::from_secs(15)).await;
        for _ in 0..100 {
            assert!(!replicas[0].leads() && !replicas[1].leads() || replicas[1].leads());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        *replicas[0].line.lock().unwrap() = Line::Good;
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert!(replicas[0].leads() != replicas[1].leads());
    }
}

#[tokio::test(start_paused = true)]
async fn at_no_time_do_two_lead_whatever_gets_lost() {
    let registry = Registry::default();
    let replicas: Vec<_> = ["a", "b", "c"].iter().map(|name| Replica::start(&registry, name)).collect();
    let mut seed: u64 = 7;
    let mut led = [0; 3];
    for _ in 0..6_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let dice = seed >> 40;
        if dice.is_multiple_of(50) {
            let at = usize::try_from(dice / 50 % 3).unwrap();
            *replicas[at].line.lock().unwrap() =
                [Line::Good, Line::Good, Line::Cut, Line::Deaf][usize::try_from(dice / 150 % 4).unwrap()];
        }
        // Not even a write that a leader has begun may still be under way when another one leads.
        let (now, mut busy) = (Instant::now(), Vec::new());
        for (at, replica) in replicas.iter().enumerate() {
            led[at] += u32::from(replica.leads());
            if !replica.leadership.borrow().remaining(now).is_zero() {
                busy.push(at);
            }
        }
        assert!(busy.len() <= 1, "two may write: {busy:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(led.iter().all(|count| *count > 100), "each led at some time: {led:?}");
}
