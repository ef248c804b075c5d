"""Frozen records of the state of a project: what was forgotten, what a backup holds, what a look at the store found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["Backup", "BackupFile", "Erased", "Finding", "Forgettable", "Leftover", "Taught", "Vacuumed"]

LessonPart = Literal["taught", "cited", "unlabelled", "unknown"]


@dataclass(frozen=True)
class Taught:
    """A student that learnt from a text; `part` is unknown where it was trained before that was kept."""

    classifier_id: str
    part: LessonPart
    in_use: bool


@dataclass(frozen=True)
class Forgettable:
    """What would be forgotten: documents, their texts, and those of them that other documents have as well and that stay."""

    doc_ids: Sequence[str]
    texts: Mapping[str, str]  # by text hash
    shared: frozenset[str] = frozenset()  # text hashes
    versions: Sequence[tuple[str, str]] = ()  # document id and text hash

    @property
    def gone(self) -> list[str]:
        """List the hashes of the texts that no document has any more."""
        return [text for text in self.texts if text not in self.shared]


@dataclass(frozen=True)
class Erased:
    """What one call removed from the tables, and who had learnt from it."""

    forgetting_id: str
    documents: int
    texts: int
    rows: Mapping[str, int]  # by table
    students: Sequence[Taught] = ()


@dataclass(frozen=True)
class Leftover:
    """A file that still holds what was forgotten, and why it was not changed."""

    path: Path
    why: str


@dataclass(frozen=True)
class BackupFile:
    """One file of a backup, by its path in it."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Backup:
    """A copy of a project's state at one moment."""

    folder: Path
    project: str
    made_at: str  # ISO 8601, UTC
    linnaeus: str  # version that made it
    migrations: Mapping[int, str]  # checksum by number
    documents: int
    files: Sequence[BackupFile]
    notes: Sequence[str] = ()  # what it lacks

    @property
    def bytes(self) -> int:
        """Add up its files."""
        return sum(file.bytes for file in self.files)

    @property
    def schema_number(self) -> int:
        """Give the newest migration that it has."""
        return max(self.migrations, default=0)


@dataclass(frozen=True)
class Vacuumed:
    """What a vacuum did, or would do: bytes of the tables before and after, and what it removed."""

    before: int
    after: int
    removed: Sequence[tuple[Path, int, str]] = ()  # path, bytes, what it was


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: whether all is well, and the detail or the remedy."""

    what: str
    good: bool
    detail: str
