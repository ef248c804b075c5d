"""The reference of tables and views, written from the comments that are in the database itself."""

import contextlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import duckdb

from pipeline.errors import StoreError
from pipeline.store import schema
from pipeline.store.store import Store

__all__ = ["GROUPS", "Column", "described_columns", "tables_reference"]

HEADER = """# Tables and views

Every project has these, in `labels.duckdb` (the copy to read) and `warehouse.duckdb` (the pipeline's own). Nothing here needs Linnaeus: any DuckDB
client reads the copy. The same words are in the file: `linnaeus sql NAME --tables` and `--describe TABLE`, or
`select table_name, comment from duckdb_tables()`; `make golden` writes this page from them. Times are UTC; ids and hashes are made by
`pipeline/ids.py`. A `text_hash` stands for a text: documents with the same text share it, and everything that is made of a text hangs on it.

[Questions to the tables](../sql.md) has SQL to copy; below each view stand the questions that use it.
"""
# In the order of the page: what most people ask for first, and each table beside those that it is read with.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "Labels to read": (
        "labelled_documents", "label_counts", "current_labels", "disagreements", "confusable_pairs", "unlabelled_documents", "review_queue",
        "label_history", "facet_labels", "worst_mistakes",
    ),
    "Categories to read": ("taxonomy_tree", "taxonomy_versions", "category_versions", "cited_texts"),
    "Corpus, drift and cost to read": (
        "document_languages", "near_copies", "drift_now", "cost", "serving", "plan_against_run",
    ),
    "Corpus": ("documents", "languages", "near_duplicates", "near_pairs", "near_signatures", "rejects", "arrivals"),
    "Taxonomy": ("taxonomies", "categories", "taxonomy_changes", "taxonomy_measures", "facets", "summaries"),
    "Labels and who gave them": ("labels", "annotators", "annotator_quality", "thresholds", "curves", "failures", "written_examples"),
    "People": ("review_sheets", "review_items", "ratings"),
    "Checks of a taxonomy": ("definition_checks",),
    "Students": (
        "classifiers", "predictions", "student_trials", "lesson_texts", "doubts", "promotions", "drift", "embeddings",
    ),
    "Figures": ("evaluations", "evaluation_history", "evaluation_runs", "confusions", "judgements", "exams", "reports"),
    "Mistakes": ("mistakes", "tie_breakers"),
    "Runs and calls": ("runs", "stage_runs", "stage_serving", "llm_calls", "plans"),
    "State": ("current", "migrations", "forgotten", "forgettings", "backups"),
}  # fmt: skip
COLUMNS = "| column | type | meaning |\n|---|---|---|"
NAMES = """
select view_name, comment from duckdb_views() where not internal union all select table_name, comment from duckdb_tables() where not internal
"""
DESCRIBED = "select table_name, column_name, data_type, comment from duckdb_columns() where not internal order by table_name, column_index"


@dataclass(frozen=True)
class Column:
    """A column of a table or view, as the database describes it."""

    name: str
    type: str
    comment: str


@cache
def described_columns() -> Mapping[str, tuple[Column, ...]]:
    """Give the columns of every table and view that this version of the code makes, by its name; no store is opened for it."""
    found: dict[str, tuple[Column, ...]] = {}
    with contextlib.closing(duckdb.connect(":memory:")) as connection:
        schema.migrate(connection)
        for table, column, kind, comment in connection.execute(DESCRIBED).fetchall():
            found[table] = (*found.get(table, ()), Column(column, kind, comment or ""))
    return found


def tables_reference(store: Store, asked: Mapping[str, Sequence[str]] = MappingProxyType({})) -> str:
    """Write what every view, table and column holds, as Markdown.

    :param asked: links to the questions that are asked of a table or view, by its name.
    :raises StoreError: where a table or view is in none of the groups, or a group names one that is not there.
    """
    comments: dict[str, str] = dict(store.rows(NAMES))
    grouped = list(itertools.chain.from_iterable(GROUPS.values()))
    if odd := set(comments).symmetric_difference(grouped):
        raise StoreError(f"GROUPS of pipeline/store/reference.py and the tables and views of the store do not agree on {', '.join(sorted(odd))}.")
    columns: dict[str, list[str]] = {}
    for table, column, kind, comment in store.rows(DESCRIBED):
        columns.setdefault(table, []).append(f"| `{column}` | {kind} | {_cell(comment)} |")
    parts = [
        HEADER,
        "| what for | tables and views |\n|---|---|\n" + "\n".join(f"| {group} | {_links(names)} |" for group, names in GROUPS.items()) + "\n",
    ]
    for group, names in GROUPS.items():
        parts.append(f"## {group}\n")
        for name in names:
            parts.append(f"### `{name}`\n\n{comments[name]}\n\n{COLUMNS}\n" + "\n".join(columns[name]) + "\n")
            if asked.get(name):
                parts.append(f"Asked in: {', '.join(asked[name])}.\n")
    return "\n".join(parts)


def _links(names: Sequence[str]) -> str:
    return ", ".join(f"[{name}](#{name})" for name in names)


def _cell(comment: str | None) -> str:
    return (comment or "").replace("|", "\\|")
