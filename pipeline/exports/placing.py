"""Files and folders that appear whole or not at all: written beside their place, and renamed into it."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import ExportError

__all__ = ["MARK", "check_place", "placing"]

MARK = ".linnaeus-export.json"  # in each folder that an export made: nothing else is ever replaced


def check_place(target: Path, *, folder: bool, replacing: bool) -> None:
    """Refuse a place that holds something which is not to be replaced.

    :raises ExportError: where it does.
    """
    if not target.exists():
        return
    what = "folder" if target.is_dir() else "file"
    if target.is_dir() != folder:
        wanted = "folder" if folder else "file"
        raise ExportError(f"{target} is a {what}, and this export is a {wanted}; name another place, or remove it.")
    if folder and any(target.iterdir()) and not (target / MARK).exists():
        raise ExportError(f"{target} is a folder that no export made ({MARK} is not in it), and is left alone; name another one.")
    if not replacing and (not folder or any(target.iterdir())):
        raise ExportError(f"{target} is there already; name another {what}, or replace it with --overwrite.")


@contextlib.contextmanager
def placing(target: Path, *, folder: bool, replacing: bool, mark: Mapping[str, Any]) -> Iterator[Path]:
    """Give a path to write to, which takes its place once the block has ended well; else nothing is left and nothing is changed.

    :param mark: what is kept in a folder to know it by.
    :raises ExportError: where the place holds something that is not to be replaced.
    """
    check_place(target, folder=folder, replacing=replacing)
    target.parent.mkdir(parents=True, exist_ok=True)
    _tidy(target)
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        if folder:
            partial.mkdir()
        yield partial
        if folder:
            (partial / MARK).write_text(json.dumps(mark, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        _sync(partial)
        check_place(target, folder=folder, replacing=replacing)  # it may have come while this was written
        _move(partial, target)
    finally:
        _remove(partial)


def _move(partial: Path, target: Path) -> None:
    """Put what was written in its place; a folder cannot be renamed over one that holds something, so that one steps aside first."""
    if not (target.is_dir() and any(target.iterdir())):
        os.replace(partial, target)
        return
    aside = target.with_name(f".{target.name}.{os.getpid()}.old.part")
    os.replace(target, aside)
    try:
        os.replace(partial, target)
    except OSError:
        os.replace(aside, target)
        raise
    _remove(aside)


def _sync(path: Path) -> None:
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())


def _tidy(target: Path) -> None:
    """Remove what a process left that was killed while it wrote to the same place."""
    for left in target.parent.glob(f".{glob_safe(target.name)}.*.part"):
        process = left.name.removeprefix(f".{target.name}.").partition(".")[0]
        if process.isdigit() and not _lives(int(process)):
            _remove(left)


def glob_safe(name: str) -> str:
    """Write a name so that a pattern means it as it is."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
