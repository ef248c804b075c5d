"""How values are kept as JSON in a column, and read again."""

import json
import math
from collections.abc import Mapping
from typing import Any

from pipeline.ids import canonical_json

__all__ = ["from_json", "to_json"]


def to_json(value: Any) -> str | None:
    """Write a value as canonical JSON; None stays null, and numbers that JSON lacks become null."""
    if value is None:
        return None
    try:
        return canonical_json(value)
    except ValueError:
        return canonical_json(_finite(value))


def _finite(value: Any) -> Any:
    """Replace each infinite or undefined number by None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, list | tuple) else value


def from_json(text: str | None) -> Any:
    """Read what `to_json` wrote."""
    return None if text is None else json.loads(text)
