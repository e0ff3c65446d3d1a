"""The identities of one bed: a certificate authority, a certificate and a kubeconfig for each part."""
import json

from .shell import run

# part -> (subject, who it is to the API server)
CLIENTS = {
    "admin": "/O=system:masters/CN=admin",
    "controller-manager": "/CN=system:kube-controller-manager",
    "scheduler": "/CN=system:kube-scheduler",
    "node": "/O=system:nodes/CN=system:node:node1",
    "proxy": "/CN=system:kube-proxy",
}
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
DAYS = "3650"


def create(bed, addresses):
    folder = bed.state / "pki"
    folder.mkdir()
    run("openssl", "req", "-x509", *CURVE, "-keyout", folder / "ca.key", "-out", folder / "ca.crt", "-days", DAYS, "-subj", "/CN=testbed")
    run("openssl", "genrsa", "-out", folder / "service-accounts.key", "2048")
    run("openssl", "rsa", "-in", folder / "service-accounts.key", "-pubout", "-out", folder / "service-accounts.pub")
    names = "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:node1"
    _sign(folder, "server", "/CN=server", f"subjectAltName=IP:127.0.0.1,IP:{addresses.api},IP:{addresses.node},{names}")
    for name, subject in CLIENTS.items():
        _sign(folder, name, subject, "extendedKeyUsage=clientAuth")
        _kubeconfig(bed, addresses, name)


def kubeconfig(bed, name):
    """Where the kubeconfig of a part lies; the administrator's is the bed's."""
    return bed.kubeconfig if name == "admin" else bed.state / "pki" / f"{name}.kubeconfig"


def _sign(folder, name, subject, extension):
    key, request, extensions = (folder / f"{name}.{end}" for end in ("key", "csr", "ext"))
    extensions.write_text(extension)
    run("openssl", "req", *CURVE, "-keyout", key, "-out", request, "-subj", subject)
    run("openssl", "x509", "-req", "-in", request, "-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-CAcreateserial",
        "-days", DAYS, "-extfile", extensions, "-out", folder / f"{name}.crt")


def _kubeconfig(bed, addresses, name):
    pki = bed.state / "pki"
    cluster = {"server": f"https://{addresses.node}:6443", "certificate-authority": str(pki / "ca.crt")}
    user = {"client-certificate": str(pki / f"{name}.crt"), "client-key": str(pki / f"{name}.key")}
    content = {  # JSON is YAML
        "apiVersion": "v1", "kind": "Config", "current-context": bed.namespace,
        "clusters": [{"name": bed.namespace, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": bed.namespace, "context": {"cluster": bed.namespace, "user": name}}],
    }
    kubeconfig(bed, name).write_text(json.dumps(content, indent=1))
