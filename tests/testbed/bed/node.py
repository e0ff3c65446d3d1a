"""The parts of the node: their configuration files and command lines."""
import json

from . import machine
from .certificates import kubeconfig

ETCD = "http://127.0.0.1:2379"  # the bed's own loopback, so beds do not meet
API_PORT, SECOND_API_PORT = "6443", "6444"
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1", "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],  # who, verb and object of every call; tests count them
}


def configure(bed, addresses, snapshotter):
    """Writes the configuration of every part into the bed's state."""
    folder = bed.state / "config"
    (folder / "cni").mkdir(parents=True)
    _write(folder / "audit.yaml", AUDIT_POLICY)
    _write(folder / "cni" / "10-bridge.conflist", _cni(bed, addresses))
    _write(folder / "kubelet.yaml", _kubelet(bed, addresses))
    _write(folder / "proxy.yaml", _proxy(bed, addresses))
    # Pods do not ask the machine's name servers: the bed has no way to them.
    (folder / "resolv.conf").write_text(f"nameserver {addresses.dns}\n")
    (folder / "containerd.toml").write_text(_containerd(bed, snapshotter))


def control_plane(bed, addresses, kubernetes):
    """Name and command line of the parts that need no node."""
    return {
        "etcd": [
            kubernetes, "etcd", "--data-dir", bed.state / "etcd", "--listen-client-urls", ETCD, "--advertise-client-urls", ETCD,
            "--listen-peer-urls", "http://127.0.0.1:2380", "--unsafe-no-fsync", "--log-level", "warn"],
        "apiserver": [
            *_apiserver(bed, addresses, kubernetes, API_PORT),
            "--audit-policy-file", bed.state / "config" / "audit.yaml", "--audit-log-path", bed.audit_log, "--audit-log-maxsize", "1000"],
        "controller-manager": [
            kubernetes, "kube-controller-manager", "--kubeconfig", kubeconfig(bed, "controller-manager"), "--leader-elect=false",
            "--service-account-private-key-file", bed.state / "pki" / "service-accounts.key", "--root-ca-file", bed.state / "pki" / "ca.crt",
            "--use-service-account-credentials"],
        "scheduler": [kubernetes, "kube-scheduler", "--kubeconfig", kubeconfig(bed, "scheduler"), "--leader-elect=false"],
        "containerd": ["containerd", "--config", bed.state / "config" / "containerd.toml"],
    }


def second_apiserver(bed, addresses, kubernetes):
    """Name and command line of an API server beside the first, as a cluster with several has them: only etcd is shared."""
    # The first alone says where the Service `kubernetes` leads: two at one address would take turns.
    return {"apiserver-second": [*_apiserver(bed, addresses, kubernetes, SECOND_API_PORT), "--endpoint-reconciler-type", "none"]}


def _apiserver(bed, addresses, kubernetes, port):
    pki = bed.state / "pki"
    return [
        kubernetes, "kube-apiserver", "--etcd-servers", ETCD, "--advertise-address", addresses.node, "--secure-port", port,
        "--tls-cert-file", pki / "server.crt", "--tls-private-key-file", pki / "server.key", "--client-ca-file", pki / "ca.crt",
        "--service-account-key-file", pki / "service-accounts.pub", "--service-account-signing-key-file", pki / "service-accounts.key",
        "--service-account-issuer", "https://kubernetes.default.svc", "--service-cluster-ip-range", addresses.services,
        "--kubelet-client-certificate", pki / "admin.crt", "--kubelet-client-key", pki / "admin.key",
        # `logs` and `exec` would ask for the node by name, which no server knows
        "--kubelet-preferred-address-types", "InternalIP",
        "--authorization-mode", "Node,RBAC", "--allow-privileged"]


def agents(bed, addresses, kubernetes):
    """Name and command line of the parts that wait for the API server and the images."""
    config = bed.state / "config"
    return {
        "kubelet": [
            kubernetes, "kubelet", "--config", config / "kubelet.yaml", "--kubeconfig", kubeconfig(bed, "node"),
            "--hostname-override", "node1", "--node-ip", addresses.node],
        "proxy": [kubernetes, "kube-proxy", "--config", config / "proxy.yaml"],
    }


def _kubelet(bed, addresses):
    pki = bed.state / "pki"
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": False}, "x509": {"clientCAFile": str(pki / "ca.crt")}},
        "authorization": {"mode": "AlwaysAllow"},
        "tlsCertFile": str(pki / "server.crt"), "tlsPrivateKeyFile": str(pki / "server.key"),
        "containerRuntimeEndpoint": f"unix://{bed.socket}",
        "cgroupDriver": "cgroupfs", "cgroupRoot": f"/{bed.namespace}", "failCgroupV1": False, "enforceNodeAllocatable": [],
        "failSwapOn": False,
        "clusterDNS": [str(addresses.dns)], "clusterDomain": "cluster.local", "resolvConf": str(bed.state / "config" / "resolv.conf"),
        "podCIDR": str(addresses.pods), "maxPods": 200,
        "volumePluginDir": str(bed.state / "private" / "volume-plugins"),
        "serializeImagePulls": False,
        # The disk belongs to the developer: the kubelet neither cleans it nor ends pods because it is rather full.
        "imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99,
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "200Mi", "imagefs.available": "200Mi"},
    }


def _proxy(bed, addresses):
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(kubeconfig(bed, "proxy"))},
        "mode": "iptables", "clusterCIDR": str(addresses.pods), "hostnameOverride": "node1",
        "conntrack": {"maxPerCore": 0, "min": 0},  # the machine's table keeps its size
    }


def _cni(bed, addresses):
    return {
        "cniVersion": "0.4.0", "name": bed.namespace,
        "plugins": [
            {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": True, "hairpinMode": True,
             "ipam": {"type": "host-local", "ranges": [[{"subnet": str(addresses.pods)}]], "routes": [{"dst": "0.0.0.0/0"}]}},
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def _containerd(bed, snapshotter):
    return f"""version = 2
root = "{bed.state}/containerd"
state = "{bed.run}/containerd"
[grpc]
  address = "{bed.socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{bed.state}/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "sluice.dev/pause:1"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{machine.cni_plugins()}"
    conf_dir = "{bed.state}/config/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{snapshotter}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"""


def _write(path, content):
    path.write_text(json.dumps(content, indent=1))  # JSON is YAML
