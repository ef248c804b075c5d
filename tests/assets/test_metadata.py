"""What the UI shows of a stage: figures, tables, pictures and links, from the tables of a finished run."""

import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.metadata import describe
from pipeline.call_records import StageServing
from pipeline.settings import Project
from pipeline.stages import STAGES, Report, Session, run_stage
from pipeline.testing import ScriptedChat
from tests.tiny import tiny_rows, tiny_session

LARGEST = 60_000  # bytes of a picture
SERVED = StageServing(
    "run", "labels", "small", "http://127.0.0.1:1", questions=10, from_ledger=4, calls=6, failed_calls=1, tokens_in=600, tokens_cached=300,
    tokens_out=30, cost=0.25, seconds=2.0, busy_seconds=1.0, in_flight=1.5, most_in_flight=3, queued=None, most_queued=None,
)  # fmt: skip


@pytest.fixture
def opened(make_project: Callable[..., Project], copied: Path) -> Any:
    with tiny_session(make_project(), copied, chat=ScriptedChat([])) as session:
        yield session


def shown(session: Session, stage: str, **about: Any) -> dict[str, Any]:
    return describe(Report(stage, 1, 2, 0.5, **about), session)


def execute(session: Session, *statements: str) -> None:
    with session.store.writer() as connection:
        for sql in statements:
            connection.execute(sql)
    session.store.publish()


def picture(value: dg.MarkdownMetadataValue) -> bytes:
    head, _, png = str(value.value).removesuffix(")").partition("](data:image/png;base64,")
    assert head.startswith("![")
    return base64.b64decode(png, validate=True)


EVALUATED = [("evaluation", f"{name}_picture") for name in ("quality", "confusions", "label")]


@pytest.mark.parametrize(
    ("stage", "name"), [("labels", "label_picture"), ("predictions", "label_picture"), ("evaluation", "seconds_picture"), *EVALUATED]
)
def test_pictures_are_small_png(stage: str, name: str, opened: Session) -> None:
    png = picture(shown(opened, stage)[name])
    assert png.startswith(b"\x89PNG")
    assert len(png) < LARGEST


def test_every_stage_links_to_the_published_file_and_derived_ones_to_their_columns(opened: Session) -> None:
    for stage in STAGES:
        about = shown(opened, stage)
        assert Path(about["store"].value).exists()
        assert ("dagster/column_lineage" in about) == (stage != "documents")
    assert "# tiny" in Path(shown(opened, "classifier")["model_card"].value).read_text(encoding="utf-8")


def test_a_learning_curve_is_drawn_from_the_second_student_on(opened: Session) -> None:
    assert "learning_curve" not in shown(opened, "classifier")
    execute(opened, "insert into classifiers by name select * replace ('student:other' as classifier_id, 20 as trained_on) from classifiers")
    assert picture(shown(opened, "classifier")["learning_curve"]).startswith(b"\x89PNG")


def test_partitions_are_shown_with_their_documents_and_labels(opened: Session) -> None:
    assert "partitions" not in shown(opened, "predictions")
    execute(opened, "update documents set \"partition\" = '2026-01-0' || (1 + hash(doc_id) % 3)")
    about = shown(opened, "predictions")
    head, _, *rows = about["partitions"].value.splitlines()
    assert head.startswith("| partition | documents | ")
    assert [row.split(" | ")[0] for row in rows] == ["| 2026-01-01", "| 2026-01-02", "| 2026-01-03"]
    assert sum(int(row.split(" | ")[1]) for row in rows) == 120
    assert len(picture(about["partition_picture"])) < LARGEST


def test_failures_are_counted_by_kind(opened: Session) -> None:
    assert shown(opened, "annotations")["texts_without_answer"] == 0
    execute(
        opened,
        "insert into failures select stage, 'text:' || n, 's', kind, 'so', 3, now() from (values ('annotations', 1, 'malformed'),"
        " ('annotations', 2, 'malformed'), ('evidence', 3, 'no_quote'), ('summaries', 4, 'empty')) as given (stage, n, kind)",
    )
    about = shown(opened, "annotations")
    assert about["texts_without_answer"] == 3
    assert about["failures"].value.splitlines()[2:] == ["| malformed | 2 | so | 3 |", "| no_quote | 1 | so | 3 |"]


def test_of_several_models_money_and_cache_hits_are_summed_and_each_has_a_row(opened: Session) -> None:
    alone = shown(opened, "labels", served=(SERVED,))
    assert (alone["model"], alone["cost"], alone["answered_from_ledger"]) == ("small", 0.25, 4)
    both = shown(opened, "labels", served=(SERVED, replace(SERVED, model="large", cost=1.0)))
    assert (both["cost"], both["answered_from_ledger"], both["failed_calls"]) == (1.25, 8, 2)
    head, _, *rows = both["models"].value.splitlines()
    assert head.startswith("| model | server | ")
    assert [row.split(" | ")[0] for row in rows] == ["| small", "| large"]


def test_the_report_is_linked_with_its_verdict(opened: Session) -> None:
    run_stage("report", opened)
    about = shown(opened, "report")
    assert Path(about["report"].value).read_text(encoding="utf-8").startswith("<!doctype html>")
    assert about["page"].value == Path(about["report"].value).as_uri()
    assert about["verdict"].value.startswith("120 documents bear one of 4 categories")
    assert "| Exploring | yes |" in about["trust"].value


def test_documents_are_told_apart_from_their_copies_and_by_language(make_project: Callable[..., Project], tmp_path: Path) -> None:
    long = "The parcel with my new winter coat has still not come, and the shop does not answer my letters any more"
    texts = ["Where is my refund?"] * 2 + [
        long,
        long + "!!",
        "Die Rechnung ist falsch und ich möchte mein Geld zurück haben",
        *(row["text"] for row in tiny_rows()[:5]),
    ]
    rows = [{"id": str(number), "text": text, "topic": "x"} for number, text in enumerate(texts)]
    corpus = {"path": "data/tiny.jsonl", "id": "id", "text": "text", "near_duplicates": {"threshold": 0.8}, "detect_language": True}
    with tiny_session(make_project(rows, corpus=corpus), tmp_path / "state", chat=ScriptedChat([])) as session:
        run_stage("documents", session)
        session.store.publish()
        about = shown(session, "documents")
    assert (about["rejects"], about["exact_copies"], about["near_copies"]) == ("none", 1, 1)
    assert long in about["least_alike"].value
    assert f"{long}!!" in about["least_alike"].value
    assert "| de | detector | 1 |" in about["languages"].value


def test_of_documents_no_more_is_shown_than_the_project_asks_for(opened: Session) -> None:
    about = shown(opened, "documents")
    assert about["exact_copies"] == 0
    assert not {"near_copies", "least_alike", "languages"} & about.keys()
