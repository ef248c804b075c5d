"""How long texts are: said by a plan, in tokens of the model where it counts them, and what is not shown of long ones."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline.cli.plan import show_plan
from pipeline.settings import Project
from pipeline.stages import Session, run_stage
from pipeline.stages.lengths import Lengths, measure_lengths
from pipeline.stages.plan import plan
from pipeline.testing import ScriptedChat
from tests.tiny import knowing_reply, tiny_rows, tiny_session

LONG = "my parcel is late and nobody answers the phone at all " * 40  # 440 words, 2,160 characters


def with_long(count: int = 3) -> list[dict[str, Any]]:
    return [*tiny_rows(), *({"id": f"long-{number}", "text": f"{number} {LONG}", "topic": "delivery"} for number in range(count))]


@pytest.fixture
def opened(make_project: Callable[..., Project], tmp_path: Path) -> Callable[..., Session]:
    def opened_with(chat: ScriptedChat | None = None, **changes: Any) -> Session:
        return tiny_session(make_project(with_long(), **changes), tmp_path / "state", chat=chat)

    return opened_with


def measured(session: Session, *, counting: bool) -> Lengths:
    run_stage("documents", session)
    found = measure_lengths(session, session.store.sample_texts(first=500), characters_a_token=4.0, counting=counting)
    assert found is not None
    return found


def test_words_are_counted_and_what_is_beyond_the_limit(opened: Callable[..., Session]) -> None:
    with opened() as session:
        found = measured(session, counting=False)
        rows = with_long()
        assert found.measured.texts == len({row["text"] for row in rows})
        assert found.measured.words == sum(len(row["text"].split()) for row in rows)
        assert (found.measured.most_words, found.measured.exceeding, found.measured.words_beyond) == (441, 3, 3 * 141)
        assert (found.embedder_reads, found.beyond_embedder) == (1200, 3)


def test_tokens_are_those_of_the_models_tokenizer_where_it_counts(opened: Callable[..., Session]) -> None:
    with opened(ScriptedChat(knowing_reply, context_words=5000)) as session:
        found = measured(session, counting=True)
        texts = [document.text for document in session.store.sample_texts(first=50)]
        words_a_character = sum(len(text.split()) for text in texts) / sum(map(len, texts))
        assert found.counted == 50
        assert found.tokens == pytest.approx(found.measured.characters / found.measured.texts * words_a_character)


def test_tokens_are_estimated_where_nothing_counts_and_it_is_said(opened: Callable[..., Session]) -> None:
    with opened() as session:
        found = measured(session, counting=True)
        assert found.counted == 0
        assert found.tokens == pytest.approx(found.measured.characters / found.measured.texts / 4.0)


def test_before_the_corpus_is_read_nothing_is_known(opened: Callable[..., Session]) -> None:
    with opened() as session:
        assert measure_lengths(session, [], characters_a_token=4.0, counting=False) is None


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        ({"sample": 60, "reordered": 0}, "they are shown in part (head), without"),
        ({"sample": 60, "reordered": 0, "long_documents": "windows"}, "they are shown by windows"),
    ],
)
def test_a_plan_says_how_long_texts_are_and_what_is_left_out(opened: Callable[..., Session], annotation: dict[str, Any], said: str) -> None:
    with opened(annotation=annotation) as session:
        run_stage("documents", session)
        planned = plan(session, probing=False)
    console = Console(record=True, width=300, file=io.StringIO())
    show_plan(console, "tiny", planned)
    shown = console.export_text()
    assert "distinct texts:" in shown
    assert "the longest 441; about" in shown
    assert "(estimated by their characters)" in shown
    assert "3 of them (2.4%) are longer than annotation.max_words (300)" in shown
    assert said in shown
    assert "embedder: all-minilm-l6-v2-windows reads them whole" in shown


def test_a_plan_counts_a_question_for_each_window(opened: Callable[..., Session]) -> None:
    calls = {}
    for keep in ("head", "windows"):
        with opened(annotation={"sample": 60, "reordered": 0, "long_documents": keep}) as session:
            run_stage("documents", session)
            calls[keep] = {row.stage: row.calls for row in plan(session, probing=False).stages}["annotations"]
    assert calls["windows"] > calls["head"] == 60
