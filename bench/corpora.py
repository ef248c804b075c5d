"""Reads the gold-labelled corpora that the benchmarks measure on, from a folder that is given.

They are no part of the project: some may not be redistributed. A folder holds them as gzipped JSON lines `<file>.jsonl.gz`
with `id`, `text`, `labels` and, where there are any, `lang` and `parents` ("a > b").
"""

import argparse
import gzip
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["SOURCES", "Corpus", "Source", "add_data_option", "add_engine_option", "find_corpora", "read_corpus", "what_is_missing"]

ORDER = 7  # seed of the order of the documents, the same for every benchmark
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """Where a corpus lies, which rows are of it, which gold label counts, and what is to be learned from its texts."""

    file: str
    use_case: str
    gold: Callable[[Row], str]
    wanted: Callable[[Row], bool] = lambda row: True


@dataclass(frozen=True)
class Corpus:
    """Distinct texts in a fixed order, each with its id and its one gold label."""

    name: str
    use_case: str
    ids: tuple[str, ...]
    texts: tuple[str, ...]
    gold: tuple[str, ...]

    def __len__(self) -> int:
        """Count the documents."""
        return len(self.texts)

    @property
    def size(self) -> int:
        """Count the gold labels."""
        return len(set(self.gold))


def _first_label(row: Row) -> str:
    return str(row["labels"][0])


def _domain(row: Row) -> str:
    return str(row["parents"][0]).split(" > ")[0]


def _coarse(row: Row) -> str:
    return _first_label(row).split(":")[0]


SOURCES: Mapping[str, Source] = {
    "ag_news": Source("ag_news", "what is the news about", _first_label),
    "hwu64": Source("hwu64", "which domain does the request to the assistant belong to", _domain),
    "trec_questions": Source("trec_questions", "what type of answer does the question ask for, whatever its subject", _coarse),
    "sib200": Source("sib200_multilingual", "what is the sentence about", _first_label, lambda row: str(row["lang"]).startswith("en")),
    "banking77": Source("banking77", "what does the customer want from the bank", _first_label),
    "reuters21578": Source("reuters21578", "what is the news article about", _first_label),
}


def find_corpora(folder: Path, names: Sequence[str] = ()) -> tuple[list[str], list[str]]:
    """Say which corpora a folder holds and which it does not, all of them where none is named.

    :raises KeyError: with the names there are, where a name is none of them.
    """
    wanted = list(names) or list(SOURCES)
    if unknown := sorted(set(wanted) - set(SOURCES)):
        raise KeyError(f"no corpus is called {', '.join(unknown)}; the corpora are {', '.join(SOURCES)}")
    there = {name: _path(folder, name).is_file() for name in wanted}
    return [name for name in wanted if there[name]], [name for name in wanted if not there[name]]


def what_is_missing(folder: Path, missing: Sequence[str]) -> str:
    """Say plainly which corpora were not found, with the files that were looked for; nothing where all were."""
    if not missing:
        return ""
    files = ", ".join(f"{name} ({_path(folder, name).name})" for name in missing)
    return f"Not found in {folder}, and so not measured: {files}."


def read_corpus(folder: Path, name: str) -> Corpus:
    """Read a corpus; of equal texts only the first is kept, so that no document is measured twice."""
    source = SOURCES[name]
    rows = [row for row in _rows(_path(folder, name)) if source.wanted(row)]
    random.Random(ORDER).shuffle(rows)
    first = {row["text"]: row for row in reversed(rows)}
    kept = [row for row in rows if first[row["text"]] is row]
    columns = (tuple(str(row["id"]) for row in kept), tuple(row["text"] for row in kept), tuple(source.gold(row) for row in kept))
    return Corpus(name, source.use_case, *columns)


def add_data_option(parser: argparse.ArgumentParser) -> None:
    """Let a benchmark be told where the corpora lie and which of them to measure on."""
    parser.add_argument("--data", type=Path, required=True, help="folder of the gold-labelled corpora, as <name>.jsonl.gz")
    parser.add_argument("--corpora", nargs="+", default=[], metavar="NAME", help=f"some of {', '.join(SOURCES)}; all when absent")


def add_engine_option(parser: argparse.ArgumentParser) -> None:
    """Let a benchmark be told which model answers."""
    parser.add_argument("--engine", type=json.loads, default={}, help="the project's section engine as JSON; the embedded model when absent")


def _path(folder: Path, name: str) -> Path:
    return folder / f"{SOURCES[name].file}.jsonl.gz"


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
