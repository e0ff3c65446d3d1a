"""Where a bed lives and which addresses it uses. Everything can be overridden by an environment variable."""
import ipaddress
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from .shell import Failure

CHECKOUT = Path(__file__).resolve().parents[3]
SOURCES = Path(__file__).resolve().parents[1]

# Unix sockets have room for 107 characters of path, which a deep checkout exceeds: sockets live here.
RUN = Path("/run/sluice-testbed")


def cache():
    """Where built programs and images are kept, shared by all checkouts of a user."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("TESTBED_CACHE") or Path(base) / "sluice-testbed").resolve()


def states():
    """Where the beds of this checkout keep their state, one folder each."""
    return Path(os.environ.get("TESTBED_STATE") or CHECKOUT / ".testbed").resolve()


def existing():
    """Whether the user brings a cluster of their own (`CLUSTER=existing`)."""
    value = os.environ.get("CLUSTER", "")
    if value not in ("", "testbed", "existing"):
        raise Failure(f"CLUSTER={value} is unknown: use `existing` for the current kubeconfig, or leave it empty")
    return value == "existing"


@dataclass(frozen=True)
class Addresses:
    """The address ranges of one bed; no two beds of a machine share any."""
    link: ipaddress.IPv4Network      # /30 between host and node
    pods: ipaddress.IPv4Network
    services: ipaddress.IPv4Network

    @property
    def host(self):
        return self.link[1]

    @property
    def node(self):
        return self.link[2]

    @property
    def api(self):
        return self.services[1]

    @property
    def dns(self):
        return self.services[10]

    def ranges(self):
        return (self.link, self.pods, self.services)

    @staticmethod
    def of_slot(slot):
        """The ranges of the n-th bed of a machine, or those that the environment names."""
        def network(variable, default):
            text = os.environ.get(variable) or default
            try:
                return ipaddress.IPv4Network(text)
            except ValueError as error:
                raise Failure(f"{variable}={text} is no IPv4 range ({error}): write it like {default}") from error
        return Addresses(link=network("TESTBED_LINK", f"172.30.{100 + slot}.0/30"),
                         pods=network("TESTBED_PODS", f"10.{200 + slot}.0.0/24"),
                         services=network("TESTBED_SERVICES", f"10.{220 + slot}.0.0/16"))


SLOTS = 16


class Bed:
    """The names and folders of one bed."""

    def __init__(self, name=None):
        name = name or os.environ.get("TESTBED_NAME") or "dev"
        if not re.fullmatch(r"[a-z][a-z0-9]{0,10}", name):
            # the host's end of the link is called `sl-NAME`, and Linux allows 15 characters
            raise Failure(f"`{name}` cannot name a bed: use up to 11 lower-case letters and digits, beginning with a letter")
        self.name = name
        self.state = states() / name
        self.run = RUN / name
        self.namespace = f"sluice-{name}"   # network namespace, cgroup and CNI network
        self.link = f"sl-{name}"            # the host's end of the veth pair

    def remember(self, addresses, snapshotter):
        """Keeps what was chosen when the bed came up."""
        ranges = {"link": addresses.link, "pods": addresses.pods, "services": addresses.services}
        self._chosen.write_text(json.dumps({"snapshotter": snapshotter, **{name: str(range_) for name, range_ in ranges.items()}}))

    @property
    def addresses(self):
        chosen = json.loads(self._chosen.read_text())
        return Addresses(*(ipaddress.IPv4Network(chosen[name]) for name in ("link", "pods", "services")))

    @property
    def snapshotter(self):
        return json.loads(self._chosen.read_text())["snapshotter"]

    @property
    def _chosen(self):
        return self.state / "chosen.json"

    @property
    def kubeconfig(self):
        return self.state / "kubeconfig"

    @property
    def socket(self):
        """containerd's socket."""
        return self.run / "containerd.sock"

    @property
    def init(self):
        """Names the bed's first process. Outside the checkout, so that removing the state cannot lose it."""
        return self.run / "init"

    @property
    def logs(self):
        return self.state / "logs"

    @property
    def audit_log(self):
        return self.logs / "audit.log"
