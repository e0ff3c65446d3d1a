//! The servers as processes.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::shared::{Process, free_address, until_ready};

/// Longest time until a server is ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// This program in its other role.
pub(crate) fn bare(address: SocketAddr, directory: &Path) -> Process {
    let program = std::env::current_exe().unwrap();
    Process::start(Command::new(program).arg("bare").arg(address.to_string()).arg(directory))
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
    let process = Process::start(
        Command::new(env!("CARGO_BIN_EXE_sluice"))
            .args(["run", "--log-level=warn", "--log-format=text", "--pod-name=bench"])
            .arg(format!("--https-address={address}"))
            .arg(format!("--http-address={probes}"))
            .arg("--cert-dir")
            .arg(directory)
            .env("KUBECONFIG", kubeconfig)
            .stdout(Stdio::null()),
    );
    until_ready(&format!("http://{probes}/readyz"), PATIENCE).await;
    process
}
