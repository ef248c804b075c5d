"""Which files of the corpus hold documents of which partitions, what has been read in, and what still waits.

A file counts as the version that it was when it was looked at: its size and the time of its last change. Versions that were read are
kept with the partitions that they hold, so that nothing is read in twice, and what came late is found by its own day.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrival_records import Arrival
from pipeline.corpus import Unparted, corpus_files, make_documents, partition_of_file, read_rows
from pipeline.errors import CorpusError
from pipeline.settings import Project
from pipeline.stages.session import Session
from pipeline.store import Store

__all__ = ["Arriving", "FileVersion", "Waiting", "arriving_files", "file_versions", "settled_files", "waiting_partitions"]

NAMED = 3  # files named in a reason
NOTHING = ""  # partition of a file of which no row could be used


@dataclass(frozen=True)
class FileVersion:
    """A file as it was when it was looked at."""

    name: str
    size: int
    modified: int  # nanoseconds since 1970


@dataclass
class Arriving:
    """One read of the corpus: which files it takes up, and what it found in them."""

    files: Sequence[str] | None  # names of the files to read; None where the corpus is read whole
    partitions: Sequence[str] = ()  # wanted; all where empty
    versions: Mapping[str, FileVersion] = field(default_factory=dict)
    known: Mapping[str, Sequence[Arrival]] = field(default_factory=dict)
    found: Counter[tuple[str, str]] = field(default_factory=Counter)
    parted: bool = False

    def wanted(self, documents: pa.Table) -> pa.Table:
        """Keep the documents of the wanted partitions, and count all."""
        if not self.parted:
            return documents
        files = pc.replace_substring_regex(documents["source"], ":[0-9]+$", "")
        counts = pa.table({"file": files, "partition": documents["partition"]}).group_by(["file", "partition"]).aggregate([([], "count_all")])
        self.found.update({(row["file"], row["partition"] or NOTHING): row["count_all"] for row in counts.to_pylist()})
        return documents.filter(pc.is_in(documents["partition"], pa.array(self.partitions, pa.string()))) if self.partitions else documents

    def close(self, store: Store, seen_at: datetime) -> None:
        """Save what the files hold, and retire the documents that they held before and hold no more.

        The documents of a file that is not there any more stay: files are often moved away once they are read.
        """
        if not self.parted:
            store.deactivate_unseen(seen_at)
            return
        store.deactivate_unseen(seen_at, partitions=self.partitions or None, files=self.files)
        store.save_arrivals([one for name in self.files or () for one in self._arrivals(name, seen_at)])

    def _arrivals(self, name: str, seen_at: datetime) -> list[Arrival]:
        version = self.versions[name]
        before = {one.partition: one.read_at for one in self.known.get(name, ()) if _is_version(one, version)}
        counts = {partition: count for (file, partition), count in self.found.items() if file == name} or {NOTHING: 0}
        read_at = seen_at.astimezone(UTC).replace(tzinfo=None)
        return [
            Arrival(
                name, version.size, version.modified, partition, count,
                read_at if not self.partitions or partition in {*self.partitions, NOTHING} else before.get(partition),
            )
            for partition, count in sorted(counts.items())
        ]  # fmt: skip


def arriving_files(session: Session) -> Arriving:
    """Say which files have to be read for the partitions that the run is about.

    :raises CorpusError: where there is no such file or folder.
    """
    project, store = session.project, session.store
    if project.partitions is None:
        return Arriving(None)
    if project.corpus_format == "hub":
        return Arriving(None, session.partitions, parted=True)
    versions = file_versions(project)
    known = _known(store)
    names = [name for name, version in versions.items() if _may_hold(version, session.partitions, known.get(name, ()), project)]
    return Arriving(names, session.partitions, versions, known, parted=True)


def file_versions(project: Project) -> dict[str, FileVersion]:
    """Look at the files of a corpus: each one's size and the time of its last change, by name.

    :raises CorpusError: where there is no such file or folder.
    """
    found = {}
    for name, path in corpus_files(project).items():
        try:
            stat = path.stat()
        except FileNotFoundError:  # it went away since the folder was listed
            continue
        if path.name.startswith("."):  # what is on its way is often called so
            continue
        found[name] = FileVersion(name, stat.st_size, stat.st_mtime_ns)
    return found


def settled_files(project: Project, present: Mapping[str, FileVersion], before: Mapping[str, FileVersion], now: float) -> dict[str, FileVersion]:
    """Give the files that are whole: as they were when they were looked at before, and not changed for `schedule.settle_seconds`.

    :param present: what `file_versions` finds now; `before` what it found at an earlier look.
    :param now: seconds since 1970.
    """
    wait = project.schedule.settle_seconds
    return {
        name: version for name, version in present.items() if version == before.get(name) and now - version.modified / 1e9 >= wait and version.size
    }


@dataclass(frozen=True)
class Waiting:
    """A partition with something to do: why, and the files that hold what was not read in."""

    partition: str
    why: str
    files: tuple[FileVersion, ...] = ()


def waiting_partitions(project: Project, store: Store, *, settled: Sequence[FileVersion] | None = None) -> list[Waiting]:
    """List the partitions with something to do: files that were not read in, documents without a prediction.

    :param settled: files that are whole; all of the folder when absent.
    """
    if project.partitions is None:
        return []
    try:
        versions = list(file_versions(project).values()) if settled is None else list(settled)
    except CorpusError:  # an empty folder waits for its first file
        versions = []
    known, files = _known(store), defaultdict[str, list[FileVersion]](list)
    for version in versions:
        read = [one for one in known.get(version.name, ()) if _is_version(one, version)]
        parts = [one.partition for one in read if one.read_at is None and one.partition] if read else _partitions_in(version.name, project)
        for part in parts:
            files[part].append(version)
    found = [Waiting(part, f"{', '.join(one.name for one in held[:NAMED])} not read in", tuple(held)) for part, held in files.items()]
    student = store.current("classifier_id")
    unlabelled = store.unpredicted_partitions(student) if student is not None else []
    found += [Waiting(part, "documents without a prediction") for part in unlabelled if part not in files]
    return sorted(found, key=lambda one: one.partition)


def _partitions_in(name: str, project: Project) -> list[str]:
    """Say which partitions a file holds documents of; its name says so, or its rows have to be read."""
    wanted = project.partitions
    if wanted is None or wanted.column is None:
        return _by_name(name, project)
    try:
        batches = make_documents(read_rows(project, [name]), project)
        return sorted({document.partition or NOTHING for batch in batches for document in batch.documents})
    except CorpusError:  # nothing in it can be used, which the stage documents tells
        return []


def _by_name(name: str, project: Project) -> list[str]:
    if project.partitions is None:
        return []
    try:
        return [partition_of_file(name, project.partitions, datetime.now(ZoneInfo(project.schedule.timezone)).date())]
    except Unparted:
        return []


def _may_hold(version: FileVersion, partitions: Sequence[str], known: Sequence[Arrival], project: Project) -> bool:
    """Say whether a file may hold documents of some partitions; all do where none is named."""
    if not partitions:
        return True
    if project.partitions is not None and project.partitions.column is None:
        return bool(set(partitions).intersection(_by_name(version.name, project)))
    held = [one.partition for one in known if _is_version(one, version)]
    return not held or bool(set(partitions).intersection(held))


def _known(store: Store) -> dict[str, list[Arrival]]:
    found: dict[str, list[Arrival]] = {}
    for one in store.arrivals():
        found.setdefault(one.file, []).append(one)
    return found


def _is_version(one: Arrival, version: FileVersion) -> bool:
    return (one.size, one.modified) == (version.size, version.modified)
