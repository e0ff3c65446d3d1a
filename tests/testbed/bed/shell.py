"""Running commands, telling progress, giving up in one sentence."""
import contextlib
import os
import shutil
import subprocess
import sys
import time


class Failure(Exception):
    """Something the user can act on: the text names what is wrong and the way out."""


def say(text):
    """One progress line. On stderr, because stdout belongs to output that scripts read."""
    print(f"testbed: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(text):
    """Tells what is being done and, when it is done, how long it took."""
    start = time.monotonic()
    say(f"{text} ...")
    yield
    say(f"{text}: {time.monotonic() - start:.1f} s")


def run(*command, text=None, env=None, cwd=None, quiet=False):
    """Runs a command to its end and returns its stdout; a failure carries the end of its stderr."""
    arguments = [str(part) for part in command]
    if shutil.which(arguments[0]) is None:
        raise Failure(f"the program `{arguments[0]}` is missing on this machine: run `testbed build`, which installs what it can")
    environment = {**os.environ, **env} if env else None
    done = subprocess.run(arguments, input=text, env=environment, cwd=cwd, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode and not quiet:
        tail = (done.stderr or done.stdout).strip()[-2000:]
        raise Failure(f"`{' '.join(arguments)[:200]}` failed: {tail}")
    return done.stdout


def succeeds(*command):
    """Whether a command exists and exits with 0; what it prints is dropped."""
    try:
        return subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    except FileNotFoundError:
        return False


def wait_until(condition, seconds, failure, pause=0.1):
    """Polls until the condition holds; raises the failure (a text or a function giving one) when it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(failure() if callable(failure) else failure)
        time.sleep(pause)
