"""The command line: one function a command."""
import argparse
import os
import shlex
import sys

from . import addons, cluster, images, machine, programs, settings
from .kubectl import kubectl_succeeds
from .settings import Bed
from .shell import Failure, say

EPILOGUE = """
environment:
  CLUSTER=existing     leave clusters alone and use the one of the current kubeconfig
  TESTBED_NAME         the bed's name, instead of --name (default: dev)
  TESTBED_CACHE        where built programs are kept (default: ~/.cache/sluice-testbed)
  TESTBED_STATE        where beds keep their state (default: .testbed in the checkout)
  TESTBED_LINK, TESTBED_PODS, TESTBED_SERVICES
                       address ranges (a /30, a /24, a /16), when the chosen ones do not suit
"""


def build(_):
    """install the Debian packages, build all programs and images into the cache"""
    machine.install_packages()
    programs.build()
    images.build()


def up(options):
    """bring the bed up: one Kubernetes node with cluster DNS"""
    if settings.existing():
        say("CLUSTER=existing: using the cluster of the current kubeconfig, nothing is brought up")
        _reach_existing(options.bed)
        return
    cluster.up(options.bed)


def down(options):
    """take the bed away, and whatever a killed run left of it"""
    if settings.existing():
        say("CLUSTER=existing: the cluster of the current kubeconfig is left alone, nothing is taken away")
        return
    cluster.down(options.bed)


def restart_api(options):
    """kill the API server and start it again"""
    _be_ours(options.bed)
    cluster.restart_api(options.bed)


def reboot(options):
    """cut the node's power and start it again with what is on its disk"""
    _be_ours(options.bed)
    cluster.reboot(options.bed)


def second_api(options):
    """start a second API server on the same etcd, or end it"""
    _be_ours(options.bed)
    if options.end:
        cluster.end_second_api(options.bed)
    else:
        cluster.start_second_api(options.bed)
        print(cluster.second_address(options.bed))


def apply_addons(options):
    """add Contour and Istio with their Envoys, Gateway API and Prometheus"""
    if settings.existing():
        say("CLUSTER=existing: the cluster of the current kubeconfig is left alone, no addons are applied")
        return
    _be_up(options.bed)
    addons.apply(options.bed)


def status(options):
    """tell what of the bed is there; exits with 1 when it is not up"""
    if settings.existing():
        _reach_existing(options.bed)
        say("CLUSTER=existing: the cluster of the current kubeconfig answers")
        return 0
    bed = options.bed
    if cluster.is_up(bed):
        print(f"the bed `{bed.name}` is up: node {bed.addresses.node}, Envoy {addons.envoy(bed) or 'not added'}, "
              f"Prometheus {addons.prometheus(bed) or 'not added'}, audit log {bed.audit_log}")
        return 0
    left = cluster.leftovers(bed)
    print(f"the bed `{bed.name}` is not up" + (f"; there are left: {', '.join(left)}" if left else ""))
    return 1


def env(options):
    """print shell exports: eval "$(tests/testbed/testbed env)\""""
    for name, value in _environment(options.bed).items():
        if value is not None:
            print(f"export {name}={shlex.quote(str(value))}")
    folder = shlex.quote(str(programs.binaries()))
    # Again and again in one shell, the path stays as long as it is.
    print(f'case ":$PATH:" in *:{folder}:*) ;; *) export PATH={folder}:"$PATH" ;; esac')


def _environment(bed):
    # Also when the bed is not up, lest somebody's test writes into the cluster that KUBECONFIG named before.
    values = {} if settings.existing() else {"KUBECONFIG": bed.kubeconfig}
    if not settings.existing():
        if not cluster.is_up(bed):
            say(f"the bed `{bed.name}` is not up: only the programs are of use")
            return values
        values |= {"TESTBED_AUDIT_LOG": bed.audit_log, "TESTBED_NODE": bed.addresses.node, "TESTBED_HOST": bed.addresses.host,
                   "TESTBED_NETWORK": f"/run/netns/{bed.namespace}", "TESTBED_CONTAINERD": bed.socket}
    envoy, prometheus = addons.envoy(bed), addons.prometheus(bed)
    return values | {"TESTBED_ENVOY": envoy, "TESTBED_PROMETHEUS": prometheus and f"http://{prometheus}",
                     "TESTBED_ISTIO_INGRESS": addons.istio_ingress(bed), "TESTBED_ISTIO_GATEWAY_API": addons.istio_gateway_api(bed),
                     "TESTBED_ISTIO_SIDECAR": addons.istio_sidecar(bed)}


def image(options):
    """make the image of Sluice around BINARY, and import it when the bed is up"""
    bed = options.bed
    target = options.output or settings.states() / "images" / f"{options.tag.replace('/', '_').replace(':', '_')}.tar"
    images.sluice(options.binary, options.tag, target)
    print(target)
    if settings.existing():
        say(f"CLUSTER=existing: nothing is imported; load {target} into the cluster's registry or nodes yourself")
    elif cluster.is_up(bed):
        images.import_archive(bed, target)
        say(f"imported {options.tag} into the bed `{bed.name}`")


def load(options):
    """send requests to Envoy at a constant rate and count answers; `testbed load --help` lists the options"""
    program = str(programs.path("load"))
    address = addons.envoy(options.bed)
    defaults = ["--url", f"http://{address}/"] if address else []
    os.execv(program, [program, *defaults, *options.rest])


COMMANDS = {"build": build, "up": up, "down": down, "addons": apply_addons, "status": status, "env": env, "image": image, "load": load,
            "restart-api": restart_api, "reboot": reboot, "second-api": second_api}


def main(arguments):
    try:
        parser = _parser()
        options, options.rest = parser.parse_known_args(arguments)
        if options.rest and options.function is not load:
            parser.error(f"unrecognized arguments: {' '.join(options.rest)}")
        options.bed = Bed(options.name)
        return options.function(options) or 0
    except Failure as failure:
        print(f"testbed: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("testbed: interrupted; `testbed down` clears away what is there", file=sys.stderr)
        return 130


def _parser():
    parser = argparse.ArgumentParser(prog="testbed", description="A throwaway Kubernetes node for Sluice's cluster tests and demo.",
                                     epilog=EPILOGUE, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, function in COMMANDS.items():
        # The load generator knows its options itself.
        command = commands.add_parser(name, help=function.__doc__, description=function.__doc__, add_help=function is not load, allow_abbrev=False)
        command.add_argument("--name", help="the bed's name: up to 11 lower-case letters and digits (default: $TESTBED_NAME or dev)")
        command.set_defaults(function=function)
        if function is second_api:
            command.add_argument("--end", action="store_true", help="end it")
        if function is image:
            command.add_argument("binary", metavar="BINARY", nargs="?", default=settings.CHECKOUT / "target/release/sluice",
                                 help="the release binary of Sluice (default: target/release/sluice)")
            command.add_argument("tag", metavar="TAG", nargs="?", default=images.SLUICE, help=f"the image's name (default: {images.SLUICE})")
            command.add_argument("--output", type=settings.Path, help="where to write the archive (default: .testbed/images/TAG.tar)")
    return parser


def _be_ours(bed):
    if settings.existing():
        raise Failure("CLUSTER=existing: the cluster of the current kubeconfig is left alone")
    _be_up(bed)


def _be_up(bed):
    if not cluster.is_up(bed):
        raise Failure(f"the bed `{bed.name}` is not up: run `testbed up` first")


def _reach_existing(bed):
    if not kubectl_succeeds(bed, "get", "--raw", "/version"):
        raise Failure("CLUSTER=existing, but the current kubeconfig reaches no cluster: set KUBECONFIG or the context")
