"""Read any corpus as raw rows, streamed with flat memory.

The readers of `datasets` for CSV, JSON and text lose a whole file to one bad byte or quote, so that those formats go
through readers of our own behind `IterableDataset.from_generator`. Parquet, Arrow and hub data sets are read in Arrow
batches by `datasets` itself, and tables of a DuckDB file in Arrow batches by DuckDB.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pipeline.corpus.columns import key_of, wanted_columns
from pipeline.corpus.databases import read_table
from pipeline.corpus.delimited import read_delimited
from pipeline.corpus.dialects import dialect_of
from pipeline.corpus.encodings import check_encoding, check_encodings
from pipeline.corpus.files import corpus_files
from pipeline.corpus.json_lines import read_json, rows_of_json
from pipeline.corpus.rows import RawRow, number_lines
from pipeline.corpus.sampling import sample_rows
from pipeline.corpus.text_files import read_text_file, read_text_lines, rows_of_text
from pipeline.corpus_settings import FORMATS, CorpusSettings
from pipeline.errors import CorpusError
from pipeline.settings import Project

__all__ = ["BATCH_ROWS", "read_file", "read_rows", "read_stream"]

BATCH_ROWS = 1000


def read_rows(project: Project, only: Collection[str] | None = None) -> Iterator[RawRow]:
    """Read the corpus of a project, or the sample of it that is wanted, row by row, bad rows among them.

    :param only: names of files, as `corpus_files` gives them; all when absent. A data set of a hub is read whole.
    :raises CorpusError: where there is no such file or data set, or it cannot be read at all.
    """
    sample = project.corpus.sample
    if sample is None:
        return every_row(project, only)
    return sample_rows(lambda: every_row(project, only), sample, lambda values: key_of(values, project.corpus))


def every_row(project: Project, only: Collection[str] | None) -> Iterator[RawRow]:
    """Read the corpus of a project row by row."""
    kind = project.corpus_format
    if kind == "hub":
        yield from hub_rows(project)
        return
    files = {name: path for name, path in corpus_files(project).items() if only is None or name in only}
    if kind == "duckdb":
        for name, path in files.items():
            yield from read_table(path, name, project.corpus.table, wanted_columns(project), batch=BATCH_ROWS)
    elif kind in {"parquet", "arrow"}:
        for name, path in files.items():
            fault = f"{path} cannot be read as {kind}"
            yield from stream_rows(kind, name, fault, project, data_files=str(path), split="train")
    else:
        by_file = kind == "text" and any(place.path.is_dir() for place in project.corpus_places)
        if by_file and project.corpus.encoding is None:
            check_encodings(list(files.values()), str(project.corpus_path))
        yield from line_rows(files, "text_folder" if by_file else kind, project.corpus)


def read_stream(handle: Iterable[bytes], name: str, kind: Literal["jsonl", "text"]) -> Iterator[RawRow]:
    """Read an open stream, as standard input is: one object a line, or one text a line in the column `text`."""
    lines = number_lines(handle, name)
    yield from rows_of_json(lines, name) if kind == "jsonl" else rows_of_text(lines, name)


def line_rows(files: Mapping[str, Path], kind: str, corpus: CorpusSettings) -> Iterator[RawRow]:
    """Read files with a reader of our own, behind a streaming data set."""
    import datasets  # here, because it takes a second to import

    arguments = {"kind": kind, "names": list(files), "paths": [str(path) for path in files.values()], "corpus": corpus}
    stream = datasets.IterableDataset.from_generator(examples, gen_kwargs=arguments)
    try:
        for batch in stream.iter(batch_size=BATCH_ROWS):
            yield from batch["row"]
    except OSError as error:
        raise CorpusError(f"The corpus cannot be read: {error}") from error


def examples(kind: str, names: list[str], paths: list[str], corpus: CorpusSettings) -> Iterator[dict[str, RawRow]]:
    """Give the rows of files as examples of a data set."""
    for name, path in zip(names, paths, strict=True):
        for row in read_file(Path(path), name, kind, corpus):
            yield {"row": row}


def read_file(path: Path, name: str, kind: str, corpus: CorpusSettings) -> Iterator[RawRow]:
    """Read one file with a reader of our own.

    :raises CorpusError: where it cannot be unpacked, or is in another encoding than the project file says.
    """
    encoding = corpus.encoding
    if kind == "text_folder":
        return read_text_file(path, name, encoding)
    if encoding is None:
        check_encoding(path)
    if kind in {"csv", "tsv"}:
        dialect = dialect_of(path, corpus.dialect, delimiter="\t" if kind == "tsv" else None, encoding=encoding)
        return read_delimited(path, name, dialect, encoding)
    return read_json(path, name, encoding) if kind == "jsonl" else read_text_lines(path, name, encoding)


def hub_rows(project: Project) -> Iterator[RawRow]:
    """Read a data set of a hub in Arrow batches."""
    name = project.corpus.paths[0]
    if project.corpus_path.is_file():
        known = ", ".join(sorted(FORMATS))
        raise CorpusError(f"The format of {project.corpus_path} is not known by its ending ({known} are); set corpus.format.")
    fault = f"There is no file {project.corpus_path}, and {name!r} cannot be had as a data set of the hub (split {project.corpus.split!r})"
    yield from stream_rows(name, name, fault, project, split=project.corpus.split)


def stream_rows(builder: str, source: str, fault: str, project: Project, **arguments: str) -> Iterator[RawRow]:
    """Stream a data set that `datasets` can read, only the columns that the project names."""
    import datasets
    import pyarrow

    try:
        stream = datasets.load_dataset(builder, streaming=True, **arguments)
        gold = project.corpus.gold
        names = class_names(stream.features, gold)
        wanted = wanted_columns(project)
        if set(wanted) <= set(stream.column_names or ()):
            stream = stream.select_columns(wanted)
        position = 0
        for table in stream.with_format("arrow").iter(batch_size=BATCH_ROWS):
            for values in table.to_pylist():
                position += 1
                yield RawRow(source, position, named(values, gold, names))
    except (OSError, ValueError, pyarrow.ArrowException, datasets.exceptions.DatasetsError) as error:
        raise CorpusError(f"{fault}: {error}") from error


def class_names(features: Any, gold: str | None) -> list[str] | None:
    """Give the names that a data set has for its numbered labels."""
    return getattr((features or {}).get(gold), "names", None) if gold else None


def named(values: dict[str, Any], gold: str | None, names: list[str] | None) -> dict[str, Any]:
    """Write a numbered label as its name; a negative number stands for no label."""
    if gold is None or names is None or not isinstance(number := values.get(gold), int):
        return values
    return values | {gold: names[number] if 0 <= number < len(names) else None}
