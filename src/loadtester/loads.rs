//! The loads that run, and what came of those that have ended: one at a time for a Canary and a command line, whatever is asked
//! meanwhile.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::header;
use reqwest::{Client, Url};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::{
    bounds::{Bounds, Held},
    generate,
    hey::{self, LineError},
    metrics::Metrics,
    report::Report,
    tally::Tally,
    task::{Subject, Task},
};
use crate::{egress, rollout::HookHosts};

/// Loads whose end is remembered before the ended ones are forgotten: names come from whoever asks.
const REMEMBERED: usize = 1024;

/// All loads.
pub(super) struct Loads {
    hosts: HookHosts,
    bounds: Bounds,
    metrics: Metrics,
    stop: CancellationToken,
    slots: Arc<Semaphore>,
    known: Mutex<HashMap<Key, Known>>,
}

/// One load is one Canary and one command line.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    subject: Subject,
    cmd: String,
}

#[derive(Clone)]
struct Known {
    checksum: String,
    tally: Arc<Tally>,
    /// Cancelled when the load has ended.
    ended: CancellationToken,
}

/// What is said to whoever asks for a load.
#[derive(Debug)]
pub(super) enum Answer {
    /// It has begun.
    Begun {
        /// What was asked for and is not done.
        cut: Vec<String>,
        /// What came of the one before, for the same revision.
        before: Option<Report>,
    },
    /// It runs since an earlier call.
    Runs(Report),
    /// It is over; whoever asked has waited.
    Over {
        /// What was asked for and is not done.
        cut: Vec<String>,
        /// What came of it.
        report: Report,
    },
}

/// Why a load is not begun.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// Its command line.
    #[error(transparent)]
    Line(#[from] LineError),
    /// Its address.
    #[error("the load is not sent: {0}")]
    Address(String),
    /// There is no room.
    #[error(
        "{0} loads are running, which is the most; ask again later, or let the operator raise --max-loads"
    )]
    Full(usize),
    /// Its client.
    #[error("no HTTP client could be built")]
    Client(#[source] reqwest::Error),
    /// Its counts.
    #[error("no histogram could be made")]
    Counts(#[from] hdrhistogram::CreationError),
}

/// A load, ready to be sent.
struct Ready {
    held: Held,
    client: Client,
    url: Url,
}

impl Loads {
    /// None runs yet; all end with `stop`.
    pub(super) fn new(hosts: HookHosts, bounds: Bounds, metrics: Metrics, stop: CancellationToken) -> Self {
        let slots = Arc::new(Semaphore::new(bounds.loads));
        Loads { hosts, bounds, metrics, stop, slots, known: Mutex::default() }
    }

    /// Begins the load that a hook asks for, unless it runs.
    pub(super) async fn ask(&self, task: Task) -> Result<Answer, Refusal> {
        let asked = self.begin(&task);
        let (cut, before, known, began) = asked.inspect_err(|_| self.metrics.refused())?;
        if task.wait {
            known.ended.cancelled().await;
            return Ok(Answer::Over { cut, report: known.tally.report() });
        }
        Ok(if began { Answer::Begun { cut, before } } else { Answer::Runs(known.tally.report()) })
    }

    /// The load of this task, what was cut from it, what came of the one before, and whether it begins with this call.
    fn begin(&self, task: &Task) -> Result<(Vec<String>, Option<Report>, Known, bool), Refusal> {
        let mut ready = self.ready(task)?;
        let cut = std::mem::take(&mut ready.held.cut);
        let key = Key { subject: task.subject.clone(), cmd: task.cmd.clone() };
        let mut all = self.known();
        let former = all.get(&key).cloned();
        if let Some(former) = former.as_ref().filter(|former| !former.ended.is_cancelled()) {
            return Ok((cut, None, former.clone(), false));
        }
        let slot = self.slots.clone().try_acquire_owned().map_err(|_| Refusal::Full(self.bounds.loads))?;
        if all.len() >= REMEMBERED {
            all.retain(|_, known| !known.ended.is_cancelled());
        }
        let known = Known {
            checksum: task.checksum.clone(),
            tally: Arc::new(Tally::begin()?),
            ended: CancellationToken::new(),
        };
        all.insert(key, known.clone());
        drop(all);
        self.spawn(task, ready, known.clone(), slot);
        // What came of the load for another revision says nothing of this one.
        let before = former.filter(|former| former.checksum == task.checksum);
        Ok((cut, before.map(|former| former.tally.report()), known, true))
    }

    fn ready(&self, task: &Task) -> Result<Ready, Refusal> {
        let mut load = hey::read(&task.cmd)?;
        let namespace = task.subject.namespace();
        let (url, reach) =
            egress::destination("load", &load.url, &self.hosts, namespace).map_err(Refusal::Address)?;
        // The name is written out for the resolver; the server is asked for what was written.
        let written = Url::parse(&load.url).ok().map(|url| match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        });
        if let Some(host) = written.and_then(|host| host.parse().ok()).filter(|_| !load.http2) {
            load.headers.entry(header::HOST).or_insert(host);
        }
        let client = generate::client(&load, &reach).map_err(Refusal::Client)?;
        Ok(Ready { held: self.bounds.hold(load), client, url })
    }

    fn spawn(&self, task: &Task, ready: Ready, known: Known, slot: OwnedSemaphorePermit) {
        let (metrics, stop) = (self.metrics.clone(), self.stop.clone());
        let (canary, host) = (task.subject.to_string(), egress::authority(&ready.url));
        metrics.begun();
        tracing::info!(canary, host, cut = ?ready.held.cut, "a load begins");
        // Also when it panics: a load that never ends could never be asked for again.
        let ended = known.ended.drop_guard();
        tokio::spawn(async move {
            let _ended = ended;
            generate::run(&ready.held, &ready.client, &ready.url, &known.tally, &metrics, &stop).await;
            drop(slot);
            let report = known.tally.report();
            metrics.ended(report.reached_nobody());
            if report.reached_nobody() {
                tracing::warn!(canary, host, %report, "a load reached nobody");
            } else {
                tracing::info!(canary, host, %report, "a load has ended");
            }
        });
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Key, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answer {
    /// Whether a load for this revision was sent to its end and nobody answered.
    pub(super) fn reached_nobody(&self) -> bool {
        match self {
            Answer::Begun { before, .. } => before.as_ref().is_some_and(Report::reached_nobody),
            Answer::Runs(_) => false,
            Answer::Over { report, .. } => report.reached_nobody(),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut = |f: &mut fmt::Formatter<'_>, cut: &[String]| {
            if cut.is_empty() {
                Ok(())
            } else {
                write!(f, " (cut by the operator's bounds: {})", cut.join(", "))
            }
        };
        match self {
            Answer::Begun { cut: less, before } => {
                f.write_str("the load has begun")?;
                cut(f, less)?;
                before.as_ref().map_or(Ok(()), |before| write!(f, "; the one before: {before}"))
            }
            Answer::Runs(report) => write!(f, "the load runs: {report}"),
            Answer::Over { cut: less, report } => {
                write!(f, "the load has ended: {report}")?;
                cut(f, less)
            }
        }
    }
}
