"""Long texts in windows: what is shown, what is averaged, and where evidence comes from."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.annotation import annotate, annotate_by_level, find_evidence, llm_annotator
from pipeline.choosing import NONE_FITS
from pipeline.embedding import SentenceEmbedder, open_embedder
from pipeline.embedding.windows import WindowedEmbedder, spread_places
from pipeline.ids import text_hash
from pipeline.records import Category, Label, Taxonomy
from pipeline.serving.contract import Answer, Choice, Question
from pipeline.settings import Project
from pipeline.stages.lengths import count_tokens
from pipeline.testing import ScriptedChat
from pipeline.text import cut_words, word_windows
from tests.stored import make_document
from tests.tiny import last_text

TAXONOMY = Taxonomy("tax:1", "review", 2, None, "what", "tnt", (Category("cat:a", "Late Parcels", "a"), Category("cat:b", "Refunds", "b")))
WORD = st.text(alphabet="abäß字🙂", min_size=1, max_size=30)
TEXT = st.lists(st.tuples(WORD, st.sampled_from([" ", "  ", "\n"])), max_size=90).map(lambda pairs: "".join(word + gap for word, gap in pairs))
FILLER = "so it goes on and on without a word of any matter "  # eleven words


@settings(max_examples=40, deadline=None)
@given(TEXT, st.integers(1, 20), st.integers(2, 6))
def test_windows_are_parts_of_the_text_in_order_that_reach_from_its_beginning_to_its_end(text: str, max_words: int, most: int) -> None:
    windows, gaps = word_windows(text, max_words, most=most)
    assert 1 <= len(windows) <= most
    assert all(text.startswith(window.text, window.start) for window in windows)
    starts = [window.start for window in windows]
    assert starts == sorted(set(starts))
    assert text[: windows[0].start].strip() == ""
    assert text[windows[-1].start + len(windows[-1].text) :].strip() == ""
    between = [text[one.start + len(one.text) : other.start] for one, other in pairwise(windows)]
    assert gaps == any(part.strip() for part in between)
    assert all(len(window.text.split()) <= max_words for window in windows)
    if not cut_words(text, max_words)[1]:
        assert [window.text for window in windows] == [text]


def test_neighbours_share_an_eighth_of_their_words() -> None:
    text = " ".join(f"w{number}" for number in range(200))
    windows, gaps = word_windows(text, 80, most=9)
    assert not gaps
    shared = [len(set(one.text.split()) & set(other.text.split())) for one, other in pairwise(windows)]
    assert min(shared) >= 10
    assert len(windows) == 3


def test_a_text_of_too_many_windows_is_read_in_parts_and_told() -> None:
    windows, gaps = word_windows(" ".join(map(str, range(1000))), 50, most=4)
    assert (len(windows), gaps) == (4, True)


def in_windows(project: Project, **annotation: Any) -> Project:
    changes = {"long_documents": "windows", "max_words": 20, **annotation}
    return project.model_copy(update={"annotation": type(project.annotation).model_validate(project.annotation.model_dump() | changes)})


def by_words(question: Question) -> str:
    """Answer by the word of a window that tells; none of these where there is no such word."""
    shown = last_text(question)
    found = "Refunds" if "refund" in shown else "Late Parcels" if "parcel" in shown else NONE_FITS.name
    return found if isinstance(question.form, Choice) and found in question.form.options else question.form.options[0]  # type: ignore[union-attr]


def label_of(text: str, project: Project, chat: ScriptedChat) -> Label:
    annotator = llm_annotator(project, chat.model)
    (outcome,) = annotate([make_document("d", text)], taxonomy=TAXONOMY, annotator=annotator, chat=chat, project=project)
    (label,) = outcome.records
    return label


def test_a_category_that_one_window_speaks_for_is_found_wherever_it_stands(a_project: Project) -> None:
    project = in_windows(a_project, windows=8)
    text = FILLER * 5 + "please send me a refund " + FILLER * 5
    label = label_of(text, project, ScriptedChat(by_words))
    assert label.category_id == "cat:b"
    assert not label.truncated
    assert label.windows is not None
    assert label.windows > 3
    assert label.window_start is not None
    start = label.window_start
    assert "refund" in next(window.text for window in word_windows(text, 20, most=8)[0] if window.start == start)
    assert label_of(text, in_windows(a_project, long_documents="head"), ScriptedChat(by_words)).category_id is None


def test_scores_are_those_of_the_windows_by_their_words_and_none_the_least_of_theirs(a_project: Project) -> None:
    shares = [{"Late Parcels": 0.6, "Refunds": 0.2, NONE_FITS.name: 0.2}, {"Late Parcels": 0.1, "Refunds": 0.8, NONE_FITS.name: 0.1}]
    answers = [Answer("ok", text=max(one, key=lambda name: one[name]), scores={key: math.log(value) for key, value in one.items()}) for one in shares]
    label = label_of(" ".join(f"w{number}" for number in range(40)), in_windows(a_project, windows=2), ScriptedChat(answers))
    assert label.category_id == "cat:b"
    assert label.scores is not None
    found = {name: math.exp(score) for name, score in label.scores.items()}
    assert sum(found.values()) == pytest.approx(1)
    assert found["none"] == pytest.approx(0.1)
    assert found["cat:b"] / found["cat:a"] == pytest.approx(1.0 / 0.7)


def test_windows_without_scores_elect_and_a_failed_one_is_told(a_project: Project) -> None:
    text, project = " ".join(f"w{number}" for number in range(74)), in_windows(a_project, windows=4)
    said = [Answer("ok", text="Refunds"), Answer("timeout", error="late"), Answer("ok", text=NONE_FITS.name), Answer("ok", text=NONE_FITS.name)]
    label = label_of(text, project, ScriptedChat(said))
    assert (label.category_id, label.scores, label.truncated, label.windows) == ("cat:b", None, True, 4)
    chat = ScriptedChat([Answer("timeout", error="late")] * 4)
    (outcome,) = annotate([make_document("d", text)], taxonomy=TAXONOMY, annotator=llm_annotator(project, "m"), chat=chat, project=project)
    assert [failure.reason for failure in outcome.failures] == ["timeout"]


def test_a_text_that_fits_is_asked_about_once_as_ever(a_project: Project) -> None:
    chat = ScriptedChat(by_words)
    label = label_of("where is my parcel", in_windows(a_project), chat)
    assert (len(chat.questions), label.windows, label.window_start) == (1, None, None)


def test_every_question_names_the_document_that_its_window_is_of(a_project: Project) -> None:
    chat, text = ScriptedChat(by_words), FILLER * 6
    label_of(text, in_windows(a_project), chat)
    assert len(chat.questions) == 4
    assert {question.texts for question in chat.questions} == {(text_hash(text),)}


def test_levels_are_asked_in_windows_as_well(a_project: Project) -> None:
    below = Taxonomy("tax:2", "deepen", 0, None, "what", "tnt", (
        Category("cat:m", "Money", "m"), Category("cat:b", "Refunds", "b", parent_id="cat:m"), Category("cat:c", "Invoices", "c", parent_id="cat:m"),
        Category("cat:a", "Late Parcels", "a"),
    ))  # fmt: skip

    def reply(question: Question) -> str:
        options = question.form.options  # type: ignore[union-attr]
        return ("Refunds" if "Refunds" in options else "Money") if "refund" in last_text(question) else options[-1]

    project = in_windows(a_project, windows=8)
    document = make_document("d", FILLER * 4 + "a refund please " + FILLER * 2)
    (outcome,) = annotate_by_level(
        [document], taxonomy=below, annotator=llm_annotator(project, "m"), chat=ScriptedChat(reply, probability=0.95), project=project
    )
    (label,) = outcome.records
    assert (label.category_id, (label.windows or 0) > 2) == ("cat:b", True)


def test_evidence_is_a_quote_from_the_window_that_speaks_most(a_project: Project) -> None:
    project = in_windows(a_project, windows=8, evidence=True)
    sentence = FILLER.strip() + ". "
    text = sentence * 5 + "I want a refund. Send the money today. " + sentence * 5
    label = label_of(text, project, ScriptedChat(by_words))
    chat = ScriptedChat(lambda question: next(option for option in question.form.options if "refund" in option))  # type: ignore[union-attr]
    (outcome,) = find_evidence([label], [make_document("d", text)], taxonomy=TAXONOMY, chat=chat, project=project)
    (found,) = outcome.records
    assert found.evidence is not None
    assert "refund" in found.evidence
    assert text.startswith(found.evidence, found.evidence_start or 0)


def test_the_annotator_is_another_with_another_number_of_windows(a_project: Project) -> None:
    ids = {llm_annotator(one, "m").annotator_id for one in (a_project, in_windows(a_project), in_windows(a_project, windows=5))}
    assert len(ids) == 3


def test_tokens_are_counted_by_the_room_that_a_text_takes() -> None:
    assert count_tokens(["one two three", "one"], ScriptedChat([], context_words=100)) == [3, 1]
    assert count_tokens(["one two three"], ScriptedChat([])) is None


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5000), st.integers(1, 300), st.integers(2, 20))
def test_places_reach_from_the_first_token_to_the_last(count: int, room: int, most: int) -> None:
    places = spread_places(max(count, room), room, most=most)
    assert (places[0], places[-1]) == (0, max(count, room) - room)
    assert len(places) <= most
    assert len(places) == most or all(later - earlier <= room for earlier, later in pairwise(places))


@pytest.fixture(scope="module")
def windowed() -> WindowedEmbedder:
    return WindowedEmbedder(SentenceEmbedder())


def test_short_texts_keep_their_vectors(windowed: WindowedEmbedder) -> None:
    texts = ["where is my parcel", "", "word " * 250, "我的包裹还没有到达这里"]
    assert np.abs(windowed.embed(texts) - windowed.source.embed(texts)).max() < 1e-5
    assert windowed.embed([]).shape == (0, 384)


def test_what_stands_behind_the_first_256_tokens_counts(windowed: WindowedEmbedder) -> None:
    text = "the weather is fine today " * 60
    end = "my credit card was charged twice and I want the money back " * 20
    query = windowed.embed(["refund of a double payment"])[0]
    assert np.allclose(windowed.source.embed([text])[0], windowed.source.embed([text + end])[0], atol=1e-5)
    alone, whole = windowed.embed([text, text + end])
    assert query @ whole > query @ alone + 0.1
    assert np.linalg.norm(whole) == pytest.approx(1, abs=1e-5)


def test_it_opens_by_its_name_and_has_an_id_of_its_own() -> None:
    opened = open_embedder("all-minilm-l6-v2-windows")
    assert isinstance(opened, WindowedEmbedder)
    assert opened.embedder_id != open_embedder("all-minilm-l6-v2").embedder_id


def test_a_project_may_name_it(make_project: Callable[..., Project]) -> None:
    assert make_project(embedder="all-minilm-l6-v2-windows").embedder_name == "all-minilm-l6-v2-windows"
