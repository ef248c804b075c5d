"""How one table is described: its columns in order, the keys by which a row is replaced, and which columns hold JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

__all__ = ["FLAG", "INT", "REAL", "STR", "TIME", "Table", "text_columns"]

STR, INT, REAL, FLAG, TIME = pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.timestamp("us")


@dataclass(frozen=True)
class Table:
    """One table as this package writes it; a row replaces those with the same `keys`."""

    name: str
    keys: tuple[str, ...]
    columns: Mapping[str, pa.DataType]
    json: frozenset[str] = field(default_factory=frozenset)

    @property
    def column_list(self) -> str:
        """Spell the columns for SQL; they are constants of this module."""
        return ", ".join(self.columns)


def text_columns(*names: str) -> dict[str, pa.DataType]:
    """Describe columns that hold text."""
    return dict.fromkeys(names, STR)
