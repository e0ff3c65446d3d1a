"""What a machine must have for a bed: Debian packages that can be installed, and abilities that cannot."""
import os
import shutil
import tempfile
from pathlib import Path

from . import cgroups
from .shell import Failure, run, step, succeeds

# program (or file) -> the Debian package that brings it
PACKAGES = {
    "containerd": "containerd", "ctr": "containerd", "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "iptables": "iptables", "conntrack": "conntrack", "ip": "iproute2", "sysctl": "procps",
    "nsenter": "util-linux", "unshare": "util-linux", "mount": "mount", "openssl": "openssl", "ldd": "libc-bin",
}
GO = (1, 26)


def install_packages():
    """Installs by name what is missing, and asks the package servers only then."""
    missing = sorted({package for thing, package in PACKAGES.items() if not _present(thing)})
    if not succeeds("python3", "-m", "pip", "--version"):
        missing.append("python3-pip")
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise Failure(f"{', '.join(missing)} are missing and there is no apt-get: install them by the names they have on this system")
    if os.geteuid() != 0:
        raise Failure(f"{', '.join(missing)} are missing: run `apt-get install {' '.join(missing)}` as root")
    with step(f"installing {', '.join(missing)}"):
        run("apt-get", "update", "-qq")
        run("apt-get", "install", "-qq", "--no-install-recommends", *missing, env={"DEBIAN_FRONTEND": "noninteractive"})


def check_go():
    version = run("go", "env", "GOVERSION") if shutil.which("go") else ""
    numbers = tuple(int(part) for part in version.strip().removeprefix("go").split(".")[:2] if part.isdigit())
    if numbers < GO:
        raise Failure(f"Go {GO[0]}.{GO[1]} or newer is needed to build the programs and {version.strip() or 'none'} is here: "
                      "install it from https://go.dev/dl")


def check_root():
    """Raises a Failure unless this is root, and of the whole machine."""
    if os.geteuid() != 0:
        raise Failure("a bed is made of namespaces, mounts and routes: run as root")
    if Path("/proc/self/uid_map").read_text().split()[1:] != ["0", "4294967295"]:
        raise Failure("this root is one of a user namespace only, which may not mount or route: "
                      "run as root of the machine or in a privileged container")


def check():
    """Raises a Failure of one sentence when this machine cannot carry a bed."""
    check_root()
    missing = sorted({package for thing, package in PACKAGES.items() if not _present(thing)})
    if missing:
        raise Failure(f"{', '.join(missing)} are missing: run `testbed build`, which installs them")
    if not succeeds("unshare", "--net", "--mount", "--pid", "--fork", "true"):
        raise Failure("this machine lets nobody make network, mount and process namespaces: "
                      "run on the machine itself or in a privileged container")
    if not succeeds("unshare", "--net", "iptables", "-t", "nat", "-L", "-n"):
        raise Failure("iptables does not work in a network namespace of its own: the kernel needs nf_tables or ip_tables with NAT")
    if not succeeds("unshare", "--net", "ip", "link", "add", "probe0", "type", "veth", "peer", "name", "probe1"):
        raise Failure("the kernel has no veth pairs: load its module `veth`")
    if not succeeds("unshare", "--net", "ip", "link", "add", "probe0", "type", "bridge"):
        raise Failure("the kernel has no network bridges: load its module `bridge`")
    problem = cgroups.problem()
    if problem:
        raise Failure(problem)


def snapshotter(folder):
    """`overlayfs` where the folder's file system can be the upper layer, else `native`, which copies and is slower."""
    with tempfile.TemporaryDirectory(dir=folder) as probe:
        parts = [Path(probe) / name for name in ("lower", "upper", "work", "merged")]
        for part in parts:
            part.mkdir()
        lower, upper, work, merged = parts
        works = succeeds("unshare", "--mount", "mount", "-t", "overlay", "overlay",
                         "-o", f"lowerdir={lower},upperdir={upper},workdir={work}", str(merged))
    return "overlayfs" if works else "native"


def cni_plugins():
    return next((folder for folder in ("/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni") if (Path(folder) / "bridge").exists()), None)


def _present(thing):
    if thing.endswith("/bridge"):
        return cni_plugins() is not None
    return shutil.which(thing) is not None
