"""Rules in SQL: one condition on one document, evaluated in a DuckDB in memory that reaches no file and no other document.

A condition sees the columns `doc_id`, `text`, `source`, `metadata` (JSON) and `words` of its document and nothing else. So
that its answer depends on the document alone, it may hold no query of its own, and no function that answers differently
from call to call, as random() or now().
"""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import duckdb
import pyarrow as pa

from pipeline.batches import in_batches
from pipeline.errors import ProjectError
from pipeline.ids import canonical_json, content_id
from pipeline.records import Document, Failure
from pipeline.rules.contract import RuleAnswer

__all__ = ["COLUMNS", "SqlRule", "check_condition"]

COLUMNS = ("doc_id", "text", "source", "metadata", "words")
AS_JSON = "doc_id, text, source, metadata::json as metadata, words"
SCHEMA = pa.schema([("doc_id", pa.string()), ("text", pa.string()), ("source", pa.string()), ("metadata", pa.string()), ("words", pa.int64())])
BATCH = 2000  # documents
SEALED: dict[str, Any] = {"enable_external_access": False, "lock_configuration": True, "memory_limit": "1GB", "threads": 1}
CLOCKS = frozenset(
    "current_date current_localtime current_localtimestamp current_setting current_time current_timestamp get_current_time"
    " get_current_timestamp getvariable localtime localtimestamp now today transaction_timestamp".split()
)  # DuckDB counts them as steady, because they are so within one query


@dataclass(frozen=True)
class SqlRule:
    """Give `category` to the documents for which a checked condition holds; implements `LoadedRule`."""

    name: str
    category: str
    condition: str

    @property
    def fingerprint(self) -> str:
        """Hash the condition and the category."""
        return content_id("rule", ["sql", self.condition, self.category])

    def apply(self, documents: Sequence[Document]) -> list[RuleAnswer]:
        """Answer for each document in order; one whose values the condition cannot work with is a failure of its own."""
        with contextlib.closing(_connect()) as connection:
            return list(chain.from_iterable(self._answers(connection, batch) for batch in in_batches(documents, BATCH)))

    def _answers(self, connection: duckdb.DuckDBPyConnection, documents: Sequence[Document]) -> list[RuleAnswer]:
        try:
            rows = _relation(connection, documents).project(self.condition).fetchall()
        except duckdb.Error as error:
            if len(documents) > 1:  # find the ones that it fails for
                half = len(documents) // 2
                return self._answers(connection, documents[:half]) + self._answers(connection, documents[half:])
            return [Failure(documents[0].text_hash, "rule_error", f"rule {self.name}: {_message(error)}", 1)]
        return [self.category if holds else None for (holds,) in rows]


def check_condition(condition: str) -> None:
    """Check that a text is one condition on the columns of a document.

    :raises ProjectError: with DuckDB's message, or with what the condition may not hold.
    """
    with contextlib.closing(_connect()) as connection:
        documents = _relation(connection, [])
        try:
            # As a filter, because DuckDB takes there but one expression, and neither totals nor windows.
            documents.filter(condition)
            kinds = [str(kind) for kind in documents.project(condition).types]
        except duckdb.Error as error:
            raise ProjectError(
                f"its sql, {condition!r}, is no condition on the columns {', '.join(COLUMNS)}: {_message(error)}."
                " Write what could stand after WHERE, as: text ilike '%refund%'"
            ) from error
        if kinds != ["BOOLEAN"]:
            raise ProjectError(f"its sql, {condition!r}, gives {', '.join(kinds)} where a condition is expected. Compare it, as: words > 20")
        _check_parts(connection, condition)


def _check_parts(connection: duckdb.DuckDBPyConnection, condition: str) -> None:
    parsed = json.loads(connection.execute("select json_serialize_sql('select ' || ?)", [condition]).fetchall()[0][0])
    nodes = list(_nodes(parsed))
    if any(node.get("class") == "SUBQUERY" for node in nodes):
        raise ProjectError(f"its sql, {condition!r}, holds a query of its own; a rule sees one document and nothing else. Use Python for more")
    volatile = {name for (name,) in connection.execute("select function_name from duckdb_functions() where stability = 'VOLATILE'").fetchall()}
    # A clock without brackets is parsed as a column; the last name alone, so that main.now() is one as well.
    used = {str(node["function_name"]).lower() for node in nodes if "function_name" in node}
    used |= {str(node["column_names"][-1]).lower() for node in nodes if node.get("column_names")}
    if unsteady := sorted(used & (volatile | CLOCKS)):
        raise ProjectError(
            f"its sql, {condition!r}, uses {', '.join(unsteady)}, which does not depend on the document alone; a rule must answer the same each time"
        )


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _nodes(part)


def _connect() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:", config=SEALED)


def _relation(connection: duckdb.DuckDBPyConnection, documents: Sequence[Document]) -> duckdb.DuckDBPyRelation:
    rows = [
        {"doc_id": row.doc_id, "text": row.text, "source": row.source, "metadata": canonical_json(dict(row.metadata)), "words": row.words}
        for row in documents
    ]
    return connection.from_arrow(pa.Table.from_pylist(rows, schema=SCHEMA)).project(AS_JSON)


def _message(error: duckdb.Error) -> str:
    """Give DuckDB's message without the statement, which is not the one that the user wrote."""
    return " ".join(str(error).partition("\n\nLINE")[0].split())
