"""Each question of docs/sql.md is answered, with the columns that the page shows."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.store import Store
from pipeline.store.querying import querying
from tests.conftest import Finished
from tests.questions import PAGE, QUESTIONS, Question
from tests.shop import furnish
from tests.tiny import tiny_session

AT_LEAST = 20  # questions that a person would ask


@pytest.fixture(scope="module", name="shop")
def _shop(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    project, root = finished
    folder = tmp_path_factory.mktemp("shop") / "store"
    shutil.copytree(root / ".linnaeus" / "projects" / "tiny", folder)
    with tiny_session(project, folder, run_id="shop") as session:
        yield furnish(session).published


def answer(published: Path, sql: str) -> tuple[list[str], list[tuple[object, ...]]]:
    with querying(published) as asking:
        (statement,) = asking.statements(sql)
        found = asking.values(statement)
        assert found is not None
        return found.columns, [row for batch in found.batches for row in batch]


def test_the_page_has_its_questions() -> None:
    assert len(QUESTIONS) >= AT_LEAST
    assert [question.title for question in QUESTIONS] == re.findall(r"^### (.+)$", PAGE, flags=re.MULTILINE), "a question has no SQL or no answer"
    assert all(len(question.answer.splitlines()) > 2 for question in QUESTIONS), "an answer has no rows"


@pytest.mark.parametrize("question", QUESTIONS, ids=[question.title for question in QUESTIONS])
def test_a_question_is_answered_with_the_columns_that_the_page_shows(question: Question, shop: Path) -> None:
    columns, rows = answer(shop, question.sql)
    assert columns == question.columns
    assert rows


@pytest.mark.parametrize("question", QUESTIONS, ids=[question.title for question in QUESTIONS])
def test_a_question_may_be_asked_of_a_project_without_an_answer(question: Question, empty: Path) -> None:
    columns, _ = answer(empty, question.sql)
    assert columns == question.columns


@pytest.fixture(scope="module", name="empty")
def _empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Store.open(tmp_path_factory.mktemp("empty")).published
