"""Bringing a bed up and taking it down again."""
import os
import shutil
import signal
import socket
import subprocess
import time

from . import addons, certificates, cgroups, host, images, machine, namespaces, network, node, programs
from .kubectl import kubectl, kubectl_succeeds
from .shell import Failure, say, step, succeeds, wait_until

PARTS = {  # name of a part and of its log -> the word in its command line
    "etcd": "etcd", "apiserver": "kube-apiserver", "controller-manager": "kube-controller-manager",
    "scheduler": "kube-scheduler", "containerd": "containerd", "kubelet": "kubelet", "proxy": "kube-proxy",
}


def up(bed):
    """Brings the bed up; does nothing when it is up, and clears away what a killed run left."""
    machine.check()
    if is_up(bed):
        say(f"the bed `{bed.name}` is already up")
        return
    host.claim(bed, runs=namespaces.first_process(bed) is not None)
    if leftovers(bed):
        say(f"the bed `{bed.name}` is there in part: clearing it away first")
        _clear(bed)
        host.claim(bed, runs=False)
    began = time.monotonic()
    try:
        with step("network, cgroups and certificates"):
            _prepare(bed)
        with step("control plane"):
            _start_control_plane(bed)
        with step("node"):
            _start_node(bed)
        with step("cluster DNS"):
            addons.apply_dns(bed)
    except BaseException:
        say(f"the bed did not come up; its logs stay in {bed.logs} until the next `up` or `down`")
        raise
    (bed.state / "complete").touch()
    say(f"the bed `{bed.name}` is up after {time.monotonic() - began:.1f} s")


def down(bed):
    """Takes the bed away, in whatever state it is."""
    machine.check_root()
    if host.owned_by_another(bed) and namespaces.first_process(bed) is not None:
        raise Failure(f"a bed `{bed.name}` belongs to another checkout: run `testbed down` there, or choose a name by TESTBED_NAME")
    if not leftovers(bed) and not bed.run.exists():
        say(f"the bed `{bed.name}` is not there")
        return
    with step(f"taking the bed `{bed.name}` away"):
        _clear(bed)


def restart_api(bed):
    """Kills the API server and starts it again as it was."""
    with step("restarting the API server"):
        for pid, command in namespaces.processes(bed).items():
            if "kube-apiserver" in command:
                os.kill(pid, signal.SIGKILL)
        # The first thread of a process ends before the others do, and the port is given back by the last.
        wait_until(lambda: not _listens(str(bed.addresses.node), node.API_PORT), 20, "the API server does not end")
        parts = node.control_plane(bed, bed.addresses, programs.path("kubernetes"))
        _start(bed, {"apiserver": parts["apiserver"]})
        wait_until(lambda: kubectl_succeeds(bed, "get", "--raw", "/readyz"), 120, lambda: _late(bed, "apiserver"), pause=0.3)


def _listens(address, port):
    try:
        socket.create_connection((address, int(port)), timeout=1).close()
        return True
    except OSError:
        return False


def reboot(bed):
    """Cuts the node's power and starts it again: what is on its disk stays, etcd's data and images too."""
    with step("cutting the power"):
        (bed.state / "complete").unlink()
        namespaces.end(bed)
        shutil.rmtree(bed.run / "containerd", ignore_errors=True)
        bed.socket.unlink(missing_ok=True)
        namespaces.forget(bed)
        network.renew(bed)
        cgroups.remove(bed)
        cgroups.create(bed)
        namespaces.create(bed, programs.path("pause"))
    with step("control plane"):
        _start_control_plane(bed)
    with step("node"):
        _start_node(bed)
    (bed.state / "complete").touch()


def second_api(bed):
    """The pid of the second API server; None when there is none."""
    port = node.SECOND_API_PORT
    return next((pid for pid, command in namespaces.processes(bed).items() if "kube-apiserver" in command and port in command), None)


def start_second_api(bed):
    """Starts a second API server on the same etcd; does nothing when it is there."""
    if second_api(bed) is not None:
        return
    with step("a second API server"):
        _start(bed, node.second_apiserver(bed, bed.addresses, programs.path("kubernetes")))
        wait_until(lambda: kubectl_succeeds(bed, "--server", second_address(bed), "get", "--raw", "/readyz"), 120,
                   lambda: _late(bed, "apiserver-second"), pause=0.3)


def end_second_api(bed):
    """Ends it; does nothing when it is not there."""
    pid = second_api(bed)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: second_api(bed) is None, 60, f"the second API server, process {pid}, does not end: look at `ps {pid}`")


def second_address(bed):
    return f"https://{bed.addresses.node}:{node.SECOND_API_PORT}"


def is_up(bed):
    """Whether a bed came up to its end and all of it still runs."""
    machine.check_root()  # others cannot see what runs in it
    return (bed.state / "complete").exists() and not missing_parts(bed) and kubectl_succeeds(bed, "get", "--raw", "/readyz")


def missing_parts(bed):
    """The parts of the node that do not run."""
    running = {word.rpartition("/")[2] for command in namespaces.processes(bed).values() for word in command[:2]}
    return [name for name, word in PARTS.items() if word not in running]


def leftovers(bed):
    """What of the bed is on this machine, in words."""
    signs = {
        "processes": namespaces.first_process(bed) is not None,
        "a network namespace": network.exists(bed),
        "a network link": succeeds("ip", "link", "show", bed.link),
        "cgroups": cgroups.exists(bed),
        "a state folder": bed.state.exists(),
    }
    return [sign for sign, there in signs.items() if there]


def _clear(bed):
    namespaces.end(bed)
    network.remove(bed)
    cgroups.remove(bed)
    host.release(bed)
    if bed.state.exists():
        shutil.rmtree(bed.state)


def _prepare(bed):
    bed.logs.mkdir(parents=True)
    addresses = network.create(bed)
    bed.remember(addresses, machine.snapshotter(bed.state))
    cgroups.create(bed)
    certificates.create(bed, addresses)
    node.configure(bed, addresses, bed.snapshotter)
    namespaces.create(bed, programs.path("pause"))


def _start_control_plane(bed):
    parts = node.control_plane(bed, bed.addresses, programs.path("kubernetes"))
    # These give up for ever when the API server is not ready within a few seconds.
    later = {name: parts.pop(name) for name in ("controller-manager", "scheduler")}
    _start(bed, parts)
    wait_until(lambda: _alive(bed, "etcd", "apiserver") and kubectl_succeeds(bed, "get", "--raw", "/readyz"), 120,
               lambda: _late(bed, "apiserver"), pause=0.3)
    _start(bed, later)
    wait_until(lambda: _alive(bed, "containerd") and succeeds(*namespaces.inside(bed, "ctr", "--address", bed.socket, "version")), 60,
               lambda: _late(bed, "containerd"))
    images.load(bed, images.NODE)


def _start_node(bed):
    _start(bed, node.agents(bed, bed.addresses, programs.path("kubernetes")))
    wait_until(lambda: _alive(bed, "kubelet", "proxy") and kubectl_succeeds(bed, "get", "node", "node1"), 60,
               lambda: _late(bed, "kubelet"), pause=0.3)
    kubectl(bed, "wait", "--for=condition=Ready", "node/node1", "--timeout=120s")


def _start(bed, parts):
    for name, command in parts.items():
        with open(bed.logs / f"{name}.log", "wb") as log:
            # A session of its own: the part outlives the terminal and the test runner that brought the bed up.
            subprocess.Popen(namespaces.inside(bed, *command), start_new_session=True, cwd=bed.state,
                             stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)


def _alive(bed, *parts):
    """True while the parts run; a part that ended raises with the end of its log."""
    for name in set(parts) & set(missing_parts(bed)):
        if (bed.logs / f"{name}.log").stat().st_size:  # it has been started for long enough to say something
            raise Failure(_late(bed, name))
    return True


def _late(bed, name):
    lines = (bed.logs / f"{name}.log").read_text(errors="replace").strip().splitlines()
    return f"{name} does not run or did not get ready; the end of {bed.logs}/{name}.log says: " + "\n".join(lines[-5:])[-2000:]
