"""What the columns of a row say: its text below its title, its id, its language, its time and its known label."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.corpus.rows import RawRow
from pipeline.corpus_settings import CorpusSettings
from pipeline.errors import CorpusError
from pipeline.gold import join_gold
from pipeline.ids import normalise_text
from pipeline.settings import Project

__all__ = ["check_columns", "clean", "gold_of", "id_of", "key_of", "plain", "text_of", "titled_text", "wanted_columns"]


def wanted_columns(project: Project) -> list[str]:
    """List the columns that a project names."""
    day = project.partitions.column if project.partitions else None
    return list(dict.fromkeys([*project.corpus.columns, *([day] if day else [])]))


def check_columns(batch: Sequence[RawRow], project: Project) -> bool:
    """Tell whether there was any row to see the columns by; CorpusError where one that the project names is in none."""
    found = list(dict.fromkeys(name for row in batch if row.values is not None for name in row.values))
    missing = [name for name in wanted_columns(project) if name not in found]
    if found and missing:
        wanted = f"Missing column{'s' if len(missing) > 1 else ''} {', '.join(map(repr, missing))}"
        raise CorpusError(f"{wanted} in {project.corpus.where}; found {', '.join(map(repr, found))}. Correct the column names of the project file.")
    return bool(found)


def titled_text(values: Mapping[str, Any], corpus: CorpusSettings) -> tuple[str, str | None, tuple[str, str] | None]:
    """Give the text as it is shown and hashed, the title that it begins with, and the reason and message where there is no text.

    A title stands above the text with an empty line between; where the text is empty, the title is the text.
    """
    text, fault = text_of(values.get(corpus.text))
    title = (id_of(values.get(corpus.title)) or None) if corpus.title is not None else None
    if title is None or (fault is not None and fault[0] == "not_text"):
        return text, None, fault
    return (title if fault is not None else f"{title}\n\n{text}"), title, None


def text_of(value: object) -> tuple[str, tuple[str, str] | None]:
    """Give the text of a value, or the reason and message why there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "", ("missing_text", "the text is null")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return "", ("not_text", f"the text is of type {type(value).__name__}")
    text = clean(str(value))
    return (text, None) if text.strip() else ("", ("empty_text", "the text is empty or white space"))


def key_of(values: Mapping[str, Any], corpus: CorpusSettings) -> str | None:
    """Give what a row is chosen by for a sample: its id, or its text where the corpus has no ids; None where it has neither."""
    if corpus.id is not None:
        return id_of(values.get(corpus.id)) or None
    text, _, fault = titled_text(values, corpus)
    return normalise_text(text) if fault is None else None


def id_of(value: object) -> str:
    """Write an id or another short value as text; empty where there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return clean(str(value)).strip()


def gold_of(value: object) -> str | None:
    """Write what a corpus knows of a document's labels: one name, or a list of them."""
    names = [id_of(part) for part in (value if isinstance(value, list | tuple) else [value])]
    return join_gold([name for name in dict.fromkeys(names) if name])


def clean(text: str) -> str:
    """Drop NUL characters, and replace each lone half of a character, which UTF-8 cannot hold, by U+FFFD."""
    text = text.replace("\0", "")
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def plain(value: object) -> Any:
    """Bring a value of any source to what JSON can hold; numbers that it lacks become None, other types text."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {clean(str(key)): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return clean(str(value))
