"""Reads the corpora whose documents have several gold labels, and the one that says the same in several languages.

They lie in the folder of `corpora.py`, in its format, and come in a fixed order with equal texts kept once, as there.
"""

import gzip
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.corpora import ORDER, Row

__all__ = ["LANGUAGES", "MULTI", "MultiCorpus", "ParallelCorpus", "read_languages", "read_multi"]

MULTI: Mapping[str, str] = {
    "goemotions": "which emotions does the comment express",
    "reuters21578": "which topics is the news article about",
}
PARALLEL_FILE, PARALLEL_USE_CASE = "sib200_multilingual", "what is the sentence about"
LANGUAGES = ("en", "de", "fr", "ar", "zh", "sw")  # four scripts; Swahili has few texts that models learn from


@dataclass(frozen=True)
class MultiCorpus:
    """Distinct texts in a fixed order, each with its id and all its gold labels, of which there is at least one."""

    name: str
    use_case: str
    ids: tuple[str, ...]
    texts: tuple[str, ...]
    gold: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        """Count the documents."""
        return len(self.texts)


@dataclass(frozen=True)
class ParallelCorpus:
    """Texts in several languages, each with its one gold label; those with one parallel id are translations of one another.

    Translations follow one another, in the order of the languages, so that each beginning of the corpus is spread over the languages.
    """

    name: str
    use_case: str
    ids: tuple[str, ...]
    texts: tuple[str, ...]
    gold: tuple[str, ...]
    languages: tuple[str, ...]
    parallel_ids: tuple[str, ...]

    def __len__(self) -> int:
        """Count the documents."""
        return len(self.texts)


def read_multi(folder: Path, name: str) -> MultiCorpus:
    """Read a corpus with all labels of each document; of equal texts only the first is kept.

    :raises KeyError: with the names there are, where it is none of them.
    """
    if name not in MULTI:
        raise KeyError(f"no corpus with several labels is called {name}; they are {', '.join(MULTI)}")
    rows = _rows(folder, name)
    random.Random(ORDER).shuffle(rows)
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(row["text"], row)
    rows = list(first.values())
    gold = tuple(tuple(dict.fromkeys(str(label) for label in row["labels"])) for row in rows)
    return MultiCorpus(name, MULTI[name], _column(rows, "id"), _column(rows, "text"), gold)


def read_languages(folder: Path, languages: Sequence[str] = LANGUAGES) -> ParallelCorpus:
    """Read the sentences that are there in each of the languages.

    :raises KeyError: with the languages there are, where one is none of them.
    """
    rows = _rows(folder, PARALLEL_FILE)
    by_place = {(_parallel_id(row), str(row["lang"])): row for row in rows}
    known = {language for _, language in by_place}
    if unknown := sorted(set(languages) - known):
        raise KeyError(f"no sentence is in {', '.join(unknown)}; the languages are {', '.join(sorted(known))}")
    everywhere = [key for key in dict.fromkeys(map(_parallel_id, rows)) if all((key, language) in by_place for language in languages)]
    random.Random(ORDER).shuffle(everywhere)
    kept = [by_place[key, language] for key in everywhere for language in languages]
    gold = tuple(str(row["labels"][0]) for row in kept)
    about = (_column(kept, "id"), _column(kept, "text"), gold, _column(kept, "lang"), tuple(map(_parallel_id, kept)))
    return ParallelCorpus("sib200", PARALLEL_USE_CASE, *about)


def _rows(folder: Path, name: str) -> list[Row]:
    with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _parallel_id(row: Row) -> str:
    return str(row["meta"]["parallel_id"])


def _column(rows: Iterable[Row], name: str) -> tuple[str, ...]:
    return tuple(str(row[name]) for row in rows)
