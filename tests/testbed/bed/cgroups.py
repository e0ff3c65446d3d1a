"""A cgroup of its own for every bed, in version 1, hybrid and version 2 layouts.

A kubelet ends every pod below its cgroup root that it does not know, so two beds must never share a root.
"""
import os
import time
from pathlib import Path

from .shell import Failure

ROOT = Path("/sys/fs/cgroup")
NEEDED = ("cpu", "memory", "pids")


def _unified():
    """Version 2 only: the root is the one hierarchy."""
    return (ROOT / "cgroup.controllers").exists()


def _hierarchies():
    """The hierarchies in which the bed needs a folder. In version 1 and hybrid each mount is one."""
    if _unified():
        return [ROOT]
    return [child for child in ROOT.iterdir() if not child.is_symlink() and (child / "cgroup.procs").exists()]


def problem():
    """What keeps this machine from running pods, as one sentence; None when nothing does."""
    if not ROOT.is_dir():
        return "/sys/fs/cgroup is missing: mount the cgroup file systems"
    if _unified():
        present = (ROOT / "cgroup.controllers").read_text().split()
    else:
        present = [child.name for child in ROOT.iterdir() if (child / "cgroup.procs").exists()]
    missing = [name for name in NEEDED if name not in present and not any(name in other.split(",") for other in present)]
    if missing:
        return f"the cgroup controllers {', '.join(missing)} are missing: enable them in the kernel or in the container's settings"
    if not os.access(ROOT if _unified() else next(iter(_hierarchies())), os.W_OK):
        return "/sys/fs/cgroup is read-only: run on the machine itself or in a privileged container"
    return None


def exists(bed):
    return any((hierarchy / bed.namespace).exists() for hierarchy in _hierarchies())


def create(bed):
    for hierarchy in _hierarchies():
        folder = hierarchy / bed.namespace
        if _unified():
            _enable_controllers(hierarchy)
            folder.mkdir(exist_ok=True)
            _enable_controllers(folder)
            continue
        try:
            folder.mkdir(exist_ok=True)
        except OSError:
            continue  # a hierarchy that takes no groups (a bare `unified` of a hybrid layout, say) is not used either
        # A new cpuset is empty in version 1, and a process cannot join an empty one.
        for file in ("cpuset.cpus", "cpuset.mems"):
            if (hierarchy / file).exists():
                (folder / file).write_text((hierarchy / file).read_text())


def _enable_controllers(folder):
    for name in (folder / "cgroup.controllers").read_text().split():
        try:
            (folder / "cgroup.subtree_control").write_text(f"+{name}")
        except OSError as error:
            if name in NEEDED:
                raise Failure(f"the cgroup {folder} cannot hand the controller {name} to its children ({error.strerror}): "
                              "in a container, move the container's processes to a child group first") from error


def remove(bed):
    """Removes the bed's groups; its processes are dead or dying by now."""
    for hierarchy in _hierarchies():
        top = hierarchy / bed.namespace
        for folder, _, _ in os.walk(top, topdown=False):
            for _ in range(100):
                try:
                    os.rmdir(folder)
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.05)  # a killed process leaves its group a moment later
            else:
                raise Failure(f"the cgroup {folder} still has processes in it: end those listed in {folder}/cgroup.procs")
