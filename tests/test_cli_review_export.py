"""`linnaeus review export`: sheets that give nothing away, chosen as planned, for each tool."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from scipy.stats import spearmanr

from pipeline.cli import app
from pipeline.cli.review import raters_of
from pipeline.errors import ReviewError
from pipeline.review_records import ReviewItem
from pipeline.settings import load_project
from pipeline.stages.review_export import SheetWish, export_sheets
from pipeline.store import Store
from tests.test_cli_export import run
from tests.tiny import NAMES

assert app


@pytest.fixture(name="store")
def _store(at_home: Path) -> Store:
    return Store.open(at_home / ".linnaeus" / "projects" / "tiny")


def read_sheet(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def items_of(store: Store) -> Iterator[ReviewItem]:
    for sheet in store.review_sheets():
        yield from store.review_items(sheet.sheet_id)


def test_a_sheet_for_each_rater_is_written_blind(store: Store, tmp_path: Path) -> None:
    said = run("review", "export", "tiny", str(tmp_path / "out" / "sheet.csv"), "--raters", "anna, ben", "--count", "40", "--overlap", "0.5")
    assert said.exit_code == 0, said.output
    assert "40 of 120 texts, where 40 were asked for" in said.output
    assert "nothing learns from them" in said.output
    [sheet] = store.review_sheets()
    items = {item.doc_id: item for item in items_of(store)}
    assert (sheet.design, sheet.teaches, sheet.raters, sheet.size) == ("sample", False, ("anna", "ben"), 40)
    assert sum(item.weight or 0 for item in items.values()) == pytest.approx(120)
    orders = []
    for rater in ("anna", "ben"):
        rows = read_sheet(tmp_path / "out" / f"sheet-{rater}.csv")
        assert list(rows[0]) == ["sheet", "row", "document", "text", "label", "comment"]
        assert {row["sheet"] for row in rows} == {f"{sheet.sheet_id}/{rater}"}
        assert [int(row["row"]) for row in rows] == list(range(1, 31))
        assert {row["document"] for row in rows} == {key for key, item in items.items() if rater in item.raters}
        assert not any(row["label"] or row["comment"] for row in rows)
        texts = {document.text_hash: document.text for document in store.texts([item.text_hash for item in items.values()])}
        assert all(texts[items[row["document"]].text_hash] == row["text"] for row in rows)
        orders.append([row["document"] for row in rows])
    assert orders[0] != orders[1]
    labels = read_sheet(tmp_path / "out" / "sheet.labels.csv")
    assert [row["label"] for row in labels] == [*store.taxonomy(sheet.taxonomy_id).names(), "None of these"]


def test_neither_order_nor_cells_tell_what_the_model_said(store: Store, tmp_path: Path) -> None:
    """Over many seeds the place of a row goes with neither the prediction nor its probability."""
    project = load_project(tmp_path / "projects" / "tiny.yaml")
    sure = {
        text: probability for text, probability in store.rows("select text_hash, probability from labelled_documents where probability is not null")
    }
    ids: dict[str | None, int] = {}
    found: list[tuple[float, float]] = []
    for seed in range(40):
        made = export_sheets(store, project, SheetWish(seed=seed, count=60), target=tmp_path / f"{seed}.csv")
        rows = read_sheet(made.files[0])
        items = {item.doc_id: item for item in store.review_items(made.sheet.sheet_id)}
        order = [items[row["document"]] for row in rows]
        strata = [ids.setdefault(item.stratum, len(ids)) for item in order]
        places = range(len(order))
        found.append((spearmanr(places, strata).statistic, spearmanr(places, [sure.get(item.text_hash, 0.0) for item in order]).statistic))
        text = Path(made.files[0]).read_text(encoding="utf-8")
        assert not any(category in text for category in ("cat:", *NAMES.values()))
    for values in zip(*found, strict=True):
        assert abs(sum(values) / len(values)) < 3 / (40 * 59) ** 0.5  # three standard errors of a mean of 40 correlations of 60 rows


def test_the_same_wish_gives_the_same_sheet_and_writes_no_row_anew(store: Store, tmp_path: Path) -> None:
    project = load_project(tmp_path / "projects" / "tiny.yaml")
    wish = SheetWish(raters=("anna",), half_width=0.1)
    first = export_sheets(store, project, wish, target=tmp_path / "a.csv")
    kept = store.rows("select * from review_sheets"), store.rows("select * from review_items order by all")
    second = export_sheets(store, project, wish, target=tmp_path / "b.csv")
    assert first.sheet == second.sheet
    assert (tmp_path / "a-anna.csv").read_bytes() == (tmp_path / "b-anna.csv").read_bytes()
    assert kept == (store.rows("select * from review_sheets"), store.rows("select * from review_items order by all"))


def test_what_a_spreadsheet_takes_for_a_formula_is_made_text(store: Store, tmp_path: Path) -> None:
    with store.writer() as connection:
        connection.execute("update documents set text = '=HYPERLINK(\"x\")' || text")
    run("review", "export", "tiny", str(tmp_path / "sheet.csv"), "--count", "10")
    assert all(row["text"].startswith("'=HYPERLINK") for row in read_sheet(tmp_path / "sheet.csv"))


def test_a_guide_quotes_no_text_that_is_to_be_labelled(store: Store, tmp_path: Path) -> None:
    [(guide,)] = store.rows("select guide from taxonomies where taxonomy_id = (select value from current where key = 'taxonomy_id')")
    run("review", "export", "tiny", str(tmp_path / "sheet.csv"), "--count", "120")
    written = (tmp_path / "sheet.guide.md").read_text(encoding="utf-8")
    quoted = [row["text"] for row in read_sheet(tmp_path / "sheet.csv") if row["text"] in guide and len(row["text"]) > 30]
    assert quoted, "the guide of the taxonomy quotes examples"
    assert not [text for text in quoted if text in written]
    assert all(name in written for name in store.taxonomy(store.current("taxonomy_id") or "").names())


def test_a_guide_quotes_no_short_text_that_is_to_be_labelled_either(store: Store, tmp_path: Path) -> None:
    with store.writer() as connection:
        connection.execute("update documents set text = 'Shut up.' where doc_id = (select min(doc_id) from documents)")
        connection.execute("update taxonomies set guide = 'Say “shut up.” where the user is up for it: “shut the door”.'")
    run("review", "export", "tiny", str(tmp_path / "sheet.csv"), "--count", "120")
    written = (tmp_path / "sheet.guide.md").read_text(encoding="utf-8")
    assert "Say “…” where the user is up for it: “shut the door”." in written


def test_label_studio_gets_tasks_without_predictions(store: Store, tmp_path: Path) -> None:
    said = run("review", "export", "tiny", str(tmp_path / "sheet"), "--format", "label-studio", "--count", "12", "--also")
    assert said.exit_code == 0, said.output
    tasks = json.loads((tmp_path / "sheet" / "tasks-00001.json").read_text(encoding="utf-8"))
    assert len(tasks) == 12
    assert all(set(task) == {"data", "predictions"} and task["predictions"] == [] for task in tasks)
    assert {key for task in tasks for key in task["data"]} == {"sheet", "row", "doc_id", "text_hash", "text"}
    config = ElementTree.parse(tmp_path / "sheet" / "labeling_config.xml").getroot()
    choices = config.find("Choices")
    assert choices is not None
    assert choices.get("choice") == "multiple"
    assert {choice.get("value") for choice in choices} == {*store.taxonomy(store.current("taxonomy_id") or "").names(), "None of these"}


def test_argilla_gets_records_without_suggestions(store: Store, tmp_path: Path) -> None:
    run("review", "export", "tiny", str(tmp_path / "sheet"), "--format", "argilla", "--count", "12", "--raters", "2")
    records = json.loads((tmp_path / "sheet-rater-2" / "records.json").read_text(encoding="utf-8"))
    assert len(records) == 12
    assert all(record["suggestions"] == record["responses"] == {} for record in records)
    assert {key for record in records for key in record["metadata"]} == {"sheet", "row", "text_hash"}


def test_the_most_doubtful_first_teach_and_are_no_sample(store: Store, tmp_path: Path) -> None:
    run("review", "export", "tiny", str(tmp_path / "eval.csv"), "--count", "30")
    said = run("review", "export", "tiny", str(tmp_path / "queue.csv"), "--from", "review_queue", "--count", "20")
    assert "no accuracy can be estimated" in said.output
    assert "The answers will teach." in said.output
    sheet = store.review_sheets()[-1]
    assert (sheet.design, sheet.teaches, sheet.size) == ("queue", True, 20)
    queue = dict.fromkeys(row[0] for row in store.query("select text_hash from review_queue")[1])
    reserved = store.reserved_texts()
    assert {item.text_hash for item in store.review_items(sheet.sheet_id)} == set([text for text in queue if text not in reserved][:20])


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--width", "0.1", "--count", "3"], "give one of them"),
        (["--width", "2"], "The half width of an interval is above 0 and below 0.5, and this is 2"),
        (["--raters", "anna,../ben"], "'../ben' cannot be the name of a rater"),
        (["--raters", "anna,Anna"], "named twice"),
        (["--adjudicate"], "there is nothing to adjudicate"),
        (["--facet", "mood"], "has no facet 'mood'"),
    ],
)
def test_a_mistake_is_told_in_a_line_and_nothing_is_written(
    store: Store, tmp_path: Path, tell: Callable[..., tuple[int, str, str]], arguments: list[str], error: str
) -> None:
    code, out, err = tell("review", "export", "tiny", str(tmp_path / "new" / "sheet.csv"), *arguments)
    assert (code, out) == (1, "")
    assert error in err
    assert not (tmp_path / "new").exists()
    assert store.review_sheets() == []


def test_what_is_there_is_replaced_only_when_it_is_asked(store: Store, tmp_path: Path, tell: Callable[..., tuple[int, str, str]]) -> None:
    arguments: tuple[Any, ...] = ("review", "export", "tiny", str(tmp_path / "sheet.csv"), "--count", "10", "--raters", "anna,ben")
    (tmp_path / "sheet-ben.csv").write_text("mine")
    code, _, err = tell(*arguments)
    assert (code, (tmp_path / "sheet-anna.csv").exists()) == (1, False)
    assert "is there already" in err
    assert run(*arguments, "--overwrite").exit_code == 0


def test_raters_are_named_or_counted() -> None:
    assert raters_of("") == ()
    assert raters_of("3") == ("rater-1", "rater-2", "rater-3")
    assert raters_of(" Anna Müller ,ben,") == ("Anna Müller", "ben")
    with pytest.raises(ReviewError, match="at most 60 characters"):
        raters_of("x" * 61)
