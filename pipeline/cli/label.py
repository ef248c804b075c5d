"""Labels new files with a student: no model server, one batch in memory at a time."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.batches import in_batches
from pipeline.cli.sinks import STREAM, Rejects, check_ending, writing
from pipeline.corpus import RawRow, plain, read_rows, read_stream, titled_text
from pipeline.corpus_settings import COMPRESSED
from pipeline.embedding import Embedder
from pipeline.errors import CorpusError
from pipeline.settings import CorpusSettings, Project
from pipeline.students import LoadedStudent, score_texts

__all__ = ["TOP", "Labelled", "label_file", "outputs_for"]

BATCH = 1024
TEXT = "text"  # column of the text where nobody says
TOP = 3  # categories given, the likeliest one included


@dataclass(frozen=True)
class Labelled:
    """What became of a file."""

    output: Path
    labelled: int
    rejected: int
    rejects: Path | None


def outputs_for(paths: Sequence[Path], out: Path | None, *, lines: bool = False) -> list[Path]:
    """Say where each file's labels go, and refuse what cannot be done before anything is.

    Without `out` they go beside the file, and those of standard input to standard output. With several files it is a folder, or `-`.

    :param lines: the files hold a text a line, so that their labels become JSON lines.
    :raises CorpusError: where a file is missing, two have one output, or a format cannot be written.
    """
    if missing := [str(path) for path in paths if path != STREAM and not path.exists()]:
        raise CorpusError(f"There is no file {', '.join(missing)}.")
    if paths.count(STREAM) > 1:
        raise CorpusError("Standard input (-) was given twice, and can be read once; give it once.")
    into = out if out is not None and out != STREAM and out.is_dir() else None
    if out is not None and len(paths) > 1 and into is None and out != STREAM:
        raise CorpusError(f"{len(paths)} files cannot all become {out}; give --out the name of a folder that exists, or - for standard output.")
    if into is not None:
        found = [into / ("labelled.jsonl" if path == STREAM else _named(path, lines).name) for path in paths]
    else:
        found = [out or (STREAM if path == STREAM else _named(path, lines)) for path in paths]
    for target in found:
        check_ending(target)
        if target != STREAM and found.count(target) > 1:
            raise CorpusError(f"More than one file would become {target}; label them one by one, each with --out.")
    return found


def label_file(
    path: Path,
    *,
    student: LoadedStudent,
    embedder: Embedder | None,
    output: Path,
    project: Project | None = None,
    text: str | None = None,
    lines: bool = False,
    top: int = TOP,
) -> Labelled:
    """Write a file's rows with what the student says of each added (`TextPrediction.as_row`); rows that cannot be used go beside them.

    The output appears whole or not at all. Its format is that of its ending: .csv, .jsonl or .parquet.

    :param path: the file, or `-` for JSON lines from standard input.
    :param output: the file to write, or `-` for JSON lines to standard output; rows that cannot be used are then told on standard error.
    :param project: whose columns are read; without one every column beside the text is offered to the student.
    :param lines: the file holds a text a line.
    :raises CorpusError: when the file or its text column is missing, or the format is not one of these.
    """
    lines = lines or _ending(path) == ".txt"
    column = TEXT if lines else text or (TEXT if project is None else project.corpus.text)
    known = CorpusSettings(path=".") if project is None else project.corpus
    told = CorpusSettings(
        path=str(path.resolve()), format="text" if lines else "auto", text=column, title=None if lines else known.title,
        encoding=known.encoding, dialect=known.dialect if _ending(path) in {".csv", ".tsv"} else None,
    )  # fmt: skip
    rows, schema = _rows(path, told)
    beside = None if project is None else project.corpus.metadata
    rejects, labelled, is_known = Rejects(output), 0, False
    with writing(output, schema=schema) as sink:
        for batch in in_batches(rows, BATCH):
            is_known = is_known or _has_column(batch, column)
            good, texts = [], []
            for row in batch:
                one, _, fault = titled_text(row.values, told) if row.values is not None else ("", None, row.error or ("unreadable", ""))
                if fault is not None:
                    rejects.add(row, *fault)
                else:
                    good.append({TEXT: one} if lines else dict(row.values or {}))
                    texts.append(one)
            metadata = [{name: plain(row.get(name)) for name in (row if beside is None else beside) if name != column} for row in good]
            scored = score_texts(texts, student=student, embedder=embedder, metadata=metadata, top=top)
            sink.write([{**row, **found.as_row()} for row, found in zip(good, scored, strict=True)])
            labelled += len(good)
    return Labelled(output, labelled, rejects.count, rejects.path if rejects.count else None)


def _named(path: Path, lines: bool) -> Path:
    plain_path = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
    return plain_path.with_name(f"{plain_path.stem}.labelled{'.jsonl' if lines or _ending(path) == '.txt' else plain_path.suffix}")


def _ending(path: Path) -> str:
    """Give the ending of a file, that of its compression aside."""
    return (path.with_suffix("") if path.suffix.lower() in COMPRESSED else path).suffix.lower()


def _rows(path: Path, corpus: CorpusSettings) -> tuple[Iterator[RawRow], pa.Schema | None]:
    """Open a file or standard input, and give the types of its columns where it tells them."""
    lines = corpus.format == "text"
    if path == STREAM:
        return read_stream(sys.stdin.buffer, "standard input", "text" if lines else "jsonl"), None
    if not path.exists():
        raise CorpusError(f"There is no file {path}.")
    schema = None
    if path.suffix.lower() == ".parquet" and not lines:
        try:
            schema = pq.read_schema(path)
        except (pa.ArrowException, OSError) as error:
            raise CorpusError(f"{path} cannot be read as parquet: {error}") from error
    every: tuple[Any, ...] = () if schema is None else tuple(schema.names)  # of other formats every column is read
    corpus = corpus.model_copy(update={"metadata": every})
    return read_rows(Project(name="label", use_case="to label a file", corpus=corpus)), schema


def _has_column(rows: Sequence[RawRow], column: str) -> bool:
    """Say whether there was a row to see the columns by; CorpusError where none has the text's."""
    names = list(dict.fromkeys(name for row in rows for name in row.values or ()))
    if names and column not in names:
        raise CorpusError(f"The file has no column {column!r}; it has {', '.join(map(repr, names))}. Name the text's column with --text.")
    return bool(names)
