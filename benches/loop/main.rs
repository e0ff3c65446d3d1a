//! `make bench-loop`: the release binary in front of a real API server, with 100, 500 and 1,000 Canaries.
//!
//! etcd and the API server are those of the test-bed, on loopback. There are no nodes and no pods: `cluster.rs` plays what
//! Sluice sees of them, ready at once, so that times are those of Sluice and the API server alone. Other numbers of Canaries are
//! given as arguments: `cargo bench --bench loop -- 10000`. Every phase ends by itself.
#![allow(clippy::unwrap_used)]

mod audit;
mod cluster;
mod control;
mod figures;
mod history;
mod objects;
#[path = "../shared/mod.rs"]
mod shared;
mod sluice;
mod store;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};

use audit::Window;
use control::Control;
use figures::Figures;
use history::History;
use objects::{INTERVAL, canary, collection, deployment, name, place, release};
use sluice::Sluice;
use store::Store;

/// Numbers of Canaries that are measured one after the other.
const SIZES: [usize; 3] = [100, 500, 1000];
/// Writes of the bench at once.
const HANDS: usize = 16;
/// Rollouts at once, or all where there are fewer Canaries.
const ROLLOUTS: usize = 200;
/// Time between two changes of targets.
const PACE: Duration = Duration::from_millis(50);
/// Nothing of a start, a run or an event is left after this time.
const QUIET: Duration = Duration::from_secs(20);
const IDLE: Duration = Duration::from_secs(60);
/// Longest time of a phase for each Canary of the cluster, and in any case.
const PATIENCE: Duration = Duration::from_secs(300);

fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut sizes: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = SIZES.to_vec();
    }
    let measured: Vec<Figures> = sizes
        .into_iter()
        .map(|size| {
            // Whatever plays the cluster ends with its runtime.
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(measure(size))
        })
        .collect();
    figures::tell(&measured);
}

/// A cluster with so many Canaries, from their creation to a restart.
async fn measure(size: usize) -> Figures {
    let began = Instant::now();
    let say = |what: &str| eprintln!("{size} Canaries: {what} ({} s)", began.elapsed().as_secs());
    let mut figures = Figures { canaries: size, ..Figures::default() };
    let (control, store) = Control::start().await;
    let metric_server = cluster::metric_server().await;
    cluster::play(&store);
    let history = History::of(&store);
    let names: Vec<String> = (0..size).map(name).collect();
    at_once(&names, |name| {
        let store = store.clone();
        async move { store.create(&collection("deployments"), &deployment(&name)).await }
    })
    .await;
    say("targets are there");
    let sluice = Sluice::start(&control, metric_server).await;
    initialise(&mut figures, &store, &history, &names).await;
    say("all are initialised");
    idle(&mut figures, &control, &sluice).await;
    say("an idle minute is over");
    alone(&mut figures, &control, &store, &history, &names[..1]).await;
    say("one rollout is over");
    let rollouts: Vec<String> = names.iter().rev().take(ROLLOUTS).cloned().collect();
    together(&mut figures, &control, &sluice, &store, &history, &rollouts).await;
    say("rollouts at once are over");
    restart(&mut figures, &control, sluice, metric_server).await;
    say("the restart is over");
    figures
}

/// Does something with every name, a few at a time; returns when each of them was done.
async fn at_once<F: Future<Output = ()>>(
    names: &[String],
    act: impl Fn(String) -> F,
) -> HashMap<String, Instant> {
    let acts = names.iter().map(|name| {
        let done = act(name.clone());
        async move {
            done.await;
            (name.clone(), Instant::now())
        }
    });
    stream::iter(acts).buffer_unordered(HANDS).collect().await
}

async fn initialise(figures: &mut Figures, store: &Store, history: &History, names: &[String]) {
    let created = at_once(names, |name| {
        let store = store.clone();
        async move { store.create(&collection("canaries"), &canary(&name)).await }
    })
    .await;
    history
        .until(names.len(), "Initialized", PATIENCE + Duration::from_millis(200) * names.len() as u32)
        .await;
    let took = |name: &String| {
        history.entered(name, "Initialized").unwrap().saturating_duration_since(created[name])
    };
    figures.initialised = names.iter().map(took).collect();
}

async fn idle(figures: &mut Figures, control: &Control, sluice: &Sluice) {
    tokio::time::sleep(QUIET).await;
    let (window, cpu) = (Window::open(control.audit_log()), sluice.process.cpu());
    tokio::time::sleep(IDLE).await;
    figures.idle_cpu = sluice.process.cpu() - cpu;
    let calls = window.calls().await;
    figures.idle_calls = (calls.work() + calls.events()) as f64;
    figures.resident = sluice.process.memory().resident;
    eprintln!("  calls of an idle minute: {:?}", calls.0);
}

/// One rollout while nothing else happens: what it calls, how late its steps are.
async fn alone(figures: &mut Figures, control: &Control, store: &Store, history: &History, names: &[String]) {
    history.forget();
    let window = Window::open(control.audit_log());
    store.merge(&place("deployments", &names[0]), &release(2)).await;
    history.until(1, "Succeeded", PATIENCE).await;
    figures.late_alone = history.lateness(names);
    tokio::time::sleep(QUIET).await;
    let calls = window.calls().await;
    figures.alone = (calls.work(), calls.events());
    eprintln!("  calls of one rollout: {:?}", calls.0);
}

/// Many rollouts that begin one soon after the other: how soon each begins, how late its steps are, what all of them call.
async fn together(
    figures: &mut Figures,
    control: &Control,
    sluice: &Sluice,
    store: &Store,
    history: &History,
    names: &[String],
) {
    history.forget();
    let window = Window::open(control.audit_log());
    let (cpu, server_cpu) = (sluice.process.cpu(), control.cpu());
    let mut changes = Vec::new();
    let mut clock = tokio::time::interval(PACE);
    for name in names {
        clock.tick().await;
        let (store, name) = (store.clone(), name.clone());
        changes.push(tokio::spawn(async move {
            let begun = Instant::now();
            store.merge(&place("deployments", &name), &release(3)).await;
            (name, begun)
        }));
    }
    history.until(names.len(), "Succeeded", PATIENCE + Duration::from_secs(INTERVAL) * 10).await;
    for change in changes {
        let (name, begun) = change.await.unwrap();
        figures.noticed.push(history.entered(&name, "Progressing").unwrap().saturating_duration_since(begun));
    }
    figures.rollouts = names.len();
    figures.late = history.lateness(names);
    tokio::time::sleep(QUIET).await;
    (figures.cpu, figures.server_cpu) = (sluice.process.cpu() - cpu, control.cpu() - server_cpu);
    let calls = window.calls().await;
    let each = |count: usize| count as f64 / names.len() as f64;
    figures.together = (each(calls.work()), each(calls.events()));
    figures.peak = sluice.process.memory().peak;
    eprintln!("  calls of {} rollouts: {:?}", names.len(), calls.0);
}

async fn restart(
    figures: &mut Figures,
    control: &Control,
    sluice: Sluice,
    metric_server: std::net::SocketAddr,
) {
    sluice.process.end();
    let (window, begun) = (Window::open(control.audit_log()), Instant::now());
    let sluice = Sluice::start(control, metric_server).await;
    sluice.until_looked(figures.canaries).await;
    figures.restart = begun.elapsed();
    tokio::time::sleep(QUIET).await;
    let calls = window.calls().await;
    figures.restart_calls = calls.all();
    eprintln!("  calls of a restart: {:?}", calls.0);
}
