"""What the beds of a machine share: a lock, the list of beds, and mount points that had to be made."""
import contextlib
import fcntl
import os
import shutil
from pathlib import Path

from .settings import RUN
from .shell import Failure

MADE = RUN / ".made"

@contextlib.contextmanager
def lock():
    """Held while something is changed that two beds could both want."""
    folder = os.open(RUN.parent, os.O_RDONLY)  # a folder can be locked, so no lock file stays behind
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def claim(bed, runs):
    """Takes the bed's name on this machine, unless a bed of another checkout `runs` by that name.

    One whose processes are gone, after a restart of the machine, holds nothing back.
    """
    with lock():
        owner = _owner(bed)
        if runs and owner not in (None, bed.state):
            raise Failure(f"a bed `{bed.name}` belongs to {owner}: choose another name (TESTBED_NAME) or run `testbed down` there")
        bed.run.mkdir(parents=True, exist_ok=True)
        (bed.run / "state").unlink(missing_ok=True)
        (bed.run / "state").symlink_to(bed.state)


def owned_by_another(bed):
    """Whether the bed of that name is another checkout's."""
    return _owner(bed) not in (None, bed.state)


def make_mount_points(folders):
    """Makes folders that are missing, and remembers them so that the last bed can take them away."""
    with lock():
        for folder in folders:
            for missing in reversed([path for path in (Path(folder), *Path(folder).parents) if not path.exists()]):
                missing.mkdir()
                with open(MADE, "a") as made:
                    made.write(f"{missing}\n")


def release(bed):
    """Gives the name back. The last bed also removes the mount points: doing so earlier would unmount them in the others."""
    with lock():
        shutil.rmtree(bed.run, ignore_errors=True)
        if not RUN.exists() or any(entry.is_dir() for entry in RUN.iterdir()):
            return
        if MADE.exists():
            for folder in reversed(MADE.read_text().split()):
                with contextlib.suppress(OSError):  # somebody else uses it by now
                    os.rmdir(folder)
        shutil.rmtree(RUN)


def _owner(bed):
    try:
        return Path(os.readlink(bed.run / "state"))
    except OSError:
        return None
