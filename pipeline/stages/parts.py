"""The parts of the corpus that are measured each by itself: by columns that the project names, language, length, time and rare labels."""

from collections.abc import Mapping, Sequence, Set

from pipeline.evaluation.slices import by_length, by_rarity, by_time
from pipeline.stages.session import Session

__all__ = ["parts_of"]

LEAST = 10  # documents that a part needs, so that its figures say anything
MOST = 20  # values of one column, the most frequent ones
LANGUAGE = "language"


def parts_of(session: Session, texts: Set[str], labels: Mapping[str, str]) -> dict[str, set[str]]:
    """Part the texts that anything is measured on; a kind of part with one value only says nothing and is left out.

    :param labels: the gold label of each text that has one, or the teacher's where there is no gold at all.
    """
    among = sorted(texts)
    kept, sizes = session.project.corpus.metadata, session.store.text_sizes(among)
    columns = dict.fromkeys([*session.project.evaluation.slices, LANGUAGE])
    kinds = [
        _by_value(column, session.store.metadata_values(column, among) if column in kept else session.store.languages(among)) for column in columns
    ]
    kinds += [by_length({text: size.words for text, size in sizes.items()})]
    kinds += [by_time({text: size.written_at for text, size in sizes.items() if size.written_at is not None}), by_rarity(labels)]
    return {name: part for kind in kinds for name, part in _frequent(kind).items()}


def _by_value(column: str, values: Mapping[str, str]) -> dict[str, set[str]]:
    parts: dict[str, set[str]] = {}
    for text, value in values.items():
        parts.setdefault(f"{column}={value}", set()).add(text)
    return parts


def _frequent(parts: Mapping[str, set[str]]) -> dict[str, set[str]]:
    names: Sequence[str] = sorted(parts, key=lambda name: (-len(parts[name]), name))[:MOST]
    return {name: parts[name] for name in names if len(parts[name]) >= LEAST} if len(parts) > 1 else {}
