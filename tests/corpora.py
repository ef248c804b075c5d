"""Corpora that tests write and read: a project for a file, and what becomes of its rows."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.corpus import make_documents, read_rows
from pipeline.records import Document, Reject
from pipeline.settings import CorpusSettings, Project

COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda content: bytes(pa.compress(content, codec="zstd", asbytes=True)),
}


def project(folder: Path, path: str | tuple[str, ...], **keys: Any) -> Project:
    return Project(name="p", use_case="what", corpus=CorpusSettings(path=path, **keys), folder=folder)


def read(folder: Path, path: str | tuple[str, ...], content: bytes | str | None = None, **keys: Any) -> tuple[list[Document], list[Reject]]:
    if content is not None:
        (folder / str(path)).write_bytes(content if isinstance(content, bytes) else content.encode())
    of = project(folder, path, **keys)
    batches = list(make_documents(read_rows(of), of))
    return [one for batch in batches for one in batch.documents], [one for batch in batches for one in batch.rejects]


def texts(documents: list[Document]) -> list[str]:
    return [document.text for document in documents]


def faults(rejects: list[Reject]) -> list[tuple[str, int]]:
    return [(reject.reason, reject.position) for reject in rejects]
