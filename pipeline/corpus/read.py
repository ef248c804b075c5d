"""Read any corpus as raw rows, streamed through the `datasets` library with flat memory.

The readers of `datasets` for CSV, JSON and text lose a whole file to one bad byte or quote, so that those formats go
through readers of our own behind `IterableDataset.from_generator`. Parquet, Arrow and hub data sets are read in Arrow
batches by `datasets` itself.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pipeline.corpus.delimited import read_delimited
from pipeline.corpus.json_lines import read_json, rows_of_json
from pipeline.corpus.rows import RawRow, number_lines
from pipeline.corpus.text_files import read_text_file, read_text_lines, rows_of_text
from pipeline.errors import CorpusError
from pipeline.settings import Project

__all__ = ["BATCH_ROWS", "corpus_files", "read_rows", "read_stream", "wanted_columns"]

BATCH_ROWS = 1000
ENDINGS = {
    "csv": (".csv",), "tsv": (".tsv",), "jsonl": (".jsonl", ".ndjson", ".json"),
    "parquet": (".parquet",), "arrow": (".arrow",), "text": (".txt",),
}  # fmt: skip
READERS: dict[str, Callable[[Path, str], Iterator[RawRow]]] = {
    "csv": lambda path, name: read_delimited(path, name, ","),
    "tsv": lambda path, name: read_delimited(path, name, "\t"),
    "jsonl": read_json,
    "text": read_text_lines,
    "text_folder": read_text_file,
}


def read_rows(project: Project, only: Collection[str] | None = None) -> Iterator[RawRow]:
    """Read the corpus of a project row by row, bad rows among them.

    :param only: names of files, as `corpus_files` gives them; all when absent. A data set of a hub is read whole.
    :raises CorpusError: where there is no such file or data set, or it cannot be read at all.
    """
    kind = project.corpus_format
    if kind == "hub":
        yield from hub_rows(project)
        return
    files = {name: path for name, path in corpus_files(project.corpus_path, kind).items() if only is None or name in only}
    if kind in {"parquet", "arrow"}:
        for name, path in files.items():
            fault = f"{path} cannot be read as {kind}"
            yield from stream_rows(kind, name, fault, project, data_files=str(path), split="train")
    else:
        yield from line_rows(files, "text_folder" if kind == "text" and project.corpus_path.is_dir() else kind)


def read_stream(handle: Iterable[bytes], name: str, kind: Literal["jsonl", "text"]) -> Iterator[RawRow]:
    """Read an open stream, as standard input is: one object a line, or one text a line in the column `text`."""
    lines = number_lines(handle, name)
    yield from rows_of_json(lines, name) if kind == "jsonl" else rows_of_text(lines, name)


def wanted_columns(project: Project) -> list[str]:
    """List the columns that a project names."""
    corpus, day = project.corpus, project.partitions.column if project.partitions else None
    named = [corpus.text, corpus.id, corpus.gold, *corpus.metadata, day]
    return list(dict.fromkeys(name for name in named if name is not None))


def corpus_files(path: Path, kind: str) -> dict[str, Path]:
    """Find the files of a corpus by name: the file itself, or those in and under a folder with the endings of the format."""
    if path.is_file():
        return {path.name: path}
    if not path.is_dir():
        raise CorpusError(f"There is no corpus file or folder {path}; correct corpus.path in the project file.")
    everything = sorted(found for found in path.rglob("*") if found.is_file())
    files = [found for found in everything if found.suffix.lower() in ENDINGS[kind]]
    if not files:
        endings = ", ".join(sorted({found.suffix or found.name for found in everything})[:10]) or "no files"
        raise CorpusError(
            f"The folder {path} holds no {' or '.join(ENDINGS[kind])} file, but {endings}; "
            "correct corpus.path, or set corpus.format to the format of the files."
        )
    return {str(found.relative_to(path)): found for found in files}


def line_rows(files: Mapping[str, Path], kind: str) -> Iterator[RawRow]:
    """Read files with a reader of our own, behind a streaming data set."""
    import datasets  # here, because it takes a second to import

    arguments = {"kind": kind, "names": list(files), "paths": [str(path) for path in files.values()]}
    stream = datasets.IterableDataset.from_generator(examples, gen_kwargs=arguments)
    try:
        for batch in stream.iter(batch_size=BATCH_ROWS):
            yield from batch["row"]
    except OSError as error:
        raise CorpusError(f"The corpus cannot be read: {error}") from error


def examples(kind: str, names: list[str], paths: list[str]) -> Iterator[dict[str, RawRow]]:
    """Give the rows of files as examples of a data set."""
    for name, path in zip(names, paths, strict=True):
        for row in READERS[kind](Path(path), name):
            yield {"row": row}


def hub_rows(project: Project) -> Iterator[RawRow]:
    """Read a data set of a hub in Arrow batches."""
    name = project.corpus.path
    if project.corpus_path.is_file():
        known = ", ".join(sorted(ending for endings in ENDINGS.values() for ending in endings))
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
