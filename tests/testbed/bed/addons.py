"""What tests want beside the bare cluster: DNS, Contour and Istio with their proxies, Gateway API, Prometheus."""
import concurrent.futures
import json
import urllib.request

from . import images, programs, settings
from .kubectl import get, kubectl
from .shell import Failure, step, wait_until

MANIFESTS = settings.SOURCES / "addons"

# Manifests of the releases that are applied as they are; the files of `addons/` take the place of the others.
DEFINITIONS = (("contour", "gateway/00-crds.yaml"), ("contour", "contour/01-crds.yaml"), ("pilot-discovery", "files/crd-all.gen.yaml"))
CONTOUR = ("contour/00-common.yaml", "contour/02-job-certgen.yaml", "contour/02-rbac.yaml", "contour/02-role-contour.yaml",
           "contour/02-service-contour.yaml")
OURS = ("contour.yaml", "istio.yaml", "prometheus.yaml")
DEPLOYMENTS = (("projectcontour", "contour"), ("projectcontour", "envoy"), ("istio-system", "istiod"), ("monitoring", "prometheus"))
PROXIES = (("istio-proxies", "ingress"), ("istio-proxies", "client"))
GATEWAYS = ("projectcontour", "istio-proxies")
WEBHOOK = "validatingwebhookconfiguration/istio-validator-istio-system"


def apply_dns(bed):
    manifest = (MANIFESTS / "dns.yaml").read_text().replace("CLUSTER_DNS", str(bed.addresses.dns))
    _apply(bed, "-", text=manifest)
    _wait_for_deployment(bed, "kube-system", "coredns")


def apply(bed):
    """Applies all addons and waits until they serve; doing so again changes nothing."""
    with step("images of the addons"):
        images.load(bed, images.ADDONS)
    with step("Contour, Istio, Gateway API and Prometheus"):
        _apply(bed, *(_manifest(*named) for named in DEFINITIONS))
        kubectl(bed, "wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
        _apply(bed, *(_manifest("contour", name) for name in CONTOUR), *(MANIFESTS / name for name in OURS))
        _wait_for_deployments(bed, DEPLOYMENTS)
        # Istio's webhook refuses everything until Istio has put its CA there.
        kubectl(bed, "wait", "--for=jsonpath={.webhooks[0].clientConfig.caBundle}", "--timeout=60s", WEBHOOK)
        _apply(bed, MANIFESTS / "istio-proxies.yaml")
        _wait_for_deployments(bed, PROXIES)
        for namespace in GATEWAYS:
            kubectl(bed, "wait", "--for=condition=Programmed", "--timeout=60s", "-n", namespace, "gateway.gateway.networking.k8s.io/public")
        wait_until(lambda: _answers(f"http://{prometheus(bed)}/-/ready"), 60,
                   "Prometheus does not answer from the host: is another route to the bed's services in the way?")


def envoy(bed):
    """Where Envoy takes requests, as host:port; None without addons."""
    return _service(bed, "projectcontour", "envoy", 80)


def istio_ingress(bed):
    """Where Istio's ingress gateway takes requests for its own Gateway, as host:port; None without addons."""
    return _service(bed, "istio-proxies", "ingress", 80)


def istio_gateway_api(bed):
    """Where Istio's ingress gateway takes requests for the Gateway of the Gateway API, as host:port; None without addons."""
    return _service(bed, "istio-proxies", "ingress", 8080)


def istio_sidecar(bed):
    """Where the sidecar of a client takes what the client asks, as host:port; None without addons."""
    try:
        pods = get(bed, "-n", "istio-proxies", "pods", "-l", "app=client")["items"]
    except Failure:
        return None
    # A Service would make the port the sidecar's own, for requests from others.
    return next((f"{pod['status']['podIP']}:9898" for pod in pods if pod["status"].get("podIP") and "deletionTimestamp" not in pod["metadata"]), None)


def prometheus(bed):
    """Where Prometheus answers, as host:port; None without addons."""
    return _service(bed, "monitoring", "prometheus", 9090)


def _service(bed, namespace, name, port):
    try:
        return f"{get(bed, '-n', namespace, 'service', name)['spec']['clusterIP']}:{port}"
    except Failure:
        return None


def _manifest(program, name):
    return programs.folder(program) / "manifests" / name


def _apply(bed, *manifests, text=None):
    # Server-side, because some CRDs are larger than the annotation of a client-side apply may be.
    kubectl(bed, "apply", "--server-side", "--force-conflicts", *(word for manifest in manifests for word in ("-f", manifest)), text=text)


def _wait_for_deployments(bed, deployments):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(lambda named: _wait_for_deployment(bed, *named), deployments))


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
