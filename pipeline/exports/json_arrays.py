"""JSON arrays that are written an item at a time."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["write_array"]


def write_array(path: Path, items: Iterable[Any]) -> int:
    """Write items as a JSON array, one a line, and count them; times as text."""
    written = 0
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for item in items:
            file.write(("," if written else "") + "\n" + json.dumps(item, ensure_ascii=False, default=str))
            written += 1
        file.write("\n]\n")
    return written
