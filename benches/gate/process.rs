//! The servers as processes, and what the kernel says that they cost.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest time until a server is ready.
const PATIENCE: Duration = Duration::from_secs(60);
/// The kernel tells CPU time in hundredths of a second, on every architecture that we run on.
const TICK: Duration = Duration::from_millis(10);

/// A server; it ends with this value.
pub(crate) struct Process(Child);

/// Memory in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// Resident now.
    pub(crate) resident: u64,
    /// The most that was ever resident.
    pub(crate) peak: u64,
}

impl Process {
    /// This program in its other role.
    pub(crate) fn bare(address: SocketAddr, directory: &Path) -> Process {
        let program = std::env::current_exe().unwrap();
        Process(Command::new(program).arg("bare").arg(address.to_string()).arg(directory).spawn().unwrap())
    }

    /// `sluice run` in front of the API server at `api`, as soon as it is ready.
    pub(crate) async fn gate(address: SocketAddr, directory: &Path, api: SocketAddr) -> Process {
        let kubeconfig = directory.join(format!("kubeconfig-{}", api.port()));
        let cluster = format!("{{name: bench, cluster: {{server: 'http://{api}'}}}}");
        let text = format!(
            "apiVersion: v1\nkind: Config\nclusters: [{cluster}]\nusers: [{{name: bench, user: {{}}}}]\n\
             contexts: [{{name: bench, context: {{cluster: bench, user: bench}}}}]\ncurrent-context: bench\n"
        );
        std::fs::write(&kubeconfig, text).unwrap();
        let probes = free_address();
        let child = Command::new(env!("CARGO_BIN_EXE_sluice"))
            .args(["run", "--log-level=warn", "--log-format=text", "--pod-name=bench"])
            .arg(format!("--https-address={address}"))
            .arg(format!("--http-address={probes}"))
            .arg("--cert-dir")
            .arg(directory)
            .env("KUBECONFIG", kubeconfig)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let process = Process(child);
        let begun = Instant::now();
        let ready = format!("http://{probes}/readyz");
        while !reqwest::get(&ready).await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(begun.elapsed() < PATIENCE, "the gate did not become ready; its log tells why");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        process
    }

    /// CPU time so far, of all threads, in user and kernel.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        // The name of the program, in brackets, may hold anything.
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: u32 = fields[11..13].iter().map(|field| field.parse::<u32>().unwrap()).sum();
        TICK * ticks
    }

    /// Memory now.
    pub(crate) fn memory(&self) -> Memory {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
        };
        Memory { resident: field("VmRSS:"), peak: field("VmHWM:") }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An address of this machine that nobody listens on.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Writes a certificate for all servers into a directory; returns it as PEM.
pub(crate) fn certificate(directory: &Path) -> String {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = made.cert.pem();
    std::fs::write(directory.join("tls.crt"), &certificate).unwrap();
    std::fs::write(directory.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
    certificate
}
