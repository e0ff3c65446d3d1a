//! What was measured, and how it is told.

use std::collections::BTreeMap;
use std::time::Duration;

use super::reviews::Kind;
use super::shared::Memory;

/// What was measured of one server.
pub(crate) struct Figures {
    name: &'static str,
    latencies: BTreeMap<Kind, Vec<Duration>>,
    cpu: Duration,
    paced: usize,
    sprinted: usize,
    sprinting: Duration,
    pub(crate) memory: Memory,
}

impl Figures {
    pub(crate) fn new(name: &'static str) -> Figures {
        Figures {
            name,
            latencies: BTreeMap::new(),
            cpu: Duration::ZERO,
            paced: 0,
            sprinted: 0,
            sprinting: Duration::ZERO,
            memory: Memory::default(),
        }
    }

    /// These reviews were answered.
    pub(crate) fn add(&mut self, answered: Vec<(Kind, Duration)>) {
        for (kind, took) in answered {
            self.latencies.entry(kind).or_default().push(took);
        }
    }

    /// So much CPU time went into so many reviews.
    pub(crate) fn spent(&mut self, cpu: Duration, reviews: usize) {
        self.cpu += cpu;
        self.paced += reviews;
    }

    /// So many reviews were answered at full speed.
    pub(crate) fn ran(&mut self, reviews: usize, time: Duration) {
        self.sprinted += reviews;
        self.sprinting += time;
    }

    /// The latency in milliseconds below which this share of the reviews of these kinds stays.
    fn quantile(&self, kinds: &[Kind], share: f64) -> f64 {
        let mut all: Vec<Duration> =
            kinds.iter().filter_map(|kind| self.latencies.get(kind)).flatten().copied().collect();
        all.sort_unstable();
        let rank = (all.len() as f64 * share).ceil() as usize;
        all[rank.clamp(1, all.len()) - 1].as_secs_f64() * 1e3
    }

    fn throughput(&self) -> f64 {
        self.sprinted as f64 / self.sprinting.as_secs_f64()
    }

    /// CPU time of a review in microseconds.
    fn cost(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.paced as f64
    }
}

/// The kinds of the paced phase.
const MIX: [Kind; 4] = [Kind::Held, Kind::Released, Kind::Created, Kind::Changed];

/// The name of a kind in tables.
fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::Held => "target, replicas held",
        Kind::Released => "target, new image",
        Kind::Created => "Canary, create",
        Kind::Changed => "Canary, update",
        Kind::LargeSame => "1 MB target, replicas held",
        Kind::LargeChanged => "1 MB target, new image",
    }
}

const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// Prints the tables, and in the last line what the targets speak of.
pub(crate) fn tell(all: &[Figures]) {
    let [bare, few, many] = all else { panic!("three servers are compared") };
    println!(
        "| server | reviews a second | p50 ms | p99 ms | p99.9 ms | CPU µs a review | RSS MiB | peak MiB |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    for figures in all {
        let at = |share| figures.quantile(&MIX, share);
        println!(
            "| {} | {:.0} | {:.2} | {:.2} | {:.2} | {:.0} | {:.1} | {:.1} |",
            figures.name,
            figures.throughput(),
            at(0.5),
            at(0.99),
            at(0.999),
            figures.cost(),
            figures.memory.resident as f64 / MEBIBYTE,
            figures.memory.peak as f64 / MEBIBYTE,
        );
    }
    println!();
    println!(
        "| review | reviews | bare p50 / p99 ms | 10 Canaries p50 / p99 ms | 10,000 Canaries p50 / p99 ms |"
    );
    println!("|---|---:|---:|---:|---:|");
    for kind in [MIX.as_slice(), &[Kind::LargeSame, Kind::LargeChanged]].concat() {
        let pair =
            |of: &Figures| format!("{:.2} / {:.2}", of.quantile(&[kind], 0.5), of.quantile(&[kind], 0.99));
        let count = many.latencies[&kind].len();
        println!("| {} | {count} | {} | {} | {} |", title(kind), pair(bare), pair(few), pair(many));
    }
    println!();
    println!(
        "gate: p99 ratio {:.2}, flatness {:.2}, 1 MB {:.1} ms, RSS {:.0} MiB",
        many.quantile(&MIX, 0.99) / bare.quantile(&MIX, 0.99),
        many.quantile(&MIX, 0.5) / few.quantile(&MIX, 0.5),
        many.quantile(&[Kind::LargeSame], 0.5),
        many.memory.resident as f64 / MEBIBYTE,
    );
}
