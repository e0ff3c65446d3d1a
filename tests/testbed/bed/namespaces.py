"""The bed's own process and mount namespaces: a container without a container runtime.

All of a bed's processes descend from one `pause`. When that one ends, however it ends, the kernel ends all of them and
takes their mounts away; so a killed run cannot leave processes or mounts behind, and `down` has no list to walk.
"""
import os
import shutil
import signal
import subprocess
from pathlib import Path

from . import host, network
from .shell import Failure, run, wait_until

# Folders that Kubernetes and CNI use whatever they are told; in the bed each is a folder of its state.
PRIVATE = ("/var/lib/kubelet", "/var/lib/cni", "/var/log/pods", "/var/log/containers", "/run/netns", "/run/containerd")

# The kubelet sets these for the whole machine. In the bed it sees them set already, and the machine keeps its own.
TUNABLES = {
    "vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
}


def create(bed, pause):
    """Starts the first process in namespaces of its own and arranges its mounts."""
    holder = subprocess.Popen(
        network.inside(bed, "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child",
                       "--mount-proc", str(pause)),
        start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children")

    def forked():
        if holder.poll() is not None:
            raise Failure("the kernel refused new process and mount namespaces: run as root on the machine itself or in a privileged container")
        return children.read_text().strip() and _command(int(children.read_text().split()[0])) == str(pause)

    wait_until(forked, 5, "the bed's first process did not start within 5 s: try again")
    first = int(children.read_text().split()[0])
    bed.init.write_text(f"{first} {_started(first)}")
    _arrange_mounts(bed)


def first_process(bed):
    """The pid of the bed's first process, or None when it is gone. A reused pid does not deceive: the start time must match."""
    try:
        pid, started = bed.init.read_text().split()
    except (OSError, ValueError):
        return None
    return int(pid) if _started(pid) == started else None


def inside(bed, *command):
    """A command line that runs in all namespaces of the bed."""
    pid = first_process(bed)
    if pid is None:
        raise Failure(f"the bed `{bed.name}` is not up: run `testbed up` first")
    return ("nsenter", f"--target={pid}", "--mount", "--net", "--pid", "--", *(str(part) for part in command))


def processes(bed):
    """The pid and the command line of everything that runs in the bed."""
    pid = first_process(bed)
    if pid is None:
        return {}
    ours = os.readlink(f"/proc/{pid}/ns/pid")
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "ns/pid") == ours:
                found[int(entry.name)] = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # it ended while we looked
    return found


def end(bed):
    """Ends every process of the bed at once."""
    pid = first_process(bed)
    if pid is None:
        return
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: first_process(bed) is None, 20, f"process {pid} does not end: look at `ps {pid}`")


def _arrange_mounts(bed):
    host.make_mount_points(PRIVATE)
    script = ["set -eu"]
    for place in PRIVATE:
        own = _own(bed, place)
        own.mkdir(parents=True, exist_ok=True)
        script.append(f"mount --bind '{own}' {place}")
    tunables = bed.state / "private" / "tunables"
    for name, value in TUNABLES.items():
        file = tunables / name.replace("/", "-")
        file.parent.mkdir(exist_ok=True)
        file.write_text(value)
        script.append(f"[ ! -e /proc/sys/{name} ] || mount --bind '{file}' /proc/sys/{name}")
    run(*inside(bed, "sh", "-c", "\n".join(script)))


def forget(bed):
    """Empties what a machine loses with its power: everything below `/run`."""
    for place in PRIVATE:
        if place.startswith("/run/"):
            shutil.rmtree(_own(bed, place), ignore_errors=True)


def _own(bed, place):
    return bed.state / "private" / place.strip("/").replace("/", "-")


def _started(pid):
    """When a process started, in clock ticks since boot; None when there is none or it is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def _command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()
    except OSError:
        return None
