"""Which files a corpus has: those that its paths name, those that its patterns find, and those of its folders."""

import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.corpus_settings import FORMATS, Place, format_of
from pipeline.errors import CorpusError
from pipeline.settings import Project

__all__ = ["corpus_files", "endings_of"]

NAMED = 10


def corpus_files(project: Project) -> dict[str, Path]:
    """Find the files of a corpus, each once, by their names relative to its folder.

    A folder gives the files in and under it that have an ending of the format; a file or pattern gives what it names.

    :raises CorpusError: where a path or pattern finds nothing, or where several formats are found and none is named.
    """
    kind, base = project.corpus_format, project.corpus_path
    files: dict[str, Path] = {}
    for place in project.corpus_places:
        found = list(files_at(place, kind))
        if project.corpus.format == "auto" and (others := sorted({path.name for path in found if format_of(path) not in {kind, None}})):
            raise CorpusError(
                f"The corpus holds files of several formats: {kind}, and also {', '.join(others[:NAMED])}. "
                "Name files of one format in corpus.path, or set corpus.format."
            )
        files |= {name_of(path, base): path for path in found}
    return files


def files_at(place: Place, kind: str) -> Iterator[Path]:
    """Give the files of one path or pattern, in order."""
    path = place.path
    if path.is_file():
        yield path
    elif path.is_dir():
        yield from files_under(path, kind)
    elif place.is_pattern:
        found = place.matches()
        if not found:
            raise CorpusError(f"No file matches {path}; correct corpus.path in the project file.")
        yield from found
    else:
        raise CorpusError(f"There is no corpus file or folder {path}; correct corpus.path in the project file.")


def files_under(folder: Path, kind: str) -> list[Path]:
    """List the files in and under a folder that have an ending of a format."""
    everything = sorted(found for found in folder.rglob("*") if found.is_file())
    files = [found for found in everything if format_of(found) == kind]
    if not files:
        endings = ", ".join(sorted({found.suffix or found.name for found in everything})[:NAMED]) or "no files"
        raise CorpusError(
            f"The folder {folder} holds no {' or '.join(endings_of(kind))} file, but {endings}; "
            "correct corpus.path, or set corpus.format to the format of the files."
        )
    return files


def endings_of(kind: str) -> list[str]:
    """List the endings of a format; those of line formats may be followed by that of a compression."""
    return [ending for ending, known in FORMATS.items() if known == kind]


def name_of(path: Path, base: Path) -> str:
    """Name a file relative to the folder of its corpus."""
    return path.name if path == base else os.path.relpath(path, base)
