"""Writing cards for people: text that Markdown shows as it is, and tables of it."""

import re
from collections.abc import Sequence
from typing import Any

__all__ = ["escape_markdown", "markdown_table"]

SPECIAL = re.compile(r"([\\`*_\[\]<>|~&#$])")
LEADING = re.compile(r"^(\d*)([-+=.)])(?=[\s=-]|$)")  # what would begin a list or a heading
UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\s]+")


def escape_markdown(text: object) -> str:
    """Write any text so that Markdown shows it as it is, also within a table."""
    return LEADING.sub(r"\1\\\2", SPECIAL.sub(r"\\\1", UNSEEN.sub(" ", str(text)).strip()))


def markdown_table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Lay rows out as the lines of a table; none where there are no rows."""
    lines = [[escape_markdown("" if cell is None else cell) for cell in row] for row in [heads, *rows]]
    body = ["| " + " | ".join(cells) + " |" for cells in [lines[0], ["---"] * len(heads), *lines[1:]]]
    return body if rows else []
