"""A finished project with something to answer every question of docs/sql.md: a shop's messages, with times, people and mistakes."""

from datetime import datetime, timedelta

import numpy as np

from pipeline.call_records import StageServing
from pipeline.ids import text_hash
from pipeline.records import Annotator, Category, Document, Failure, Label, Reject, Student, Taxonomy
from pipeline.stages import Session
from pipeline.stages.drift import measure_drift
from pipeline.store import Store
from tests.tiny import NAMES

__all__ = ["furnish"]

OPENED = datetime(2026, 1, 5, 9)
URGENT, LATER = "cat:urgent", "cat:later"
# Three weeks of messages by three channels in two languages; every sixth came with the second day's files, every seventh with the third's.
DATED = """
update documents set
    metadata = json_object('channel', ['mail', 'chat', 'phone'][1 + place % 3]),
    language = case when place % 4 = 3 then 'de' else 'en' end,
    written_at = timestamp '2026-01-05 09:00:00' + to_hours(4 * place::bigint),
    first_seen = timestamp '2026-01-19 02:00:00' + to_days(case when place % 7 = 0 then 2 when place % 6 = 0 then 1 else 0 end),
    last_seen = timestamp '2026-01-21 02:00:00'
from (select doc_id as key, row_number() over (order by doc_id) as place from documents) as numbered
where documents.doc_id = numbered.key
"""
# Two labels of the teacher that the student contradicts.
CONTRADICTED = """
update labels set category_id = (select max(category_id) from categories where categories.taxonomy_id = labels.taxonomy_id)
where annotator_id = ? and text_hash in (
    select text_hash from labels where annotator_id = ? and category_id <> (
        select max(category_id) from categories where categories.taxonomy_id = labels.taxonomy_id
    ) order by text_hash limit 2
)
"""
# Two texts of one category that version 3 cited in another.
MOVED = """
update categories set members = list_concat(members, (
    select members[:2] from categories as other where other.taxonomy_id = categories.taxonomy_id and name = 'Login Trouble'
)) where taxonomy_id = (select taxonomy_id from taxonomies where seq = 3) and name = 'Refunds and Invoices'
"""
# A letter that was sent twice, with other words at its end.
COPIED = """
insert into near_duplicates (text_hash, spec, original_hash, cluster_hash, similarity)
select copy.text_hash, 'near:shop', original.text_hash, original.text_hash, 0.83
from documents as copy, documents as original where copy.doc_id = 'again-2' and original.doc_id = 'again-1'
"""
DOUBTFUL = """
select distinct disagreements.text_hash, gold from disagreements join documents using (text_hash)
where llm <> student and gold is not null order by disagreements.text_hash
"""


def furnish(session: Session) -> Store:
    """Fill a copy of the tiny project's finished store, and publish it."""
    store = session.store
    with store.writer() as connection:
        connection.execute(DATED)
        connection.execute(CONTRADICTED, [store.current("teacher_annotator_id")] * 2)
        connection.execute(MOVED)
        connection.execute("delete from drift")
    measure_drift(session)
    _people(store)
    _odd_documents(store)
    _urgency(store)
    store.save(
        [
            Reject("documents", "no_text", "The text is empty; expected a text.", '{"id": 7}', "messages.jsonl", 7),
            Reject("documents", "broken_row", "The line is no JSON; expected an object.", '{"id": 9', "messages.jsonl", 9),
            Reject("documents", "broken_row", "The line is no JSON; expected an object.", "{{", "messages.jsonl", 12),
            StageServing("run", "annotations", "scripted", None, 60, 0, 60, 0, 9000, 0, 120, 0.04, 12.0, 11.0, 3.0, 4, None, None),
            StageServing("run", "summaries", "scripted", None, 60, 0, 60, 0, 5000, 0, 300, 0.02, 9.0, 8.0, 3.0, 4, None, None),
        ]
    )
    store.publish()
    return store


def _people(store: Store) -> None:
    """Let a person say what is right where the model and the student differ, agree once, and find that nothing fits one text."""
    taxonomy_id, teacher = store.current("taxonomy_id") or "", store.current("teacher_annotator_id") or ""
    ids = {category.name: category.category_id for category in store.taxonomy(taxonomy_id).categories}
    chosen: dict[str, str | None] = {text: ids[NAMES[topic]] for text, topic in store.rows(DOUBTFUL)}
    agreed, unfit = [label for label in store.labels(taxonomy_id, teacher) if label.text_hash not in chosen][:2]
    chosen |= {agreed.text_hash: agreed.category_id, unfit.text_hash: None}
    store.save([Annotator("annotator:ana", "human", None, None, {"name": "Ana"})])
    store.save([Label(text, taxonomy_id, "annotator:ana", category_id, None) for text, category_id in chosen.items()])


def _odd_documents(store: Store) -> None:
    """Add a copy and a near copy of a text, a text that nobody has looked at yet, one that the model failed at, and one that has gone since."""
    earlier, latest = OPENED + timedelta(days=14), OPENED + timedelta(days=16)
    gone = _message("gone-1", "Thank you, the parcel has come after all")
    store.save_documents([gone], seed=1, seen_at=earlier)
    copy = _message("again-1", store.rows("select min(text) from documents where text <> ?", [gone.text])[0][0])
    failed = _message("odd-1", "asdf qwer")
    near = _message("again-2", f"{copy.text}, please")
    store.save_documents([copy, near, _message("new-1", "Do you sell kettles?"), failed], seed=1, seen_at=latest)
    store.mark_current(near_spec="near:shop")
    with store.writer() as connection:
        connection.execute(COPIED)
        connection.execute("update documents set active = false where doc_id = 'gone-1'")
    annotator = store.current("llm_annotator_id") or ""
    store.save_failures("annotations", annotator, [Failure(failed.text_hash, "invalid_json", "The answer was no JSON.", 5)])


def _message(doc_id: str, text: str) -> Document:
    return Document(doc_id, text_hash(text), text, "messages.jsonl:1", {"channel": "chat"}, language="en", written_at=OPENED + timedelta(days=20))


def _urgency(store: Store) -> None:
    """Give the project a second facet, whose student has labelled every text."""
    categories = (Category(URGENT, "Urgent", "Cannot wait"), Category(LATER, "Can Wait", "Can wait"))
    taxonomy = Taxonomy("tax:urgency", "given", 0, None, "how urgent is it", "given", categories, facet="urgency")
    student = Student("student:urgency", "tax:urgency", "annotator:none", "hashed-words@1", "", "", {}, {}, 60)
    store.save([taxonomy, student])
    hashes = [row[0] for row in store.rows("select distinct text_hash from documents where active order by text_hash")]
    chosen = [URGENT if place % 3 == 0 else LATER for place in range(len(hashes))]
    store.save_predictions("student:urgency", hashes, chosen, np.full(len(hashes), 0.8))
    store.of_facet("urgency").mark_current(taxonomy_id="tax:urgency", classifier_id="student:urgency")
