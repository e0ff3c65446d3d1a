"""The images of a bed: what is in each, and importing them into a bed's containerd."""
import hashlib
from dataclasses import dataclass
from pathlib import Path

from . import archive, namespaces, programs, settings
from .shell import Failure, run, say, step

PODINFO = "sluice.dev/podinfo:1"
SLUICE = "sluice.dev/sluice:dev"


@dataclass(frozen=True)
class Image:
    tag: str
    program: str
    path: str        # where the program lies in the image
    entrypoint: bool = True

    def tar(self):
        return settings.cache() / "images" / f"{self.program}-{self._key()}.tar"

    def _key(self):
        recipe = Path(archive.__file__).read_bytes() + str(self).encode()
        return hashlib.sha256(programs.folder(self.program).name.encode() + recipe).hexdigest()[:16]

    def build(self):
        program = programs.path(self.program)
        files = {self.path: program, **archive.with_libraries(program)}
        archive.write(self.tar(), self.tag, files, [self.path] if self.entrypoint else [])


# What the node itself needs, then what the addons need. Contour's carries the name that its own manifests use.
NODE = (
    Image("sluice.dev/pause:1", "pause", "/pause"),
    Image("sluice.dev/coredns:1", "coredns", "/coredns"),
)
ADDONS = (
    Image(PODINFO, "podinfo", "/podinfo"),
    Image("sluice.dev/series:1", "series", "/series"),
    Image("sluice.dev/envoy:1", "envoy", "/usr/local/bin/envoy"),
    Image("sluice.dev/prometheus:1", "prometheus", "/bin/prometheus"),
    Image("ghcr.io/projectcontour/contour:v1.33.8", "contour", "/bin/contour", entrypoint=False),
    Image("sluice.dev/pilot:1", "pilot-discovery", "/pilot-discovery"),
)


def build():
    for image in (*NODE, *ADDONS):
        if not image.tar().exists():
            with step(f"writing the image {image.tag}"):
                image.build()


def load(bed, images):
    """Imports images into a bed that is up, each once."""
    done = bed.state / "imported"
    done.mkdir(exist_ok=True)
    for image in images:
        if (done / image.tar().name).exists():
            continue
        if not image.tar().exists():
            image.build()
        import_archive(bed, image.tar())
        (done / image.tar().name).touch()


def import_archive(bed, tar):
    run(*namespaces.inside(bed, "ctr", "--address", bed.socket, "--namespace", "k8s.io", "images", "import",
                           "--snapshotter", bed.snapshotter, tar))


def sluice(binary, tag, target):
    """The image of Sluice around a release binary, laid out like the one that the Dockerfile makes."""
    binary = Path(binary).resolve()
    if not binary.is_file():
        raise Failure(f"{binary} is no file: build it with `cargo build --release`")
    with step(f"writing the image {tag}"):
        archive.write(target, tag, {"/sluice": binary, **archive.with_libraries(binary)}, ["/sluice"])
    say(f"{target}: {target.stat().st_size / 1e6:.1f} MB")
