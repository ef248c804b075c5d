"""Known labels of a document as one text: a name, or a JSON list of names where the corpus gives several."""

import json
from collections.abc import Sequence

from pipeline.ids import canonical_json

__all__ = ["gold_labels", "join_gold"]


def join_gold(names: Sequence[str]) -> str | None:
    """Write names as one text: a single one as it is, several as a JSON list in their order; None where there are none."""
    return None if not names else names[0] if len(names) == 1 else canonical_json(list(names))


def gold_labels(gold: str) -> tuple[str, ...]:
    """Read what `join_gold` wrote; a name that only looks like a list stands for itself."""
    if gold.startswith('["'):
        try:
            found = json.loads(gold)
        except ValueError:
            return (gold,)
        if isinstance(found, list) and all(isinstance(name, str) for name in found):
            return tuple(found)
    return (gold,)
