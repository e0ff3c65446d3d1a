"""Container images from plain files: no registry, no daemon, the same bytes for the same files.

The format is the `docker save` archive, which containerd, Docker and every copy tool read.
"""
import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
from pathlib import Path, PurePosixPath

from .shell import Failure

NOBODY = 65532  # the user of distroless `nonroot` images
ACCOUNTS = {
    "etc/passwd": f"root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:{NOBODY}:{NOBODY}:nonroot:/:/sbin/nologin\n",
    "etc/group": f"root:x:0:\nnonroot:x:{NOBODY}:\n",
}
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


def with_libraries(program):
    """The program's loader and shared libraries as the loader finds them; nothing for a static program."""
    listed = subprocess.run(["ldd", str(program)], text=True, capture_output=True)
    if "not found" in listed.stdout:
        raise Failure(f"{program} misses shared libraries on this machine: see `ldd {program}`")
    # `name => /path (0x…)` for a library, `/path (0x…)` for the loader
    return {path: Path(path) for path in re.findall(r"(?:=> |^\s+)(/\S+) \(0x", listed.stdout, re.MULTILINE)}


def write(target, tag, files, entrypoint, labels=None):
    """Writes an image of one layer to `target`. `files` maps paths in the image to files or to bytes."""
    contents = {name: text.encode() for name, text in ACCOUNTS.items()}
    if AUTHORITIES.exists():
        contents["etc/ssl/certs/ca-certificates.crt"] = AUTHORITIES
    contents.update({path.lstrip("/"): source for path, source in files.items()})
    layer = _layer(contents)
    config = _json({
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine), "os": "linux",
        "config": {"Entrypoint": entrypoint, "User": f"{NOBODY}:{NOBODY}", "WorkingDir": "/",
                   "Env": ["PATH=/usr/local/bin:/usr/bin:/bin:/"], "Labels": labels or {}},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_digest(layer)}"]},
    })
    manifest = _json([{"Config": f"{_digest(config)}.json", "RepoTags": [tag], "Layers": [f"{_digest(layer)}.tar"]}])
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    with tarfile.open(unfinished, "w") as archive:
        for name, content in ((f"{_digest(config)}.json", config), (f"{_digest(layer)}.tar", layer), ("manifest.json", manifest)):
            _add(archive, name, content, 0o644)
    unfinished.replace(target)


def _layer(contents):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as layer:
        _add(layer, "tmp", None, 0o1777)
        folders = {folder for name in contents for folder in PurePosixPath(name).parents} - {PurePosixPath(".")}
        for folder in sorted(folders):  # a folder sorts before what lies in it
            _add(layer, str(folder), None, 0o755)
        for name, source in sorted(contents.items()):
            if isinstance(source, bytes):
                _add(layer, name, source, 0o644)
            else:
                _add(layer, name, source.read_bytes(), 0o755 if os.access(source, os.X_OK) else 0o644)
    return buffer.getvalue()


def _add(archive, name, content, mode):
    entry = tarfile.TarInfo(name)  # time, user and group stay 0: the bytes depend on the files alone
    entry.mode = mode
    if content is None:
        entry.type = tarfile.DIRTYPE
        archive.addfile(entry)
        return
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def _digest(content):
    return hashlib.sha256(content).hexdigest()


def _json(content):
    return json.dumps(content, sort_keys=True).encode()
