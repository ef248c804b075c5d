"""Which language a text is in: detected once a text where the corpus does not say, and never guessed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ProjectError
from pipeline.language_detection import SURE, detect, detector_id
from pipeline.settings import Project
from pipeline.stages import run_stage
from tests.tiny import tiny_rows, tiny_session

GERMAN = "Wo bleibt denn mein Paket, das ich vor zwei Wochen bestellt habe?"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Where is the parcel that I ordered two weeks ago?", "en"),
        (GERMAN, "de"),
        ("Où est le colis que j'ai commandé il y a deux semaines ?", "fr"),
        ("我两周前订购的包裹在哪里", "zh"),
        ("Где посылка, которую я заказал две недели назад?", "ru"),
        ("ok", None),
        ("12345 :-)", None),
        ("", None),
    ],
)
def test_a_language_is_named_where_it_is_sure(text: str, language: str | None) -> None:
    ((found, probability),) = detect([text])
    assert found == language
    assert 0 <= probability <= 1
    assert found is None or probability >= SURE


def test_the_detector_is_named_with_its_version() -> None:
    assert detector_id() == "py3langid@0.4.0 from 0.5"


def detecting(make_project: Callable[..., Project], rows: list[dict[str, Any]], **corpus: Any) -> Project:
    project = make_project(rows)
    changed = type(project.corpus).model_validate(project.corpus.model_dump() | {"detect_language": True, **corpus})
    return project.model_copy(update={"corpus": changed})


def test_each_text_is_looked_at_once_and_the_corpus_has_the_word(make_project: Callable[..., Project], tmp_path: Path) -> None:
    rows = [row | {"lang": "nl" if place == 0 else None} for place, row in enumerate(tiny_rows())]
    rows.append({"id": "german", "text": GERMAN, "topic": "delivery", "lang": None})
    project = detecting(make_project, rows, language="lang")
    with tiny_session(project, tmp_path / "state") as session:
        run_stage("documents", session)
        found = dict(session.store.rows("select doc_id, language from document_languages"))
        named = dict(session.store.rows("select doc_id, named_by from document_languages"))
        assert (found["german"], named["german"]) == ("de", "detector")
        assert (found[rows[0]["id"]], named[rows[0]["id"]]) == ("nl", "corpus")
        looked = session.store.count("languages")
        hashes = [row[0] for row in session.store.rows("select distinct text_hash from documents")]
        assert session.store.languages(hashes).items() >= {(row[0], row[1]) for row in session.store.rows(
            "select text_hash, language from document_languages where language is not null"
        )}  # fmt: skip
    with tiny_session(project, tmp_path / "state", run_id="second") as session:
        before = session.store.rows("select * from languages order by all")
        run_stage("documents", session)
        assert session.store.rows("select * from languages order by all") == before
        assert session.store.count("languages") == looked == len({row["text"] for row in rows}) - 1


def test_a_project_that_does_not_ask_detects_nothing(make_project: Callable[..., Project], tmp_path: Path) -> None:
    with tiny_session(make_project(), tmp_path / "state") as session:
        run_stage("documents", session)
        assert session.store.count("languages") == 0
        assert session.store.rows("select count(*) from document_languages where language is not null") == [(0,)]


def test_slices_may_be_languages_where_languages_are_known(make_project: Callable[..., Project]) -> None:
    with pytest.raises(ProjectError, match=r"evaluation.slices names language"):
        make_project(evaluation={"slices": ["language"]})
    corpus = make_project().corpus.model_dump(exclude_none=True, exclude_defaults=True) | {"detect_language": True}
    assert make_project(corpus=corpus, evaluation={"slices": ["language"]}).evaluation.slices == ("language",)
