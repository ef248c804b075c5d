"""Which rows and columns of the published tables an export has, as one query with bound values.

A kept column of the corpus becomes a column of its own, under its own name. A condition is the person's own SQL: it runs on a
connection that can read the published tables and nothing else.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.errors import ExportError
from pipeline.export_settings import ExportSettings
from pipeline.settings import MAIN
from pipeline.store.published import Published

__all__ = ["NEEDED", "SPLIT", "Selection", "select_rows"]

SPLIT = "split"  # column that says whether a document is for training
NEEDED = (
    "doc_id",
    "text",
    "category",
    "category_id",
    "probability",
    "labelled_by",
    "taxonomy_id",
    "also",
    "text_hash",
)  # where labels are made of rows
HEX = 12  # digits of a hash that decide the side of a split
TEXT = "VARCHAR"
WIDER = (  # types, and what each holds beside nulls, the narrowest first
    ("BOOLEAN", {"NULL", "BOOLEAN"}), ("UBIGINT", {"NULL", "UBIGINT"}), ("BIGINT", {"NULL", "UBIGINT", "BIGINT"}),
    ("DOUBLE", {"NULL", "UBIGINT", "BIGINT", "DOUBLE"}),
)  # fmt: skip
Values = tuple[Any, ...]


@dataclass(frozen=True)
class Selection:
    """A query, the values of its places, and the types of its columns by name."""

    sql: str
    values: Values
    columns: Mapping[str, str]

    def counted(self, copy: Published) -> int:
        """Count its rows."""
        return int(copy.rows(f"select count(*) from ({self.sql})", self.values)[0][0])  # noqa: S608 - a query of this module


def select_rows(copy: Published, wanted: ExportSettings, *, seed: int) -> Selection:
    """Say which rows an export has; documents of the format `datasets` get their split, by `seed`.

    :raises ExportError: where there is no such table or column.
    :raises StoreError: where the condition cannot be understood.
    """
    pointers = copy.pointers
    if wanted.facet != MAIN:
        copy.as_of_facet(wanted.facet)
    source, values = _documents(copy, wanted, pointers) if wanted.what in {"labels", "review"} else _table(copy, wanted)
    if wanted.kind == "datasets":
        source, values = _split(source, values, wanted, pointers, seed)
    there = copy.columns(source, values)
    names = _chosen(wanted, there)
    where = f" where ({wanted.where}\n)" if wanted.where else ""
    order = " order by reason is null, probability nulls first, doc_id" if wanted.what == "review" else ""
    sql = f"select {', '.join(map(_name, names))} from ({source}) as exported{where}{order}"  # noqa: S608 - names are those of the query
    return Selection(sql, values, {name: there[name] for name in names})


def _documents(copy: Published, wanted: ExportSettings, pointers: Mapping[str, str]) -> tuple[str, Values]:
    """Give each active document with its best label, what is known of it, and its kept columns."""
    kept, places = _kept_columns(copy)
    gold = ", d.gold" if wanted.gold else ""
    review = wanted.what == "review"
    sql = DOCUMENTS.format(
        kept="".join(f", {one}" for one in kept), gold=gold, reason=", q.reason" if review else "",
        queue="join review_queue as q on l.doc_id = q.doc_id" if review else "",
    )  # fmt: skip
    return sql, (*places, pointers.get("language_detector"))


DOCUMENTS = """
select l.doc_id, l.text, l.category, l.category_id, l.probability, l.labelled_by, l.taxonomy_id, l.also, l.evidence{reason},
    d.title, coalesce(d.language, s.language) as language, d.written_at, d.partition, d.source, l.text_hash{kept}{gold}
from labelled_documents as l
join documents as d on l.doc_id = d.doc_id and l.text_hash = d.text_hash and d.active
{queue}
left join languages as s on l.text_hash = s.text_hash and s.detector = ?
"""
OURS = frozenset(
    "doc_id text category category_id probability labelled_by taxonomy_id also evidence reason title language written_at partition source text_hash"
    " gold split near".split()
)


def _kept_columns(copy: Published) -> tuple[list[str], Values]:
    """Spell each kept column of the corpus as an expression of the type that its values have, with the places of these in the JSON."""
    taken, expressions, places = set(OURS), [], []
    for key, kind in _kinds(copy).items():
        name = key if key.lower() not in taken else f"metadata.{key}"
        while name.lower() in taken:
            name += "_"
        taken.add(name.lower())
        value = "json_extract_string(d.metadata, ?)"
        expressions.append(f"{value} as {_name(name)}" if kind == TEXT else f"cast({value} as {kind}) as {_name(name)}")
        places.append("/" + key.replace("~", "~0").replace("/", "~1"))
    return expressions, tuple(places)


def _kinds(copy: Published) -> dict[str, str]:
    """Give the type of each kept column: the narrowest that holds all its values, and text for what is no single value or differs in kind."""
    rows = copy.rows("select distinct cast(json_structure(metadata) as varchar) from documents where active and metadata is not null")
    found = [one for row in rows if isinstance(one := json.loads(row[0]), dict)]
    seen: dict[str, set[str]] = {}
    for one in sorted(found, key=lambda one: (-len(one), str(one))):  # the fullest says the order
        for key, kind in one.items():
            seen.setdefault(key, set()).add(str(kind))
    return {key: next((wide for wide, narrow in WIDER if kinds - {"NULL"} and kinds <= narrow), TEXT) for key, kinds in seen.items()}


def _table(copy: Published, wanted: ExportSettings) -> tuple[str, Values]:
    """Give a table or view as it is, without the known labels unless they are asked for."""
    named = copy.rows("select table_name from duckdb_tables() union select view_name from duckdb_views() where not internal order by 1")
    if wanted.what not in {row[0] for row in named}:
        raise ExportError(f"There is no {wanted.what!r} to export; there are labels, review, and {', '.join(row[0] for row in named)}.")
    if wanted.facet != MAIN:
        raise ExportError(f"The rows of {wanted.what} are not told apart by facet; leave the facet out, and say which rows with a condition.")
    every = copy.columns(f"select * from {_name(wanted.what)}")  # noqa: S608 - the name of a table that is there
    names = [name for name in every if wanted.gold or name != "gold"]
    return f"select {', '.join(map(_name, names))} from {_name(wanted.what)}", ()  # noqa: S608 - names that are there


def _split(source: str, values: Values, wanted: ExportSettings, pointers: Mapping[str, str], seed: int) -> tuple[str, Values]:
    """Put each document on a side by the hash of what it and its near copies have in common; without a label it is on neither."""
    threshold = f"{int(wanted.test_share * 16**HEX):0{HEX}x}"
    return SPLITS.format(source=source), (seed, HEX, threshold, *values, pointers.get("near_spec"))


# Copies that differ in case, spaces or marks alone stay together even where nobody has looked for near copies.
SPLITS = r"""
select rows.*,
    case
        when rows.category_id is null then 'unlabelled'
        when substr(md5(concat(?::varchar, ':', coalesce(
            n.cluster_hash,
            nullif(regexp_replace(lower(rows.text), '[^\p{{L}}\p{{N}}]+', '', 'g'), ''),
            rows.text_hash
        ))), 1, ?) < ? then 'test'
        else 'train'
    end as split
from ({source}) as rows
left join near_duplicates as n on rows.text_hash = n.text_hash and n.spec = ?
"""


def _chosen(wanted: ExportSettings, there: Mapping[str, str]) -> list[str]:
    """Name the columns of an export: those asked for, in their order, and those that its format needs."""
    asked = [*wanted.columns, *([wanted.partition_by] if wanted.partition_by else [])]
    if unknown := [name for name in asked if name not in there]:
        raise ExportError(f"There is no column {', '.join(map(repr, unknown))} in {wanted.what}; there are {', '.join(there)}.")
    if not wanted.columns:
        return list(there)
    needed = [] if wanted.kind in {"parquet", "csv", "jsonl"} else [*NEEDED, *([SPLIT] if SPLIT in there else [])]
    return list(dict.fromkeys([*asked, *needed]))


def _name(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'
