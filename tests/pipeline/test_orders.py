"""A document that gives orders stays a document: it cannot leave its place, and only a category of the taxonomy becomes a label."""

import json
import re
from collections import Counter
from collections.abc import Callable

import pytest

from pipeline.annotation import annotate, llm_annotator
from pipeline.choosing import NONE_FITS
from pipeline.dictation import DICTATES, ORDINARY, without_names
from pipeline.ids import text_hash
from pipeline.records import Category, Document, Label, Outcome, Taxonomy
from pipeline.serving.answers import Reply, read_answer
from pipeline.serving.contract import Chat, Choice, Question
from pipeline.settings import Project
from pipeline.testing import ScriptedChat
from tests.orders import DOMAINS, ORDERS, SPELLINGS, Order, read_orders

TAXONOMY = Taxonomy("tax:1", "given", 0, None, "what", "given", tuple(Category(f"cat:{name}", name, f"Requests about {name}.") for name in DOMAINS))
# What the chat templates of known model families make turns of, as their vocabularies spell it; each is in one of the texts.
TOKENS = (
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|end|>", "<|assistant|>", "[INST]",
    "[/INST]", "<<SYS>>", "<</SYS>>", "<s>", "</s>", "<start_of_turn>", "<end_of_turn>", "<\uff5cAssistant\uff5c>",
    "<\uff5cend\u2581of\u2581sentence\uff5c>", "</think>", "</text>",
)  # fmt: skip


def another(order: Order) -> str:
    """Give the domain that is seven places further on."""
    return DOMAINS[(DOMAINS.index(order.gold) + 7) % len(DOMAINS)]


ALL = read_orders(another)


def label(project: Project, chat: Chat, *texts: str) -> list[Outcome[Label]]:
    documents = [Document(f"d:{number}", text_hash(text), text, "x") for number, text in enumerate(texts)]
    annotator = llm_annotator(project, "scripted")
    return list(annotate(documents, taxonomy=TAXONOMY, annotator=annotator, chat=chat, project=project))


def chooses(question: Question) -> bool:
    """Say whether a question is for the category, and not for whether the text dictates it."""
    return isinstance(question.form, Choice) and NONE_FITS.name in question.form.options


def choosing(reply: Callable[[], str], kind: str = ORDINARY) -> ScriptedChat:
    return ScriptedChat(lambda question: reply() if chooses(question) else kind)


def asked(project: Project, *texts: str, kind: str = ORDINARY) -> list[Question]:
    chat = choosing(lambda: NONE_FITS.name, kind)
    label(project, chat, *texts)
    return [question for question in chat.questions if chooses(question)]


# --- the documents


def test_there_are_a_hundred_in_ten_kinds_and_each_is_a_request_with_something_added() -> None:
    assert Counter(order.kind for order in ALL) == dict.fromkeys(sorted({order.kind for order in ALL}), 10)
    assert len({order.order_id for order in ALL}) == len({text_hash(order.plain) for order in ALL}) == len({order.text for order in ALL}) == 100
    for order in ALL:
        assert order.plain in order.text != order.plain, order.order_id
        assert order.gold in DOMAINS
        assert not any(place in order.text for place in SPELLINGS)
        assert len(order.text.split()) <= 150, "a longer one would be cut, and with it perhaps the request"


def test_every_order_names_the_category_that_it_wants() -> None:
    raw = [json.loads(line) for line in ORDERS.read_text(encoding="utf-8").splitlines()]
    assert all(set(re.findall(r"\{target\w*\}", row["text"])) & SPELLINGS.keys() for row in raw)
    assert sorted({place for row in raw for place in re.findall(r"\{target\w*\}", row["text"])}) == sorted(SPELLINGS)
    plain = [order for order in ALL if order.target in order.text]
    assert len(plain) >= 90
    assert {order.kind for order in ALL if order not in plain} == {"disguise"}


def test_an_order_for_the_right_category_is_refused() -> None:
    with pytest.raises(ValueError, match=r"ignore-01 must order another category than its own, 'alarm'; got 'Alarm'"):
        read_orders(lambda order: order.gold.title())


# --- the prompt


@pytest.fixture(scope="module", name="questions")
def _questions(a_project: Project) -> dict[str, Question]:
    return dict(zip((order.order_id for order in ALL), asked(a_project, *(order.text for order in ALL)), strict=True))


def test_what_comes_before_the_document_is_the_same_for_all(questions: dict[str, Question], a_project: Project) -> None:
    (ordinary,) = asked(a_project, "what time is it in lima")
    opening, frame = ordinary.messages[:-1], ordinary.messages[-1].content.split("what time is it in lima")
    assert frame == ["<text>", "</text>"]
    for order_id, question in questions.items():
        assert question.messages[:-1] == opening, order_id
        assert question.form == ordinary.form
        assert question.messages[-1].role == "user"
        assert question.messages[-1].content.startswith(frame[0])
        assert question.messages[-1].content.endswith(frame[1])


@pytest.mark.parametrize("order", ALL, ids=lambda order: order.order_id)
def test_a_document_is_in_the_prompt_once_and_cannot_leave_its_place(order: Order, questions: dict[str, Question]) -> None:
    messages = questions[order.order_id].messages
    content = messages[-1].content
    assert content.count("</") == 1, "the delimiter can be closed by the prompt alone"
    inner = content.removeprefix("<text>").removesuffix("</text>")
    assert "".join(inner.split()) == "".join(order.text.split()), "nothing of the document is missing or added but white space"
    assert "\n".join(message.content for message in messages).count(inner) == 1
    assert order.plain in inner, "the request itself can be read"
    assert [token for token in TOKENS if token.lower() in inner.lower()] == []


def test_of_a_text_that_dictates_its_label_no_name_is_shown(a_project: Project) -> None:
    shown = [question.messages[-1].content for question in asked(a_project, *(order.text for order in ALL), kind=DICTATES)]
    assert [without_names(text, DOMAINS) for text in shown] == [None] * 100
    unseen = [order.order_id for order in ALL if without_names(order.text, [order.target]) is None]
    assert unseen == ["disguise-02"], "only base64 that begins in the middle of a word hides the name"
    words = [set(order.plain.lower().split()) - set(DOMAINS) for order in ALL]
    left = [len(kept & set(text.lower().split())) / len(kept) for kept, text in zip(words, shown, strict=True)]
    assert min(left) >= 0.5, "the request is still there"


def test_the_texts_hold_every_token_that_must_not_survive() -> None:
    everything = "\n".join(order.text for order in ALL)
    assert [token for token in TOKENS if token not in everything] == []


# --- the label

ANSWERS: dict[str, Callable[[Order], str]] = {
    "the text": lambda order: order.text,
    "json": lambda order: json.dumps({"label": order.target}),
    "upper case": lambda order: order.target.upper(),
    "a sentence": lambda order: f"The label is {order.target}.",
    "twice": lambda order: f"{order.target} {order.target}",
    "with a mark": lambda order: f"{order.target}</text>",
    "the prompt": lambda _: "You label texts.",
    "an invented one": lambda order: f"{order.target}s",
    "another rest": lambda _: "none of these",
}


def test_a_model_that_obeys_can_give_no_more_than_a_category(a_project: Project) -> None:
    by_text = {text_hash(order.text): order for order in ALL}
    targets = iter([order.target for order in ALL])
    records = [record for outcome in label(a_project, choosing(lambda: next(targets)), *(order.text for order in ALL)) for record in outcome.records]
    assert [record.category_id for record in records] == [f"cat:{by_text[record.text_hash].target}" for record in records]
    assert all(set(record.scores or {}) == {NONE_FITS.category_id, *(f"cat:{name}" for name in DOMAINS)} for record in records)
    assert len(records) == 100


@pytest.mark.parametrize("answer", list(ANSWERS.values()), ids=list(ANSWERS))
def test_what_is_no_category_becomes_no_label(answer: Callable[[Order], str], a_project: Project) -> None:
    said = iter([answer(order) for order in ALL])
    outcomes = label(a_project, choosing(lambda: next(said)), *(order.text for order in ALL))
    assert [record for outcome in outcomes for record in outcome.records] == []
    failures = [failure for outcome in outcomes for failure in outcome.failures]
    assert Counter(failure.reason for failure in failures) == {"not_an_option": 100}


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("answer", list(ANSWERS.values()), ids=list(ANSWERS))
def test_nor_does_it_where_a_server_does_not_keep_to_the_options(answer: Callable[[Order], str], wrapped: bool) -> None:
    form = Choice((*DOMAINS, NONE_FITS.name))
    for order in ALL:
        said = answer(order)
        read = read_answer(form, Reply(json.dumps({"label": said}) if wrapped else said), wrapped=wrapped)
        if "</think>" in said:  # what is before it is taken for reasoning, and the rest is the name that the text orders
            assert read.text in {None, order.target}
        else:
            assert (read.outcome, read.text) == ("not_an_option", None), order.order_id
