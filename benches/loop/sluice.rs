//! Sluice as it runs in a cluster, but for its pod: the release binary, leading, with the gate served.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::control::Control;
use super::shared::{Process, free_address, until_ready};

/// Longest time until it has looked at every Canary.
const PATIENCE: Duration = Duration::from_secs(600);

/// A running Sluice.
pub(crate) struct Sluice {
    pub(crate) process: Process,
    probes: SocketAddr,
}

impl Sluice {
    /// Starts one; it is ready, and may not lead yet.
    pub(crate) async fn start(control: &Control, metric_server: SocketAddr) -> Sluice {
        let probes = free_address();
        let log = control.folder().join("sluice.log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
        command.args([
            "run",
            "--log-level=warn",
            "--log-format=text",
            "--pod-name=bench",
            "--shutdown-delay=0s",
            // What is measured is the loop and not its bound.
            "--max-rollouts=0",
            "--max-rollouts-per-namespace=0",
        ]);
        command.arg(format!("--metrics-server=http://{metric_server}"));
        command.arg(format!("--https-address={}", free_address())).arg(format!("--http-address={probes}"));
        command.arg("--cert-dir").arg(control.folder()).env("KUBECONFIG", control.kubeconfig_of_sluice());
        let process = Process::start(command.stdout(log.try_clone().unwrap()).stderr(Stdio::from(log)));
        until_ready(&format!("http://{probes}/readyz"), PATIENCE).await;
        Sluice { process, probes }
    }

    /// How often it has looked at a Canary.
    pub(crate) async fn looks(&self) -> usize {
        let text =
            reqwest::get(format!("http://{}/metrics", self.probes)).await.unwrap().text().await.unwrap();
        let counts = text.lines().filter(|line| line.starts_with("sluice_reconciles_total{"));
        counts.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum()
    }

    /// Waits until it has looked so often.
    pub(crate) async fn until_looked(&self, count: usize) {
        let begun = Instant::now();
        loop {
            let looks = self.looks().await;
            if looks >= count {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{looks} looks of {count}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
