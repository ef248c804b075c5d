"""How tables and pictures are laid out in Markdown, which the Dagster UI shows in place."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

__all__ = ["as_picture", "as_table"]

LONGEST = 200  # characters of a cell


def as_picture(name: str, png: bytes) -> dg.MarkdownMetadataValue:
    """Lay out a picture."""
    return dg.MetadataValue.md(f"![{name}](data:image/png;base64,{base64.b64encode(png).decode()})")


def as_table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> dg.MarkdownMetadataValue:
    """Lay out rows; what a row lacks is an empty cell."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(_cell(row.get(column)) for column in columns) + " |" for row in rows]
    return dg.MetadataValue.md("\n".join(lines))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")[:LONGEST]
