"""The reference of tables and views, written from the comments that are in the database itself."""

from pipeline.store.store import Store

__all__ = ["tables_reference"]

HEADER = """# Tables and views

Every project has these, in `labels.duckdb` (the copy to read) and `warehouse.duckdb` (the pipeline's own). Nothing here needs Linnaeus: any DuckDB
client reads the copy. The same words are in the file: `select table_name, comment from duckdb_tables()`; `make golden` writes this page from them.
Times are UTC; ids and hashes are made by `pipeline/ids.py`.
"""
COLUMNS = "| column | type | meaning |\n|---|---|---|"
NAMES = {
    "Views": "select view_name, comment from duckdb_views() where not internal order by view_name",
    "Tables": "select table_name, comment from duckdb_tables() where not internal order by table_name",
}
DESCRIBED = "select table_name, column_name, data_type, comment from duckdb_columns() where not internal order by table_name, column_index"


def tables_reference(store: Store) -> str:
    """Write what every view, table and column holds, as Markdown."""
    columns: dict[str, list[str]] = {}
    for table, column, kind, comment in store.rows(DESCRIBED):
        columns.setdefault(table, []).append(f"| `{column}` | {kind} | {_cell(comment)} |")
    parts = [HEADER]
    for heading, sql in NAMES.items():
        parts.append(f"## {heading}\n")
        parts += [f"### `{name}`\n\n{comment}\n\n{COLUMNS}\n" + "\n".join(columns[name]) + "\n" for name, comment in store.rows(sql)]
    return "\n".join(parts)


def _cell(comment: str | None) -> str:
    return (comment or "").replace("|", "\\|")
