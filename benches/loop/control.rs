//! A control plane of its own for each measurement: etcd and the API server of the test-bed's programs, on loopback. No
//! scheduler, no nodes, no controllers: the bench plays these.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use super::shared::{Process, certificate, free_address};
use super::store::Store;

/// Who Sluice is to the API server; no administrator, so that the API server's fairness counts for it.
pub(crate) const SLUICE: &str = "system:serviceaccount:sluice-system:sluice";
const SLUICE_TOKEN: &str = "sluice";
const BENCH_TOKEN: &str = "bench";
/// Longest time until the API server answers.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running control plane; it ends with this value.
pub(crate) struct Control {
    _etcd: Process,
    server: Process,
    folder: tempfile::TempDir,
    address: SocketAddr,
}

impl Control {
    /// Starts one with the kinds that Sluice needs.
    pub(crate) async fn start() -> (Control, Store) {
        let folder = tempfile::tempdir().unwrap();
        let (etcd, address) = (free_address(), free_address());
        let kubernetes = programs().join("kubectl").canonicalize().unwrap();
        let _etcd = Process::start(etcd_command(&kubernetes, folder.path(), etcd).stderr(Stdio::null()));
        configure(folder.path());
        let log = std::fs::File::create(folder.path().join("apiserver.log")).unwrap();
        let server = Process::start(
            server_command(&kubernetes, folder.path(), etcd, address).stdout(Stdio::null()).stderr(log),
        );
        let control = Control { _etcd, server, folder, address };
        let store = Store::of(&control.kubeconfig(BENCH_TOKEN)).await;
        store.until_answered(PATIENCE).await;
        store.add_kinds(&gateway_kinds(&kubernetes)).await;
        (control, store)
    }

    /// A kubeconfig for Sluice.
    pub(crate) fn kubeconfig_of_sluice(&self) -> PathBuf {
        self.kubeconfig(SLUICE_TOKEN)
    }

    pub(crate) fn audit_log(&self) -> PathBuf {
        self.folder.path().join("audit.log")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// CPU time of the API server so far.
    pub(crate) fn cpu(&self) -> Duration {
        self.server.cpu()
    }

    fn kubeconfig(&self, token: &str) -> PathBuf {
        let path = self.folder.path().join(format!("{token}.kubeconfig"));
        let cluster =
            json!({"server": format!("https://{}", self.address), "insecure-skip-tls-verify": true});
        let text = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "bench",
            "clusters": [{"name": "bench", "cluster": cluster}],
            "users": [{"name": token, "user": {"token": token}}],
            "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": token}}],
        });
        std::fs::write(&path, text.to_string()).unwrap();
        path
    }
}

/// Where the test-bed links its programs.
fn programs() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".testbed/bin");
    assert!(
        folder.join("kubectl").exists(),
        "run `tests/testbed/testbed build` first, as `make bench-loop` does"
    );
    folder
}

/// The file with the kinds of the Gateway API, which lies beside the test-bed's program of Contour.
fn gateway_kinds(kubernetes: &Path) -> PathBuf {
    let cache = kubernetes.parent().and_then(Path::parent).unwrap();
    let contour = std::fs::read_dir(cache)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.file_name().unwrap().to_string_lossy().starts_with("contour-"));
    contour.unwrap().join("manifests/gateway/00-crds.yaml")
}

fn configure(folder: &Path) {
    let key = rcgen::KeyPair::generate().unwrap();
    std::fs::write(folder.join("accounts.key"), key.serialize_pem()).unwrap();
    std::fs::write(folder.join("accounts.pub"), key.public_key_pem()).unwrap();
    certificate(folder);
    let tokens = format!(
        "{BENCH_TOKEN},bench,bench,\"system:masters\"\n\
         {SLUICE_TOKEN},{SLUICE},sluice,\"system:serviceaccounts,system:authenticated\"\n"
    );
    std::fs::write(folder.join("tokens.csv"), tokens).unwrap();
    let policy = json!({
        "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata", "users": [SLUICE]}, {"level": "None"}],
    });
    std::fs::write(folder.join("audit.yaml"), policy.to_string()).unwrap();
}

fn etcd_command(kubernetes: &Path, folder: &Path, address: SocketAddr) -> Command {
    let (client, peer) = (format!("http://{address}"), format!("http://{}", free_address()));
    let mut command = Command::new(kubernetes);
    command.arg("etcd").args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
    command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
    command.args([
        "--initial-cluster",
        &format!("default={peer}"),
        "--unsafe-no-fsync",
        "--log-level",
        "error",
    ]);
    command.arg("--data-dir").arg(folder.join("etcd"));
    command
}

fn server_command(kubernetes: &Path, folder: &Path, etcd: SocketAddr, address: SocketAddr) -> Command {
    let mut command = Command::new(kubernetes);
    command.args([
        "kube-apiserver",
        "--bind-address",
        "127.0.0.1",
        "--secure-port",
        &address.port().to_string(),
    ]);
    command.args(["--etcd-servers", &format!("http://{etcd}"), "--service-cluster-ip-range", "10.96.0.0/12"]);
    command.args(["--authorization-mode", "RBAC", "--endpoint-reconciler-type", "none"]);
    command.args([
        "--service-account-issuer",
        "https://kubernetes.default.svc",
        "--audit-log-maxsize",
        "10000",
    ]);
    for (flag, file) in [
        ("--tls-cert-file", "tls.crt"),
        ("--tls-private-key-file", "tls.key"),
        ("--service-account-key-file", "accounts.pub"),
        ("--service-account-signing-key-file", "accounts.key"),
        ("--token-auth-file", "tokens.csv"),
        ("--audit-policy-file", "audit.yaml"),
        ("--audit-log-path", "audit.log"),
    ] {
        command.arg(flag).arg(folder.join(file));
    }
    command
}
