"""What tests want beside the bare cluster: DNS, a router (Contour with Envoy, Gateway API), Prometheus."""
import concurrent.futures
import json
import urllib.request

from . import images, programs, settings
from .kubectl import get, kubectl
from .shell import Failure, step, wait_until

MANIFESTS = settings.SOURCES / "addons"

# Contour's own manifests that are applied as they are; `addons/contour.yaml` takes the place of the others.
CONTOUR = ("gateway/00-crds.yaml", "contour/00-common.yaml", "contour/01-crds.yaml", "contour/02-job-certgen.yaml",
           "contour/02-rbac.yaml", "contour/02-role-contour.yaml", "contour/02-service-contour.yaml")


def apply_dns(bed):
    manifest = (MANIFESTS / "dns.yaml").read_text().replace("CLUSTER_DNS", str(bed.addresses.dns))
    _apply(bed, "-", text=manifest)
    _wait_for_deployment(bed, "kube-system", "coredns")


def apply(bed):
    """Applies all addons and waits until they serve; doing so again changes nothing."""
    with step("images of the addons"):
        images.load(bed, images.ADDONS)
    with step("Contour, Envoy, Gateway API and Prometheus"):
        contour = programs.folder("contour") / "manifests"
        for crds in CONTOUR[:1]:
            _apply(bed, contour / crds)
        kubectl(bed, "wait", "--for=condition=Established", "--timeout=60s",
                "crd/gatewayclasses.gateway.networking.k8s.io", "crd/gateways.gateway.networking.k8s.io")
        for manifest in (*(contour / name for name in CONTOUR[1:]), MANIFESTS / "contour.yaml", MANIFESTS / "prometheus.yaml"):
            _apply(bed, manifest)
        deployments = (("projectcontour", "contour"), ("projectcontour", "envoy"), ("monitoring", "prometheus"))
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(lambda named: _wait_for_deployment(bed, *named), deployments))
        kubectl(bed, "wait", "--for=condition=Programmed", "--timeout=60s", "-n", "projectcontour", "gateway/public")
        wait_until(lambda: _answers(f"http://{prometheus(bed)}/-/ready"), 60,
                   "Prometheus does not answer from the host: is another route to the bed's services in the way?")


def envoy(bed):
    """Where Envoy takes requests, as host:port; None without addons."""
    return _service(bed, "projectcontour", "envoy", 80)


def prometheus(bed):
    """Where Prometheus answers, as host:port; None without addons."""
    return _service(bed, "monitoring", "prometheus", 9090)


def _service(bed, namespace, name, port):
    try:
        return f"{get(bed, '-n', namespace, 'service', name)['spec']['clusterIP']}:{port}"
    except Failure:
        return None


def _apply(bed, manifest, text=None):
    # Server-side, because some CRDs are larger than the annotation of a client-side apply may be.
    kubectl(bed, "apply", "--server-side", "--force-conflicts", "-f", manifest, text=text)


def _wait_for_deployment(bed, namespace, name):
    try:
        kubectl(bed, "-n", namespace, "rollout", "status", f"deployment/{name}", "--timeout=180s")
    except Failure as failure:
        told = json.dumps([f"{event['involvedObject']['name']}: {event['message']}" for event in get(bed, "-n", namespace, "events")["items"]
                           if event["type"] == "Warning"][-5:], indent=1)
        raise Failure(f"{failure}; the last warnings of its namespace: {told}") from failure


def _answers(url):
    try:
        # Not through the proxy that the environment may name: the address is on this machine.
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False
