"""The bed's network namespace, and the two routes by which the host reaches pods and cluster IPs.

The only things on the host are one veth end and two routes; its iptables and sysctls stay as they are.
The bed has no default route: nothing in it can reach beyond this machine.
"""
import ipaddress
import json
from pathlib import Path

from . import host
from .settings import SLOTS, Addresses
from .shell import Failure, run, succeeds


def inside(bed, *command):
    """A command line that runs in the bed's network only (`ip netns exec` would remount /sys and hide the cgroups)."""
    return ("nsenter", f"--net=/run/netns/{bed.namespace}", *command)


def exists(bed):
    return Path(f"/run/netns/{bed.namespace}").exists()


def create(bed):
    """Makes the namespace, links it to the host, and returns the addresses it uses."""
    with host.lock():  # two beds that start together must not choose the same ranges
        addresses = _free_addresses()
        _make(bed, addresses)
    return addresses


def renew(bed):
    """Makes all of it anew with the addresses that the bed has, as a machine does that starts again."""
    with host.lock():
        remove(bed)
        _make(bed, bed.addresses)


def _make(bed, addresses):
    run("ip", "netns", "add", bed.namespace)
    run("ip", "link", "add", bed.link, "type", "veth", "peer", "name", "eth0", "netns", bed.namespace)
    run("ip", "addr", "add", f"{addresses.host}/30", "dev", bed.link)
    run("ip", "link", "set", bed.link, "up")
    for command in (
        ("ip", "addr", "add", f"{addresses.node}/30", "dev", "eth0"),
        ("ip", "link", "set", "lo", "up"),
        ("ip", "link", "set", "eth0", "up"),
        ("sysctl", "-qw", "net.ipv4.ip_forward=1"),
        # The kernel wants a route before kube-proxy's rules see the packet. Nobody answers ARP for a cluster IP,
        # so one without a Service fails at once and does not wander between host and bed.
        ("ip", "route", "add", str(addresses.services), "dev", "eth0", "src", str(addresses.node)),
    ):
        run(*inside(bed, *command))
    for range_ in (addresses.pods, addresses.services):
        run("ip", "route", "add", str(range_), "via", str(addresses.node))


def remove(bed):
    """Takes away what `create` made, in whatever state it is. The routes go with the link."""
    if succeeds("ip", "link", "show", bed.link):
        run("ip", "link", "del", bed.link)
    if exists(bed):
        run("ip", "netns", "del", bed.namespace)


def _free_addresses():
    """The first slot whose ranges meet no route of this machine."""
    taken = [ipaddress.ip_network(route["dst"], strict=False)
             for route in json.loads(run("ip", "-4", "-j", "route", "show", "table", "all"))
             if route.get("dst", "default") != "default" and route.get("type", "unicast") in ("unicast", "local")]
    clash = None
    for slot in range(SLOTS):
        addresses = Addresses.of_slot(slot)
        clash = next(((mine, other) for mine in addresses.ranges() for other in taken if mine.overlaps(other)), None)
        if clash is None:
            return addresses
    raise Failure(f"no free address range: {clash[0]} meets this machine's route to {clash[1]}; "
                  "name free ranges by TESTBED_LINK (a /30), TESTBED_PODS (a /24) and TESTBED_SERVICES (a /16)")
