"""Removing documents with all that was derived from them, in one transaction.

Rows that hang on a text go with the last document that has it. Taxonomies are shared, and stay: they lose the citation, and a mark
takes the place of each quotation. Calls were paid for, and stay in the accounts without key, answer and texts.

Every table is handled here: by a column of text hashes, by WORDS, or by saying in HOLDS_NO_TEXT that there is nothing to remove.
"""

import hashlib
import json
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from pipeline.errors import StoreError
from pipeline.quoting import Quotations
from pipeline.state_records import Erased, Forgettable, Taught
from pipeline.store.json_columns import from_json, to_json
from pipeline.store.store import Store
from pipeline.store.tables import TABLES, Table, arrow_table, insert_rows
from pipeline.store.warehouse import Connection
from pipeline.store.writes import now

__all__ = ["HOLDS_NO_TEXT", "WORDS", "allow_return", "erase", "find_by_id", "find_returned", "find_where", "hash_columns", "id_hash", "turned_away"]

# Tables in which words may quote a text, with these columns.
WORDS: Mapping[str, tuple[str, ...]] = {
    "taxonomies": ("guide", "note"),
    "categories": ("description", "cues", "exclusions"),
    "taxonomy_changes": ("before", "after", "reason"),
    "facets": ("question", "examples"),
    "promotions": ("reason",),
    "plans": ("note",),
    "tie_breakers": ("sentence",),
}
# Tables of ids, names and figures, and those that this module looks after by name.
HOLDS_NO_TEXT = frozenset(
    "taxonomy_measures annotators annotator_quality thresholds curves classifiers student_trials arrivals drift evaluations evaluation_runs"
    " confusions reports exams stage_serving runs stage_runs review_sheets current forgotten forgettings backups".split()
)
CITING = ("members", "examples", "near_misses")  # of `categories`
BESIDE_GONE = "delete from mistakes where list_has_any(json_extract_string(try_cast(evidence as json), '$.neighbours[*][0]'), ?::varchar[])"
READ_AT_ONCE = 10_000  # rows


def id_hash(doc_id: str) -> str:
    """Hash the id of a document as `forgotten` keeps it: in SQL `sha256(doc_id)`."""
    return hashlib.sha256(doc_id.encode("utf-8", "surrogatepass")).hexdigest()


def hash_columns(table: Table) -> list[str]:
    """List the columns of a table that hold a text hash; documents go by their ids."""
    return [] if table.name in {"documents", "forgotten"} else [name for name in table.columns if name.endswith("_hash")]


def find_by_id(store: Store, doc_ids: Iterable[str]) -> Forgettable:
    """Find documents by their ids, all versions; ids that there are not are left out."""
    return _found(store, store.rows(BY_ID, wanted=_ids(doc_ids)))


def find_where(store: Store, condition: str) -> Forgettable:
    """Find the documents of which a version meets a condition of SQL, all versions.

    :raises StoreError: with DuckDB's message where the condition is none.
    """
    try:
        found = store.rows(f"select distinct doc_id from documents where (\n{condition}\n)")  # noqa: S608 - a person's own query, on tables opened to read
    except StoreError as error:
        raise StoreError(f"{condition!r} is no condition on the table documents: {error}") from error
    return find_by_id(store, [row[0] for row in found])


def find_returned(store: Store) -> Forgettable:
    """Find documents that were forgotten and are there all the same, as after a restore."""
    return find_by_id(store, [row[0] for row in store.rows(RETURNED)])


def turned_away(store: Store, doc_ids: Sequence[str], hashes: Sequence[str]) -> list[bool]:
    """Say of each document, by its id and the hash of its text, whether it was forgotten."""
    if not store.rows("select 1 from forgotten limit 1"):
        return [False] * len(doc_ids)
    columns = {"id_hash": pa.array(map(id_hash, doc_ids), pa.string()), "text_hash": pa.array(hashes, pa.string())}
    found = store.rows(TURNED_AWAY, wanted=pa.table({**columns, "place": pa.array(range(len(doc_ids)), pa.int64())}))
    places = {row[0] for row in found}
    return [place in places for place in range(len(doc_ids))]


def allow_return(store: Store, doc_ids: Iterable[str]) -> int:
    """Let documents come in again with the next read of the corpus, and count the marks that kept them out."""
    with store.writer() as connection:
        connection.register("wanted", pa.table({"id_hash": pa.array(map(id_hash, doc_ids), pa.string())}))
        changed = connection.execute("delete from forgotten where id_hash in (select id_hash from wanted)").fetchall()
        connection.unregister("wanted")
    return int(changed[0][0])


def erase(store: Store, found: Forgettable, *, keep_out: bool = True) -> Erased:
    """Remove documents and all that was derived from them from the tables; their bytes stay in the files until these are written anew.

    :param keep_out: whether the next read of the corpus is to turn them away.
    """
    gone, rows = found.gone, Counter[str]()
    with store.writer() as connection:
        students = _learnt_from(connection, gone)
        quotations = Quotations([*(found.texts[text] for text in gone), *_derived(connection, gone)])
        rows["documents"] = _delete(connection, "documents", "doc_id", _ids(found.doc_ids))
        for table in TABLES.values():
            rows[table.name] += sum(_delete(connection, table.name, column, _hashes(gone, column)) for column in hash_columns(table))
        rows["review_items"] += _delete(connection, "review_items", "doc_id", _ids(found.doc_ids))  # where its text stays, by another document
        rows["written_examples"] += _unshown(connection, gone)
        rows["mistakes"] += connection.execute(BESIDE_GONE, [list(gone)]).fetchall()[0][0]  # the next evaluation makes them anew
        rows["categories"] += _uncite(connection, gone)
        rows["llm_calls"] += _blank_calls(connection, gone, quotations)
        rows["rejects"] += _remove_rejects(connection, found, quotations)
        for name, columns in WORDS.items():
            rows[name] += _blank_words(connection, TABLES[name], columns, quotations)
        if keep_out:
            _keep_out(connection, found)
        erased = Erased(_new_id(), len(found.doc_ids), len(gone), {name: count for name, count in sorted(rows.items()) if count}, students)
        _note(connection, erased)
    return erased


def _found(store: Store, rows: Sequence[tuple[Any, ...]]) -> Forgettable:
    doc_ids, texts = list(dict.fromkeys(row[0] for row in rows)), {row[1]: row[2] for row in rows}
    shared = store.rows(SHARED, wanted=_ids(doc_ids), seen=_hashes(list(texts), "text_hash"))
    return Forgettable(doc_ids, texts, frozenset(row[0] for row in shared), [(row[0], row[1]) for row in rows])


def _learnt_from(connection: Connection, gone: Sequence[str]) -> list[Taught]:
    """List the students that learnt from the texts, and those of which that is not known."""
    if not gone:
        return []
    in_use = {row[0] for row in connection.execute(IN_USE).fetchall()}
    connection.register("gone", _hashes(gone, "text_hash"))
    found = dict(connection.execute(LEARNT).fetchall())
    connection.unregister("gone")
    unknown = {row[0]: "unknown" for row in connection.execute(UNKNOWN).fetchall()}
    return [Taught(student, part, student in in_use) for student, part in sorted((found | unknown).items())]


def _derived(connection: Connection, gone: Sequence[str]) -> list[str]:
    """Read what models wrote about the texts, which calls from before `llm_calls.texts` are found by."""
    connection.register("gone", _hashes(gone, "text_hash"))
    rows = connection.execute(DERIVED).fetchall()
    connection.unregister("gone")
    return [value for row in rows for value in row if value]


def _delete(connection: Connection, table: str, column: str, wanted: pa.Table) -> int:
    if not wanted.num_rows:
        return 0
    connection.register("wanted", wanted)
    sql = f"delete from {table} where {column} in (select {column} from wanted)"  # noqa: S608 - names are those of TABLES
    changed = connection.execute(sql).fetchall()
    connection.unregister("wanted")
    return int(changed[0][0])


def _unshown(connection: Connection, gone: Sequence[str]) -> int:
    return int(connection.execute("delete from written_examples where list_has_any(shown, ?::varchar[])", [list(gone)]).fetchall()[0][0])


def _uncite(connection: Connection, gone: Sequence[str]) -> int:
    """Take the texts out of what categories cite, and count the categories."""
    sets = ", ".join(f"{column} = [text for text in {column} if not list_contains($gone::varchar[], text)]" for column in CITING)
    where = " or ".join(f"list_has_any({column}, $gone::varchar[])" for column in CITING)
    sql = f"update categories set {sets} where {where}"  # noqa: S608 - names are constants
    return int(connection.execute(sql, {"gone": list(gone)}).fetchall()[0][0])


def _blank_calls(connection: Connection, gone: Sequence[str], quotations: Quotations) -> int:
    """Blank the calls that showed the texts, and those from before that was kept whose answer quotes them."""
    if not gone:
        return 0
    connection.register("gone", _hashes(gone, "text_hash"))
    places = [row[0] for row in connection.execute(CALLS_THAT_SHOWED).fetchall()]
    connection.unregister("gone")
    if quotations:
        places += [row[0] for row in _read(connection, CALLS_NOT_KNOWN) if any(map(quotations.found_in, row[1:]))]
    connection.register("found", pa.table({"place": pa.array(places, pa.int64())}))
    connection.execute(BLANK_CALLS)
    connection.unregister("found")
    return len(places)


def _remove_rejects(connection: Connection, found: Forgettable, quotations: Quotations) -> int:
    """Remove the rejects whose record or message quotes a text, or that name the id of a document."""
    named = {repr(doc_id) for doc_id in found.doc_ids}
    places = [
        place
        for place, reason, message, record in _read(connection, "select rowid, reason, message, record from rejects")
        if quotations.found_in(record) or quotations.found_in(message) or (reason == "duplicate_id" and any(name in message for name in named))
    ]
    return _delete(connection, "rejects", "rowid", pa.table({"rowid": pa.array(places, pa.int64())}))


def _blank_words(connection: Connection, table: Table, columns: Sequence[str], quotations: Quotations) -> int:
    """Put a mark in the place of each quotation in some columns, and count the rows."""
    if not quotations:
        return 0
    changed = 0
    rows = connection.execute(f"select rowid, {', '.join(columns)} from {table.name}").fetchall()  # noqa: S608 - names are those of WORDS
    for place, *values in rows:
        blanked = [_blanked(value, quotations, as_json=column in table.json) for column, value in zip(columns, values, strict=True)]
        if blanked != values:
            sets = ", ".join(f"{column} = ?" for column in columns)
            connection.execute(f"update {table.name} set {sets} where rowid = ?", [*blanked, place])  # noqa: S608 - names are those of WORDS
            changed += 1
    return changed


def _blanked(value: Any, quotations: Quotations, *, as_json: bool = False) -> Any:
    """Blank a string, each string of a list, or all strings of a JSON value."""
    if as_json and isinstance(value, str):
        blanked = _blanked(from_json(value), quotations)
        return value if blanked == from_json(value) else to_json(blanked)
    if isinstance(value, str):
        return quotations.blank(value)
    if isinstance(value, Mapping):
        return {key: _blanked(part, quotations) for key, part in value.items()}
    return [_blanked(part, quotations) for part in value] if isinstance(value, list) else value


def _keep_out(connection: Connection, found: Forgettable) -> None:
    """Mark each version of each document, so that reads of the corpus turn it away."""
    gone, known = set(found.gone), set(connection.execute("select id_hash, text_hash from forgotten").fetchall())
    versions = {(id_hash(doc_id), text if text in gone else None) for doc_id, text in found.versions} - known
    rows = [{"id_hash": document, "text_hash": text, "forgotten_at": now()} for document, text in sorted(versions, key=str)]
    insert_rows(connection, TABLES["forgotten"], arrow_table(TABLES["forgotten"], rows))


def _note(connection: Connection, erased: Erased) -> None:
    table = TABLES["forgettings"]
    row = {
        "forgetting_id": erased.forgetting_id, "asked_at": now(), "documents": erased.documents, "texts": erased.texts,
        "rows": json.dumps(dict(erased.rows)), "students": json.dumps({one.classifier_id: one.part for one in erased.students}),
    }  # fmt: skip
    insert_rows(connection, table, arrow_table(table, [row]))


def _read(connection: Connection, sql: str) -> Iterator[tuple[Any, ...]]:
    """Read rows in parts; nothing else may be asked of the connection meanwhile."""
    reader = connection.execute(sql)
    while rows := reader.fetchmany(READ_AT_ONCE):
        yield from rows


def _new_id() -> str:
    return f"forget:{time.strftime('%Y%m%dT%H%M%S')}-{secrets.token_hex(4)}"


def _ids(doc_ids: Iterable[str]) -> pa.Table:
    return pa.table({"doc_id": pa.array(list(doc_ids), pa.string())})


def _hashes(hashes: Sequence[str], column: str) -> pa.Table:
    return pa.table({column: pa.array(list(hashes), pa.string())})


BY_ID = "select doc_id, text_hash, text from documents semi join wanted using (doc_id) order by doc_id, first_seen"
SHARED = "select distinct text_hash from documents semi join seen using (text_hash) where doc_id not in (select doc_id from wanted)"
RETURNED = """
select distinct doc_id from documents
where exists (select 1 from forgotten where forgotten.id_hash = sha256(documents.doc_id) or forgotten.text_hash = documents.text_hash)
"""
TURNED_AWAY = """
select place from wanted
where id_hash in (select id_hash from forgotten) or text_hash in (select text_hash from forgotten where text_hash is not null)
"""
IN_USE = "select value from current where key = 'classifier_id' or key like '%/classifier_id'"
# The part that says most comes last, and counts.
LEARNT = "select classifier_id, part from lesson_texts semi join gone using (text_hash) order by part = 'taught', part = 'cited'"
UNKNOWN = "select classifier_id from classifiers where classifier_id not in (select classifier_id from lesson_texts)"
DERIVED = """
select summary, null from summaries semi join gone using (text_hash)
union all select evidence, rationale from labels semi join gone using (text_hash)
"""
CALLS_THAT_SHOWED = """
select distinct place from (select rowid as place, unnest(texts) as text_hash from llm_calls where len(texts) > 0) semi join gone using (text_hash)
"""
CALLS_NOT_KNOWN = """
select rowid, answer, raw, error from llm_calls
where coalesce(len(texts), 0) = 0 and (raw is not null or error is not null or answer_form is null or answer_form not like 'choice@%')
"""
BLANK_CALLS = """
update llm_calls set call_key = 'forgotten', answer = null, raw = null, error = null, texts = [] where rowid in (select place from found)
"""
