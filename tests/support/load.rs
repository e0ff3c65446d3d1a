//! Load on an app at a constant rate, and who answered it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::{bed, command, facts, wait};

/// Answers of one second, or sums of them.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Counts {
    pub(crate) kind: String,
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    pub(crate) statuses: BTreeMap<u16, u64>,
    pub(crate) versions: BTreeMap<String, u64>,
    pub(crate) first_error: Option<String>,
}

impl Counts {
    /// Requests that were not answered with 200, whatever the reason.
    pub(crate) fn lost(&self) -> u64 {
        self.requests - self.statuses.get(&200).copied().unwrap_or_default()
    }

    /// Answers of one version.
    pub(crate) fn of(&self, version: &str) -> u64 {
        self.versions.get(version).copied().unwrap_or_default()
    }

    /// The share of one version in percent of what was answered.
    #[allow(clippy::cast_precision_loss)] // Counts of seconds are far below 2^52.
    pub(crate) fn share(&self, version: &str) -> f64 {
        let all: u64 = self.versions.values().sum();
        if all == 0 { 0.0 } else { 100.0 * self.of(version) as f64 / all as f64 }
    }

    /// Checks that every request of a run was answered, and keeps the numbers.
    #[track_caller]
    pub(crate) fn nothing_lost(&self, what: &str) {
        facts::record(&format!("{what}: requests, lost"), vec![self.requests, self.lost()]);
        assert!(self.requests > 100, "hardly a request was sent: {self:?}");
        assert_eq!(self.lost(), 0, "{what} lost requests: {self:?}");
    }

    fn add(&mut self, other: &Counts) {
        self.requests += other.requests;
        self.failed += other.failed;
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        for (version, count) in &other.versions {
            *self.versions.entry(version.clone()).or_default() += count;
        }
        if self.first_error.is_none() {
            self.first_error.clone_from(&other.first_error);
        }
    }
}

/// How far an observed share in percent may lie from the planned one by chance: four standard deviations of the binomial
/// distribution, which a right share leaves once in 16,000 times.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn tolerance(planned: f64, requests: u64) -> f64 {
    let share = planned / 100.0;
    400.0 * (share * (1.0 - share) / (requests.max(1) as f64)).sqrt()
}

/// Load that goes on until it is stopped.
#[derive(Debug)]
pub(crate) struct Load {
    child: Child,
    seconds: Arc<Mutex<Vec<(Instant, Counts)>>>,
    reader: Option<JoinHandle<()>>,
}

impl Load {
    /// Load through Contour's Envoy on a host.
    pub(crate) fn on_host(host: &str, rate: u32) -> Self {
        Self::through(bed::bed().envoy(), host, rate, &[])
    }

    /// Load through a proxy, given as host and port, on a host, with more options of the load generator.
    pub(crate) fn through(proxy: &str, host: &str, rate: u32, more: &[&str]) -> Self {
        let (url, rate) = (format!("http://{proxy}/"), rate.to_string());
        Self::start(&[&["--url", &url, "--host", host, "--rate", &rate], more].concat())
    }

    /// Load on a URL, past all proxies.
    pub(crate) fn on_url(url: &str, rate: u32) -> Self {
        Self::start(&["--url", url, "--rate", &rate.to_string()])
    }

    fn start(options: &[&str]) -> Self {
        let mut command = bed::bed().command("bash");
        // The test-bed becomes the load generator by exec, so a signal to this child reaches it.
        command.args(["-c", r#"exec "$0" load "$@""#]).arg(bed::root().join("tests/testbed/testbed"));
        command.args(options).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("the load does not start: {error}"));
        let seconds = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let writer = Arc::clone(&seconds);
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let Ok(counts) = serde_json::from_str::<Counts>(&line) else { continue };
                writer.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), counts));
            }
        });
        Load { child, seconds, reader: Some(reader) }
    }

    /// The answers of the whole seconds between two moments.
    pub(crate) fn between(&self, from: Instant, to: Instant) -> Counts {
        let mut sum = Counts::default();
        for (at, counts) in self.seconds.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // A line tells of the second before it.
            if counts.kind == "second" && *at <= to && at.duration_since(from) >= Duration::from_secs(1) {
                sum.add(counts);
            }
        }
        sum
    }

    /// All answers so far.
    pub(crate) fn so_far(&self) -> Counts {
        let mut sum = Counts::default();
        for (_, counts) in self.seconds.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            sum.add(counts);
        }
        sum
    }

    /// Waits until the app answers with 200 and forgets everything up to then: an Envoy that does not know a route yet
    /// answers 404, which is nobody's loss.
    #[track_caller]
    pub(crate) fn answered(&self, version: &str) {
        wait::until(wait::NOTICED, &format!("an answer of version {version}"), || {
            let mut seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
            let last = seconds.last().map(|(_, counts)| counts.clone()).unwrap_or_default();
            if last.of(version) > 0 && last.lost() == 0 {
                seconds.clear();
                Ok(())
            } else {
                Err(format!("{last:?}"))
            }
        });
    }

    /// Waits for an answer of a version: kept connections stay with a pod until they are renewed.
    #[track_caller]
    pub(crate) fn sees(&self, version: &str) {
        wait::until(wait::NOTICED, &format!("an answer of version {version}"), || {
            let counts = self.so_far();
            if counts.of(version) > 0 { Ok(()) } else { Err(format!("{:?}", counts.versions)) }
        });
    }

    /// Ends the load and returns all answers. Requests under way are waited for.
    pub(crate) fn stop(mut self) -> Counts {
        self.end();
        let seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sum = Counts::default();
        let counted = seconds.iter().filter(|(_, counts)| counts.kind == "second");
        for (_, counts) in counted {
            sum.add(counts);
        }
        sum
    }

    fn end(&mut self) {
        let process = self.child.id().to_string();
        command::run(Command::new("kill").args(["-TERM", &process]), None, wait::COMMAND);
        drop(self.child.wait());
        if let Some(reader) = self.reader.take() {
            drop(reader.join());
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        if self.reader.is_some() {
            self.end();
        }
    }
}
