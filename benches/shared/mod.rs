//! What the benches share: processes that end with their value, and what the kernel says that they cost.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// The kernel tells CPU time in hundredths of a second, on every architecture that we run on.
const TICK: Duration = Duration::from_millis(10);

/// A process; it ends with this value.
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
    pub(crate) fn start(command: &mut Command) -> Process {
        Process(command.spawn().unwrap())
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

    /// Asks it to end by SIGTERM, and waits until it has.
    #[allow(dead_code)] // Not every bench does.
    pub(crate) fn end(mut self) {
        let id = self.0.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until a probe answers with success.
pub(crate) async fn until_ready(probe: &str, patience: Duration) {
    let begun = Instant::now();
    while !reqwest::get(probe).await.is_ok_and(|answer| answer.status().is_success()) {
        assert!(begun.elapsed() < patience, "{probe} did not become ready; the log tells why");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// An address of this machine that nobody listens on.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Writes a certificate for servers of this machine into a directory; returns it as PEM.
pub(crate) fn certificate(directory: &Path) -> String {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = made.cert.pem();
    std::fs::write(directory.join("tls.crt"), &certificate).unwrap();
    std::fs::write(directory.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
    certificate
}
