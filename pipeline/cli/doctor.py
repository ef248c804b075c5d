"""Says what this machine has, what a project needs, and how to get what is missing."""

import itertools
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import LinnaeusError
from pipeline.serving import describe_engine
from pipeline.settings import ROLES, EngineSettings
from pipeline.stages import project_state, state_folder
from pipeline.store.health import examine_store
from pipeline.weights import cache_folder, find_weights
from pipeline.workspace import find_project, project_files

__all__ = ["Finding", "examine"]

Finding = tuple[str, bool, str]  # what, whether all is well, detail or remedy
LEAST_MEMORY, LEAST_DISK = 4.0, 3.0  # GB the embedded engine needs


def examine(workspace: Path, name: str | None) -> Iterator[Finding]:
    """Look at Python, cores, memory, disk, weights, the project files, and the engine and the tables of one or every project."""
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield "python", good, platform.python_version() + ("" if good else ": install Python 3.11, 3.12 or 3.13")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield "cores", True, f"{cores}"
    yield _memory()
    yield _disk(state_folder(workspace))
    yield "weights folder", True, str(cache_folder())
    embedder = find_weights("all-minilm-l6-v2")
    yield "embedder", embedder is not None, str(embedder) if embedder else "all-minilm-l6-v2 is not in the cache: the first run fetches 0.08 GB"
    yield from _projects(workspace, name)


def _projects(workspace: Path, name: str | None) -> Iterator[Finding]:
    names = [name] if name else [path.stem for path in project_files(workspace)]
    if not names:
        yield "projects", False, f"none in {workspace / 'projects'}: `linnaeus init NAME --file FILE` writes one; engine checked for the default"
        yield from describe_engine(EngineSettings())
    for each in names:
        try:
            project = find_project(each, workspace)
        except LinnaeusError as error:
            yield f"project {each}", False, str(error)
            continue
        engines = list(dict.fromkeys(project.engine_of(role) for role in ROLES))
        yield f"project {each}", True, f"{project.corpus_path}, engine {', '.join(engine.kind for engine in engines)}"
        for what, good, detail in itertools.chain.from_iterable(map(describe_engine, engines)):
            yield f"  {what}", good, detail
        for finding in examine_store(project_state(project)):
            yield f"  {finding.what}", finding.good, finding.detail.replace("NAME", project.name)


def _memory() -> Finding:
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    except (ValueError, OSError):
        return "memory", True, "not known on this system"
    return (
        "memory",
        free >= LEAST_MEMORY,
        f"{free:.1f} GB free" + ("" if free >= LEAST_MEMORY else f"; the embedded engine needs {LEAST_MEMORY:.0f} GB"),
    )


def _disk(folder: Path) -> Finding:
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(there).free / 1e9
    return (
        "disk",
        free >= LEAST_DISK,
        f"{free:.1f} GB free at {there}" + ("" if free >= LEAST_DISK else f"; free {LEAST_DISK:.0f} GB for weights and tables"),
    )
