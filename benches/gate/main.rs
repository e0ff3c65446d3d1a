//! `make bench-gate`: the real gate beside a bare endpoint, on this machine, over loopback only.
//!
//! Three servers run at once, each a process of its own: a bare axum and rustls endpoint that reads the same reviews as JSON
//! and allows them, `sluice run` over a cluster of 10 Canaries, and `sluice run` over one of 10,000. Both gates are followers
//! in front of a small API server that lives here. They are asked in turns, so that whatever else the machine does meets all
//! of them; what counts is their ratio. Every phase ends by itself.
#![allow(clippy::unwrap_used)]

mod api;
mod bare;
mod figures;
mod load;
mod objects;
mod process;
mod reviews;
#[path = "../shared/mod.rs"]
mod shared;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use figures::Figures;
use load::Line;
use reviews::{Kind, Large, Mix};
use shared::Process;

/// Canaries behind the small gate.
const FEW: usize = 10;
/// Canaries behind the large gate.
const MANY: usize = 10_000;
/// Turns of the paced phase, each with every server.
const TURNS: usize = 20;
/// How long a server is asked at a time.
const TURN: Duration = Duration::from_secs(2);
/// Reviews a second in the paced phase.
const RATE: u32 = 200;
/// Connections of the paced phase and of the one at full speed.
const CONNECTIONS: usize = 8;
/// Turns at full speed.
const SPRINTS: usize = 3;
/// Reviews of 1 MB for each server, one at a time.
const LARGE: usize = 100;
/// How long the servers rest before their memory is looked at.
const REST: Duration = Duration::from_secs(10);

/// A server under test.
struct Server {
    line: Line,
    process: Process,
    mix: Mix,
    figures: Figures,
}

fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().position(|argument| argument == "bare") {
        Some(at) => {
            runtime.block_on(bare::serve(arguments[at + 1].parse().unwrap(), Path::new(&arguments[at + 2])))
        }
        None => runtime.block_on(run()),
    }
}

async fn run() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = shared::certificate(directory.path());
    let mut servers = Vec::new();
    for (name, canaries) in
        [("bare", None), ("gate, 10 Canaries", Some(FEW)), ("gate, 10,000 Canaries", Some(MANY))]
    {
        let address = shared::free_address();
        let process = match canaries {
            None => process::bare(address, directory.path()),
            Some(count) => gate(address, directory.path(), count).await,
        };
        let mix = Mix::new(canaries.unwrap_or(MANY));
        let line = Line::new(address, &certificate, CONNECTIONS);
        line.until_answered(&mix).await;
        servers.push(Server { line, process, mix, figures: Figures::new(name) });
    }
    warm_up(&mut servers).await;
    paced(&mut servers).await;
    sprint(&mut servers).await;
    large(&mut servers).await;
    tokio::time::sleep(REST).await;
    for server in &mut servers {
        server.figures.memory = server.process.memory();
    }
    let all: Vec<Figures> = servers.into_iter().map(|server| server.figures).collect();
    figures::tell(&all);
}

/// A follower in front of an API server with so many Canaries.
async fn gate(address: SocketAddr, directory: &Path, canaries: usize) -> Process {
    let api = api::serve(canaries).await;
    process::gate(address, directory, api).await
}

/// Fills caches and connections; nothing of it counts.
async fn warm_up(servers: &mut [Server]) {
    for server in servers {
        server.line.sprint(&server.mix, TURN).await;
    }
}

/// The mix at a constant rate, by turns: latencies, and the CPU that a review costs.
async fn paced(servers: &mut [Server]) {
    for turn in 0..TURNS {
        for step in 0..servers.len() {
            let at = (turn + step) % servers.len();
            let server = &mut servers[at];
            let before = server.process.cpu();
            let answered = server.line.paced(&server.mix, RATE, TURN).await;
            server.figures.spent(server.process.cpu() - before, answered.len());
            server.figures.add(answered);
        }
    }
}

/// The mix as fast as the connections take it, by turns: throughput.
async fn sprint(servers: &mut [Server]) {
    for turn in 0..SPRINTS {
        for step in 0..servers.len() {
            let at = (turn + step) % servers.len();
            let server = &mut servers[at];
            let (answered, took) = server.line.sprint(&server.mix, TURN).await;
            server.figures.ran(answered, took);
        }
    }
}

/// Workloads of 1 MB, one at a time and in turns.
async fn large(servers: &mut [Server]) {
    let large = Large::new();
    for _ in 0..LARGE {
        for server in servers.iter_mut() {
            for (kind, body) in [(Kind::LargeSame, &large.same), (Kind::LargeChanged, &large.changed)] {
                let took = server.line.one(body).await;
                server.figures.add(vec![(kind, took)]);
            }
        }
    }
}
