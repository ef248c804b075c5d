"""A use case that has nothing to do with the corpus is said, whatever the model's leaning to yes."""

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.records import Measure
from pipeline.serving.contract import Answer, Question
from pipeline.settings import Project
from pipeline.taxonomy.relevance import APART, LOW, OTHER_QUESTIONS, UNRELATED, WORDS, relevance, relevance_warning
from pipeline.testing import ScriptedChat

TEXTS = [f"my parcel number {place} is late" for place in range(30)]


def yes(odds: float) -> Answer:
    scores = {"yes": -math.log1p(math.exp(-odds)), "no": -math.log1p(math.exp(odds))}
    return Answer("ok", text="yes" if odds > 0 else "no", scores=scores)


def asked(question: Question) -> tuple[str, str]:
    """Give the question that a prompt holds, and its text."""
    system, user = (message.content for message in question.messages)
    return system.split("The question: ")[1].split("\n")[0], user.removeprefix("<text>").removesuffix("</text>")


def answering(odds: Callable[[str, str], float | str | Answer]) -> ScriptedChat:
    """Answer with log-odds of a question and its text."""

    def reply(question: Question) -> str | Answer:
        found = odds(*asked(question))
        return yes(found) if isinstance(found, float) else found

    return ScriptedChat(reply)


def related(project: Project, odds: Callable[[str, str], float | str | Answer], texts: list[str] = TEXTS) -> Measure:
    return relevance(texts, chat=answering(odds), project=project, taxonomy_id="tax:1")


def test_every_text_is_asked_about_the_use_case_and_another_question_and_each_unrelated_sentence_once(a_project: Project) -> None:
    chat = answering(lambda _, text: 0.0)
    relevance(TEXTS, chat=chat, project=a_project)
    questions = [asked(question) for question in chat.questions]
    own = [text for question, text in questions if question == a_project.use_case]
    others = [(question, text) for question, text in questions if question != a_project.use_case]
    assert own == [*TEXTS[:24], *UNRELATED]
    assert [text for _, text in others] == TEXTS[:24]
    assert len({question for question, _ in others}) > 3
    assert len(questions) == 60
    changes = sum(one[0] != other[0] for one, other in pairwise(questions))
    assert changes == len({question for question, _ in questions}) - 1, "a prompt's opening is used for all its texts before the next one"


@pytest.mark.parametrize(
    ("leaning", "own", "low"),
    [
        (-2.24, 0.14, True),  # hwu64 and "which disease does the patient have"
        (-1.32, 0.68, False),  # hwu64 and its own use case
        (-2.34, 0.93, False),  # banking77 and its own
        (3.0, 0.0, True),  # a model that says yes to everything
        (-6.0, 0.0, True),
    ],
)
def test_the_model_s_own_leaning_plays_no_part(a_project: Project, leaning: float, own: float, low: bool) -> None:
    found = related(a_project, lambda question, text: leaning + (own if text in TEXTS and question == a_project.use_case else 0.0))
    assert found.value == pytest.approx(math.tanh(own / 2))
    assert (found.metric, found.taxonomy_id, found.n, found.judge) == ("relevance", "tax:1", 24, "scripted")
    assert (relevance_warning(found) is not None) is low


def test_a_question_that_any_text_answers_is_relevant_by_the_contrast_to_other_questions(a_project: Project) -> None:
    found = related(a_project, lambda question, _: 2.0 if question == a_project.use_case else -2.0)
    assert found.value == pytest.approx(math.tanh((4.0 - APART) / 2))
    assert relevance_warning(found) is None


def test_a_question_that_the_model_merely_likes_better_is_not(a_project: Project) -> None:
    found = related(a_project, lambda question, _: -1.3 if question == a_project.use_case else -2.2)
    assert found.value == pytest.approx(0.0, abs=1e-9)
    assert relevance_warning(found) is not None


def test_a_corpus_of_which_a_half_has_to_do_with_it_is_half_relevant(a_project: Project) -> None:
    def odds(question: str, text: str) -> float:
        return 9.0 if question == a_project.use_case and text in TEXTS[:24:2] else -9.0

    found = related(a_project, odds)
    assert found.value == pytest.approx(0.5, abs=0.001)
    assert found.low is not None and found.high is not None
    assert 0.25 < found.low < 0.35
    assert 0.65 < found.high < 0.75


def test_the_interval_knows_that_the_unrelated_sentences_are_few(a_project: Project) -> None:
    found = related(a_project, lambda _, text: 1.0 if text in TEXTS else (-1.0) ** UNRELATED.index(text))
    error = math.sqrt(12 / 11) / math.sqrt(12) / 2
    assert found.value == pytest.approx(math.tanh(0.5))
    assert (found.low, found.high) == (pytest.approx(math.tanh(0.5) - 1.959964 * error), pytest.approx(math.tanh(0.5) + 1.959964 * error))


def test_answers_without_scores_count_as_nearly_sure(a_project: Project) -> None:
    def said(question: str, text: str) -> Answer:
        return Answer("ok", text="yes" if question == a_project.use_case and text in TEXTS else "no")

    assert related(a_project, said).value > 0.99
    assert related(a_project, lambda *_: Answer("ok", text="yes")).value == pytest.approx(0.0, abs=1e-9)


def test_failed_answers_are_left_out(a_project: Project) -> None:
    def odds(question: str, text: str) -> float | Answer:
        if text in TEXTS[:4] or text == UNRELATED[0]:
            return Answer("timeout", error="slow")
        return 1.0 if question == a_project.use_case and text in TEXTS else -1.0

    found = related(a_project, odds)
    assert (found.n, found.value) == (20, pytest.approx(math.tanh(1.0)))


@pytest.mark.parametrize("texts", [TEXTS, []])
def test_where_nothing_was_answered_that_is_said(a_project: Project, texts: list[str]) -> None:
    found = related(a_project, lambda *_: "maybe", texts)
    assert (found.value, found.n, found.low) == (0.0, 0, None)
    assert "was not measured" in (relevance_warning(found) or "")


def test_one_text_is_enough_for_a_value_and_not_for_an_interval(a_project: Project) -> None:
    found = related(a_project, lambda _, text: 1.0 if text in TEXTS else -1.0, TEXTS[:1])
    assert (found.value, found.n, found.low, found.high) == (pytest.approx(math.tanh(1.0)), 1, None, None)


def test_long_texts_are_shown_by_their_beginning(a_project: Project) -> None:
    chat = answering(lambda *_: 0.0)
    relevance([" ".join(f"w{place}" for place in range(200))], chat=chat, project=a_project)
    assert asked(chat.questions[0])[1].split() == [f"w{place}" for place in range(WORDS)]


def test_a_question_that_shares_a_word_with_the_use_case_is_no_contrast(a_project: Project) -> None:
    project = a_project.model_copy(update={"use_case": "which diseases and machines are named"})
    chat = answering(lambda *_: 0.0)
    relevance(TEXTS, chat=chat, project=project)
    used = {asked(question)[0] for question in chat.questions}
    assert used == {project.use_case, *OTHER_QUESTIONS} - {OTHER_QUESTIONS[0], OTHER_QUESTIONS[4]}


def test_the_warning_carries_the_numbers() -> None:
    warning = relevance_warning(Measure("tax:1", "relevance", 0.066, 24, low=0.0, high=0.2412))
    assert warning == (
        "The texts have little to do with the use case: relevance 0.07 (0.00 to 0.24, n 24), where 0.20 is expected at least, 0 is no more than"
        " unrelated sentences and 1 is surely. Check use_case, corpus.path and corpus.text."
    )
    assert relevance_warning(Measure("tax:1", "relevance", LOW, 24)) is None


@given(st.lists(st.floats(-12, 12), min_size=1, max_size=24), st.floats(-12, 12), st.floats(-12, 12))
@settings(deadline=None, max_examples=40)
def test_relevance_lies_from_0_to_1_within_its_interval(own: list[float], unrelated: float, other: float) -> None:
    project = Project.model_validate({"name": "p", "use_case": "what is late", "corpus": {"path": "x.csv"}})

    def odds(question: str, text: str) -> float:
        if question != project.use_case:
            return other
        return own[TEXTS.index(text)] if text in TEXTS else unrelated

    found = related(project, odds, TEXTS[: len(own)])
    assert 0 <= found.value <= 1
    if found.low is not None and found.high is not None:
        assert 0 <= found.low <= found.value <= found.high <= 1
