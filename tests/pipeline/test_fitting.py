"""What is asked always fits the context, what is shown is from the document, and what is missing is told."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.annotation import annotate, llm_annotator
from pipeline.choosing import ask_category
from pipeline.fitting import DocumentPrompt, Fitted, Window, ask_posed, fit_texts, open_place
from pipeline.ids import text_hash
from pipeline.prompts import load_prompt, prompt_names
from pipeline.records import Category, Document, Facet, Taxonomy
from pipeline.serving.contract import Line, Message
from pipeline.settings import AnnotationSettings, Project
from pipeline.taxonomy import summarise, summary_spec
from pipeline.testing import ScriptedChat
from pipeline.text import ELLIPSIS, Keep
from tests.test_prompts import HOSTILE, INPUTS

POLICIES: tuple[Keep, ...] = ("head", "tail", "both_ends")
TAXONOMY = Taxonomy("tax:1", "review", 2, None, "what", "tnt", (Category("cat:a", "Late Parcels", "a"), Category("cat:b", "Refunds", "b")))
FACET = Facet("facet:1", "main", "what", "What is it?", (), "user")
ABOUT: dict[str, Any] = {"use_case": "x", "question": "What is it?", "examples": [], "language": "English"}
WORD = st.text(alphabet="abäß字🙂", min_size=1, max_size=30)
TEXT = st.lists(st.tuples(WORD, st.sampled_from([" ", "  ", "\n"])), max_size=60).map(lambda pairs: "".join(word + gap for word, gap in pairs))


class CountingChat(ScriptedChat):
    """A scripted model whose server says how often it was asked for room; a token is a character there if `characters`."""

    def __init__(self, context: int, *, characters: bool = False, reply: Any = lambda _: "Refunds") -> None:
        super().__init__(reply)
        self.context, self.characters, self.rooms = context, characters, 0

    def room(self, messages: Sequence[Message], max_tokens: int) -> int | None:
        self.rooms += 1
        return self.context - max_tokens - sum(len(m.content) if self.characters else len(m.content.split()) for m in messages)


def policy(keep: Keep = "head", max_words: int = 300) -> AnnotationSettings:
    return AnnotationSettings(max_words=max_words, long_documents=keep)


def frame(text: str) -> tuple[Message, ...]:
    return Message("system", "Say what it is about."), Message("user", f"<text>{text}</text>")


def is_from(shown: str, text: str, keep: Keep) -> bool:
    """Say whether what is shown is an end of the text, or both, but for white space."""
    whole, parts = "".join(text.split()), ["".join(part.split()) for part in shown.split(f" {ELLIPSIS} ")]
    if keep == "head":
        return len(parts) == 1 and whole.startswith(parts[0])
    if keep == "tail":
        return len(parts) == 1 and whole.endswith(parts[0])
    return whole.startswith(parts[0]) and (len(parts) == 1 or (len(parts) == 2 and whole.endswith(parts[1]) and len("".join(parts)) <= len(whole)))


@given(TEXT, st.integers(0, 120), st.sampled_from(POLICIES), st.integers(10, 40), st.booleans())
def test_what_is_asked_fits_and_what_is_missing_is_told(text: str, context: int, keep: Keep, max_words: int, characters: bool) -> None:
    chat = CountingChat(context, characters=characters)
    found = Window(frame, chat=chat, max_tokens=5, policy=policy(keep, max_words)).fit(text)
    room_without = chat.room(frame(""), 5) or 0
    if found.messages is None:
        assert found == Fitted(None, "", True)
        assert room_without <= 0 or (text.split() and room_without < 2), "one word and the two marks around it fit from two tokens on"
        return
    assert found.messages == frame(found.text)
    assert (chat.room(found.messages, 5) or 0) >= 0
    assert is_from(found.text, text, keep)
    assert found.truncated == (found.text.split() != text.split())


def test_a_server_that_counts_no_tokens_is_asked_once_and_the_policy_alone_cuts() -> None:
    chat = ScriptedChat([])
    window = Window(frame, chat=chat, max_tokens=5, policy=policy(max_words=10))
    assert window.fit("one two") == Fitted(frame("one two"), "one two", False)
    assert window.fit("word " * 11).text == " ".join(["word"] * 10)
    assert window.left is None


def test_the_exact_room_is_asked_for_only_where_the_bound_does_not_suffice() -> None:
    chat = CountingChat(200)
    window = Window(frame, chat=chat, max_tokens=5, policy=policy())
    for _ in range(100):
        assert not window.fit("a short text").truncated
    assert chat.rooms == 1
    assert not window.fit("elephants " * 20).truncated
    assert chat.rooms == 2, "200 bytes may be 200 tokens"
    assert window.fit("elephants " * 290).truncated
    assert chat.rooms <= 5


@pytest.mark.parametrize(
    ("keep", "has", "lacks"), [("head", (0, 199), (250, 399)), ("tail", (399, 300), (0, 150)), ("both_ends", (0, 399), (200, 270))]
)
def test_the_policy_says_which_part_of_a_long_document_is_shown(a_project: Project, keep: Keep, has: tuple[int, int], lacks: tuple[int, int]) -> None:
    project = Project.model_validate(a_project.model_dump() | {"annotation": {"max_words": 300, "long_documents": keep}})
    text, chat = " ".join(f"word{number}." for number in range(400)), CountingChat(300)
    ((answer, truncated),) = ask_category([text], taxonomy=TAXONOMY, chat=chat, project=project, purpose="annotate")
    assert (answer.text, truncated) == ("Refunds", True)
    shown = chat.questions[0].messages[-1].content
    assert all(f"word{number}." in shown for number in has)
    assert not any(f"word{number}." in shown for number in lacks)
    assert (f" {ELLIPSIS} " in shown) is (keep == "both_ends")


def test_a_cut_by_the_context_is_told_in_labels_and_summaries(a_project: Project) -> None:
    texts = ["short text", " ".join(f"word{number}" for number in range(200))]
    documents = [Document(text[:9], text_hash(text), text, "x") for text in texts]
    chat = CountingChat(180)
    outcomes = list(annotate(documents, taxonomy=TAXONOMY, annotator=llm_annotator(a_project, "m"), chat=chat, project=a_project))
    assert [label.truncated for outcome in outcomes for label in outcome.records] == [False, True]
    replies = ["a phrase", "many words | words"]
    chat = CountingChat(300, reply=lambda question: replies[len(chat.questions)])
    outcomes_ = list(summarise(documents, facets=[FACET], chat=chat, project=a_project))
    assert [summary.truncated for outcome in outcomes_ for summary in outcome.records] == [False, True]
    assert all((chat.room(question.messages, question.max_tokens) or 0) >= 0 for question in chat.questions)


def test_a_document_that_cannot_be_asked_about_is_a_failure_in_its_place(a_project: Project) -> None:
    texts = ["short text", "another one", "third"]
    documents = [Document(text, text_hash(text), text, "x") for text in texts]
    (outcome,) = annotate(documents, taxonomy=TAXONOMY, annotator=llm_annotator(a_project, "m"), chat=CountingChat(30), project=a_project)
    assert outcome.records == []
    assert [(failure.text_hash, failure.reason, failure.attempts) for failure in outcome.failures] == [
        (text_hash(text), "too_long", 0) for text in texts
    ]
    assert "prompt annotate with 24 tokens for its answer is" in outcome.failures[0].message
    assert "even without a document; raise engine.context_tokens" in outcome.failures[0].message


@given(st.lists(st.booleans(), max_size=30))
def test_answers_stay_in_their_places_among_those_that_are_not_asked(a_project: Project, can_be_asked: list[bool]) -> None:
    chat = ScriptedChat(lambda question: question.messages[-1].content)
    prompt = DocumentPrompt(load_prompt("phrase"), Line(), purpose="p", chat=chat, project=a_project, **ABOUT)
    posed = [prompt.pose(f"text {place}") for place in range(len(can_be_asked))]
    blocked = CountingChat(0)
    stuck = DocumentPrompt(load_prompt("phrase"), Line(), purpose="p", chat=blocked, project=a_project, **ABOUT)
    mixed = [one if asked else stuck.pose("x") for one, asked in zip(posed, can_be_asked, strict=True)]
    answers = [answer for answer, _ in ask_posed(iter(mixed), chat)]
    assert [answer.text for answer in answers] == [f"<text>text {place}</text>" if asked else None for place, asked in enumerate(can_be_asked)]
    assert [answer.outcome == "too_long" for answer in answers] == [not asked for asked in can_be_asked]


@pytest.mark.parametrize("name", [name for name in prompt_names() if {"text"} <= set(load_prompt(name).about.inputs) <= set(INPUTS)])
def test_a_prompt_with_a_place_for_its_text_is_what_rendering_gives(name: str) -> None:
    prompt = load_prompt(name)
    inputs = {key: INPUTS[key] for key in prompt.about.inputs if key != "text"}
    put = open_place(prompt, **inputs)
    for text in (HOSTILE, "", " spaced ", "a </text> b <|im_start|>"):
        assert put(text) == prompt.render(text=text, **inputs)


def test_the_words_of_several_texts_in_one_prompt_are_fewer_where_they_must_be() -> None:
    def render(texts: Sequence[str]) -> tuple[Message, ...]:
        return (Message("user", " ".join(texts)),)

    texts = ["word " * 50, "two words"]
    words = {context: len(fit_texts(render, texts, chat=CountingChat(context), max_tokens=0)[0].content.split()) for context in (100, 30, 14, 1)}
    assert words == {100: 42, 30: 22, 14: 12, 1: 4}
    assert len(fit_texts(render, texts, chat=ScriptedChat([]), max_tokens=0)[0].content.split()) == 42


@pytest.mark.parametrize("key", [lambda project: summary_spec(project, "m"), lambda project: llm_annotator(project, "m").annotator_id])
def test_the_policy_is_part_of_a_key_only_where_it_is_not_the_default(a_project: Project, key: Callable[[Project], str]) -> None:
    def with_policy(keep: str) -> Project:
        annotation = a_project.annotation.model_dump() | {"long_documents": keep}
        return Project.model_validate(a_project.model_dump() | {"annotation": annotation})

    assert key(with_policy("head")) == key(a_project)
    assert len({key(with_policy(keep)) for keep in POLICIES}) == 3
    settings = {"use_case": a_project.use_case, "max_words": 300, "seed": 42, "dictated": load_prompt("dictated").fingerprint}
    assert llm_annotator(a_project, "m").settings == settings


def test_fitting_costs_little_where_the_bound_suffices() -> None:
    text = "My parcel has not come, and the courier does not answer."
    chat = CountingChat(10_000)
    prompt = open_place(load_prompt("phrase"), **ABOUT)
    window = Window(prompt, chat=chat, max_tokens=5, policy=policy())
    window.fit(text)

    def seconds(work: Callable[[str], Any]) -> float:
        began = time.perf_counter()
        for _ in range(300):
            work(text)
        return (time.perf_counter() - began) / 300

    assert min(seconds(window.fit) - seconds(prompt) for _ in range(5)) < 30e-6
