"""What a filled sheet may look like when it comes back: everything that can be kept is, the rest is told, and nothing is guessed."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import ReviewError
from pipeline.ids import text_hash
from pipeline.records import Category, Change
from pipeline.stages.reviews import PEOPLE, people_of
from tests.reviewed import Review, read_sheet, said, write_sheet
from tests.stored import everything
from tests.tiny import NAMES


@pytest.fixture(name="review")
def _review(at_home: Path) -> Review:
    return Review(at_home)


def test_a_filled_sheet_is_kept_and_becomes_the_word_of_people(review: Review) -> None:
    sheet = review.write(raters=("anna",), count=30).files[0]
    rows = review.fill(sheet)
    found = review.take(sheet)
    assert [(one.rows, one.accepted, one.empty, one.refused) for one in found.files] == [(30, 30, 0, {})]
    assert (found.changed, found.removed, list(found.missing.values())) == (30, 0, [0])
    assert said(review.store) == {("anna", row["document"]): row["label"] if row["label"] in NAMES.values() else None for row in rows}
    people = review.store.rows("select doc_id, category from labelled_documents where labelled_by = 'human'")
    assert {doc_id: category or "None of these" for doc_id, category in people} == {row["document"]: row["label"] for row in rows}
    assert [row[0] for row in review.store.rows("select settings ->> 'name' from annotators where kind = 'human' order by all")] == ["anna", "people"]


def test_the_same_file_twice_changes_nothing(review: Review) -> None:
    sheet = review.write(raters=("anna",), count=30).files[0]
    rows = review.fill(sheet)
    write_sheet(sheet, [*rows[1:], rows[0] | {"label": "Nonsense"}])
    review.take(sheet)
    before = (
        everything(review.store),
        review.store.rows("select * from ratings order by all"),
        review.store.rows("select * from rejects order by all"),
    )
    again = review.take(sheet)
    assert (again.changed, again.removed, again.files[0].accepted) == (0, 0, 29)
    assert before == (
        everything(review.store), review.store.rows("select * from ratings order by all"), review.store.rows("select * from rejects order by all"),
    )  # fmt: skip


def test_a_corrected_file_replaces_what_was_said_and_an_emptied_cell_takes_it_back(review: Review) -> None:
    sheet = review.write(raters=("anna",), count=10).files[0]
    rows = review.fill(sheet)
    review.take(sheet)
    other = next(name for name in NAMES.values() if name != rows[0]["label"])
    write_sheet(sheet, [rows[0] | {"label": other}, rows[1] | {"label": " "}, *rows[2:5]])
    found = review.take(sheet)
    assert (found.changed, found.removed, list(found.missing.values())) == (1, 1, [1])
    now = said(review.store)
    assert now["anna", rows[0]["document"]] == other
    assert ("anna", rows[1]["document"]) not in now
    assert len(now) == 9, "rows that the file lacks stay"
    assert dict(review.store.rows("select text_hash, category_id from labels where annotator_id = ?", [PEOPLE.annotator_id])).keys() == {
        one.text_hash for one in people_of(review.store, review.store.taxonomy(review.store.current("taxonomy_id") or "")).ratings
    }


def moved(rows: list[dict[str, str]], path: Path) -> Path:
    names = {"label": " LABEL ", "document": "Document", "sheet": "Sheet", "text": "text", "comment": "my notes"}
    return write_sheet(path, [{new: row[old] for old, new in names.items()} for row in reversed(rows)])


def without_trailing_cells(rows: list[dict[str, str]], path: Path) -> Path:
    write_sheet(path, rows)
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    path.write_text("\n".join([lines[0], *(line.rstrip(",") for line in lines[1:])]), encoding="utf-8")
    return path


KEPT_WHOLE: dict[str, Callable[[list[dict[str, str]], Path], Path]] = {
    "semicolons": lambda rows, path: write_sheet(path, rows, delimiter=";"),
    "tabs": lambda rows, path: write_sheet(path.with_suffix(".tsv"), rows, delimiter="\t"),
    "utf-16": lambda rows, path: write_sheet(path, rows, encoding="utf-16"),
    "cp1252": lambda rows, path: write_sheet(path, rows, encoding="cp1252"),
    "moved, renamed columns and rows the other way round": moved,
    "empty cells at the end of rows gone": without_trailing_cells,
    "capitals and spaces": lambda rows, path: write_sheet(path, [row | {"label": f"  {row['label'].upper()} "} for row in rows]),
    "more empty columns": lambda rows, path: write_sheet(path, [row | {"": ""} for row in rows]),
    "no texts": lambda rows, path: write_sheet(path, [{name: row[name] for name in ("sheet", "document", "label")} for row in rows]),
    "ids taken for numbers": lambda rows, path: write_sheet(path, [row | {"document": str(place)} for place, row in enumerate(rows)]),
    "each row twice": lambda rows, path: write_sheet(path, rows + rows),
    "json lines": lambda rows, path: path.with_suffix(".jsonl"),
}


@pytest.mark.parametrize("how", KEPT_WHOLE)
def test_what_spreadsheets_do_costs_no_answer(review: Review, how: str) -> None:
    with review.store.writer() as connection:
        connection.execute("update documents set text = text || ' für Zoë'")
    sheet = review.write(raters=("anna",), count=25).files[0]
    rows = review.fill(sheet)
    path = KEPT_WHOLE[how](rows, sheet.with_name("back.csv"))
    if how == "json lines":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = review.take(path)
    assert review.rejects() == []
    assert {doc_id: name for (_, doc_id), name in said(review.store).items()} == {
        row["document"]: row["label"] if row["label"] in NAMES.values() else None for row in rows
    }
    assert found.by_text == (25 if "numbers" in how else 0)
    assert found.said_twice == (25 if "twice" in how else 0)
    assert found.files[0].encoding == (how if how in {"cp1252", "utf-16"} else None)


def test_every_fault_is_told_with_its_row_and_nothing_else_is_lost(review: Review) -> None:
    sheet = review.write(raters=("anna",), count=20).files[0]
    rows = review.fill(sheet)
    a, b, c, d, e, f, g, *rest = rows
    other = next(row for row in rest if row["label"] != g["label"])["label"]
    faulty = [
        a | {"document": "no-such", "text": "somebody else's"},
        b | {"label": "Refund"},
        c | {"label": ""},
        d | {"text": e["text"]},
        e | {"text": "quite another text"},
        f | {"sheet": "sheet:0000/anna"},
        g,
        *rest,
        g | {"label": other},
    ]
    found = review.take(write_sheet(sheet, faulty))
    [report] = found.files
    told = {reason: message for _, reason, message in review.rejects()}
    assert report.refused == {"unknown_document": 1, "unknown_label": 1, "other_text": 2, "unknown_sheet": 1, "two_answers": 2}
    assert (report.rows, report.accepted, report.empty) == (21, 13, 1)
    assert "no document 'no-such'" in told["unknown_document"]
    assert "there is no category 'Refund'; the nearest names are 'Refunds and Invoices'" in told["unknown_label"]
    assert "there is no sheet 'sheet:0000'" in told["unknown_sheet"]
    assert "anna answers one document differently in rows 8, 22; keep one of them" in told["two_answers"]
    assert [position for position, reason, _ in review.rejects() if reason == "other_text"] == [5, 6]
    assert f"belongs to document '{e['document']}', as if columns had been sorted apart" in review.rejects()[2][2]
    assert {doc_id for _, doc_id in said(review.store)} == {row["document"] for row in rest}


def test_a_row_that_was_refused_is_forgotten_once_it_is_right(review: Review) -> None:
    sheet = review.write(raters=("anna",), count=8).files[0]
    rows = review.fill(sheet)
    review.take(write_sheet(sheet, [rows[0] | {"label": "?"}, *rows[1:]]))
    assert [reason for _, reason, _ in review.rejects()] == ["unknown_label"]
    review.take(write_sheet(sheet, rows))
    assert review.rejects() == []
    assert len(said(review.store)) == 8


def test_a_cut_off_file_keeps_its_whole_rows(review: Review) -> None:
    sheet = review.write(raters=("anna",), count=20).files[0]
    review.fill(sheet)
    content = sheet.read_bytes()
    sheet.write_bytes(content[: content.rindex(b"sheet:") + 20])
    found = review.take(sheet)
    assert (found.changed, list(found.missing.values())) == (19, [1])
    assert [reason for _, reason, _ in review.rejects()] in (["unknown_sheet"], ["unknown_document"])


def test_a_text_that_has_changed_in_the_corpus_since_is_told(review: Review) -> None:
    sheet = review.write(raters=("anna",), count=5).files[0]
    rows = review.fill(sheet)
    with review.store.writer() as connection:
        connection.execute("update documents set active = false where doc_id = ?", [rows[0]["document"]])
    review.take(sheet)
    assert [(reason, message.split(";")[1]) for _, reason, message in review.rejects()] == [("text_changed", " export a new sheet")]


def test_answers_follow_categories_through_versions_and_lost_ones_are_refused(review: Review) -> None:
    """Renamed and merged categories keep their answers, before the import and after it."""
    sheet = review.write(raters=("anna",), count=60).files[0]
    rows = review.fill(sheet)
    store, before = review.store, review.store.taxonomy(review.store.current("taxonomy_id") or "")
    delivery, payment, account, opening = (before.by_name(name) for name in NAMES.values())
    categories: tuple[Category, ...] = (replace(delivery, name="Parcels that are late"), payment)
    later = replace(before, taxonomy_id="tax:later", parent_id=before.taxonomy_id, categories=categories, stage="apply")
    store.save(
        [
            later,
            Change("tax:later", "merge", account.category_id, account.name, payment.name, ""),
            Change("tax:later", "drop", opening.category_id, opening.name, None, ""),
        ]
    )
    store.mark_current(taxonomy_id="tax:later")
    found = review.take(sheet)
    lost = [row for row in rows if row["label"] == "Opening Hours"]
    assert found.files[0].refused == {"lost_category": len(lost)}
    assert "'Opening Hours' was dropped since the sheet was written" in review.rejects()[0][2]
    assert any("has moved on" in note for note in found.notes)
    people = dict(store.rows("select doc_id, category from labelled_documents where labelled_by = 'human'"))
    now = {
        "Late Parcels": "Parcels that are late",
        "Refunds and Invoices": "Refunds and Invoices",
        "Login Trouble": "Refunds and Invoices",
        "None of these": None,
    }
    assert people == {row["document"]: now[row["label"]] for row in rows if row not in lost}


def test_a_rater_is_named_by_the_sheet_or_by_hand(review: Review) -> None:
    sheet = review.write(count=5).files[0]
    review.fill(sheet)
    with pytest.raises(ReviewError, match=r"Row 2 of .*sheet\.csv does not say who filled it in; name the rater with --rater"):
        review.take(sheet)
    assert said(review.store) == {}
    review.take(sheet, rater="dora")
    assert {rater for rater, _ in said(review.store)} == {"dora"}


def test_a_sheet_is_named_by_the_file_or_by_hand(review: Review) -> None:
    first = review.write(count=8, raters=("anna",))
    rows = review.fill(first.files[0])
    review.write("other.csv", count=9)
    bare = write_sheet(review.folder / "bare.csv", [{"document": row["document"], "label": row["label"]} for row in rows])
    with pytest.raises(ReviewError, match="names no sheet, and there are 2"):
        review.take(bare, rater="anna")
    assert review.take(bare, rater="anna", sheet=first.sheet.sheet_id[:14]).changed == 8


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.csv", "name,age\nx,1\n", "is no review sheet: it has no column 'document' and no column 'label'; it has 'name', 'age'"),
        ("a.csv", "document,label,Label\nx,a,b\n", "has 'label' and 'Label', which may both be one column"),
        ("a.xlsx", "PK", "is no sheet by its ending"),
        ("a.json", '[{"document": "x"', "cannot be read: .* is not a JSON array"),
        ("missing.csv", None, "There is no file"),
    ],
)
def test_what_is_no_sheet_is_refused_as_a_whole(review: Review, tmp_path: Path, name: str, content: str | None, error: str) -> None:
    review.write(count=5)
    if content is not None:
        (tmp_path / name).write_text(content)
    before = everything(review.store)
    with pytest.raises(ReviewError, match=error):
        review.take(tmp_path / name, rater="anna")
    assert everything(review.store) == before


def test_a_formula_comes_back_as_the_text_that_it_was(review: Review) -> None:
    with review.store.writer() as connection:
        connection.execute("update documents set text = '=SUM(A1) ' || text, doc_id = '-' || doc_id")
    sheet = review.write(raters=("anna",), count=8).files[0]
    rows = [row | {"label": "None of these", "comment": "'=1"} for row in read_sheet(sheet)]
    assert all(row["document"].startswith("'-") for row in rows)
    found = review.take(write_sheet(sheet, rows))
    assert found.files[0].accepted == 8
    assert {row[0] for row in review.store.rows("select comment from ratings")} == {"=1"}


def test_what_is_forgotten_takes_its_answers_along(review: Review) -> None:
    from pipeline.store.forgetting import erase, find_by_id

    sheet = review.write(raters=("anna",), count=10).files[0]
    row = review.fill(sheet)[0]
    review.take(sheet)
    erase(review.store, find_by_id(review.store, [row["document"]]))
    assert text_hash(row["text"]) not in {
        text for (text,) in review.store.rows("select text_hash from ratings union select text_hash from review_items")
    }
    assert review.take(sheet).files[0].refused == {"unknown_document": 1}
