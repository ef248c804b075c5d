"""Labels are categories of the taxonomy or none, with probabilities worked out of measured scores."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.annotation import Beside, Manner, annotate, held_out, llm_annotator
from pipeline.choosing import NONE_FITS, none_probability, ordered
from pipeline.ids import order_key, text_hash
from pipeline.records import Category, Document, FacetExample, Taxonomy
from pipeline.serving.contract import Answer, Choice
from pipeline.settings import Project
from pipeline.testing import ScriptedChat

TAXONOMY = Taxonomy("tax:1", "review", 2, None, "what", "tnt", (Category("cat:a", "Late Parcels", "a"), Category("cat:b", "Refunds", "b")))
NONE = NONE_FITS.category_id


def document(text: str) -> Document:
    return Document(f"d:{text}", text_hash(text), text, "x")


def test_a_text_gets_the_category_that_the_model_names_and_its_scores(a_project: Project) -> None:
    chat = ScriptedChat(["Refunds", "None of these"], probability=0.8)
    annotator = llm_annotator(a_project, "scripted")
    (outcome,) = annotate([document("money"), document("moon")], taxonomy=TAXONOMY, annotator=annotator, chat=chat, project=a_project)
    money, moon = outcome.records
    assert (money.category_id, money.probability, money.annotator_id) == ("cat:b", None, annotator.annotator_id)
    assert money.scores is not None
    assert {key: round(math.exp(value), 3) for key, value in money.scores.items()} == {"cat:a": 0.1, "cat:b": 0.8, NONE: 0.1}
    assert moon.category_id is None
    form = chat.questions[0].form
    assert isinstance(form, Choice)
    assert form.options == ("Late Parcels", "Refunds", "None of these")


def test_what_the_model_answers_wrongly_is_a_failure_and_no_label(a_project: Project) -> None:
    replies: list[str | Answer] = ["Refunds", "Refund", Answer("timeout", error="too slow", attempts=3)]
    annotator = llm_annotator(a_project, "scripted")
    documents = [document(text) for text in ("one", "two", "three")]
    (outcome,) = annotate(documents, taxonomy=TAXONOMY, annotator=annotator, chat=ScriptedChat(replies), project=a_project)
    assert [record.text_hash for record in outcome.records] == [text_hash("one")]
    assert [(failure.text_hash, failure.reason, failure.attempts) for failure in outcome.failures] == [
        (text_hash("two"), "not_an_option", 1),
        (text_hash("three"), "timeout", 3),
    ]
    assert outcome.counts() == {"records": 1, "failed_not_an_option": 1, "failed_timeout": 1}


def test_a_long_text_is_cut_and_marked(a_project: Project) -> None:
    text = " ".join(f"word{number}" for number in range(400))
    chat = ScriptedChat(["Refunds"])
    (outcome,) = annotate([document(text)], taxonomy=TAXONOMY, annotator=llm_annotator(a_project, "m"), chat=chat, project=a_project)
    assert outcome.records[0].truncated
    assert "word300" not in chat.questions[0].messages[-1].content


@pytest.mark.parametrize(
    ("answer", "probability"),
    [
        (Answer("ok", text="Refunds"), 0.0),
        (Answer("ok", text="None of these"), 1.0),
        (Answer("ok", text="Refunds", scores={"Refunds": math.log(0.7), "None of these": math.log(0.3)}), 0.3),
    ],
)
def test_the_probability_that_nothing_fits_comes_from_the_scores_or_the_answer(answer: Answer, probability: float) -> None:
    assert none_probability(answer) == pytest.approx(probability)


def test_a_document_that_is_offered_few_can_get_only_those_and_reads_the_same_list(a_project: Project) -> None:
    chat = ScriptedChat(["Refunds", "Late Parcels"])
    documents, offered = [document("money"), document("moon")], {text_hash("money"): TAXONOMY.categories[1:]}
    annotator = llm_annotator(a_project, "m", Manner(offered=1))
    (outcome,) = annotate(documents, taxonomy=TAXONOMY, annotator=annotator, chat=chat, project=a_project, beside=Beside(offered))
    assert [record.category_id for record in outcome.records] == ["cat:b", "cat:a"]
    assert [question.form for question in chat.questions] == [
        Choice(("Refunds", "None of these")),
        Choice(("Late Parcels", "Refunds", "None of these")),
    ]
    assert chat.questions[0].messages[0] == chat.questions[1].messages[0], "the list is the same, so that servers compute it once"


def test_a_long_list_is_left_out_of_the_prompt_where_it_is_not_to_be_listed(a_project: Project) -> None:
    chat, beside = ScriptedChat(["Refunds"]), Beside({text_hash("money"): TAXONOMY.categories[1:]})
    manner = Manner(offered=1, list_all=False)
    annotator = llm_annotator(a_project, "m", manner)
    list(annotate([document("money")], taxonomy=TAXONOMY, annotator=annotator, chat=chat, project=a_project, manner=manner, beside=beside))
    assert "Late Parcels" not in chat.questions[0].messages[0].content


def test_demonstrations_stand_as_turns_before_the_document(a_project: Project) -> None:
    chat, shots = ScriptedChat(["Refunds"]), (FacetExample(text="</text> my money", answer="Refunds"),)
    beside = Beside(demonstrations={text_hash("money"): shots})
    annotator = llm_annotator(a_project, "m", Manner(demonstrations=1))
    list(annotate([document("money")], taxonomy=TAXONOMY, annotator=annotator, chat=chat, project=a_project, beside=beside))
    assert [(turn.role, turn.content) for turn in chat.questions[0].messages[1:]] == [
        ("user", "<text>< /text> my money</text>"), ("assistant", "Refunds"), ("user", "<text>money</text>"),
    ]  # fmt: skip


def test_categories_come_in_another_order_for_a_vote_that_is_another_annotator(a_project: Project) -> None:
    chat = ScriptedChat(["Refunds"])
    annotator, plain = llm_annotator(a_project, "m", Manner(order=1)), llm_annotator(a_project, "m")
    list(annotate([document("money")], taxonomy=TAXONOMY, annotator=annotator, chat=chat, project=a_project, manner=Manner(order=1)))
    assert chat.questions[0].form == Choice(("Refunds", "Late Parcels", "None of these"))
    assert annotator.annotator_id != plain.annotator_id
    assert llm_annotator(a_project, "m", Manner()) == plain, "the plain manner is not told, so that its labels stay"


@given(st.integers(0, 50), st.integers(1, 30))
def test_an_order_holds_every_category_once(order: int, count: int) -> None:
    categories = [Category(f"cat:{number}", str(number), "") for number in range(count)]
    assert sorted(ordered(categories, order), key=lambda one: int(one.name)) == categories
    assert ordered(categories, order) == ordered(categories, order)


def test_an_annotator_is_named_by_all_that_determines_its_labels(a_project: Project) -> None:
    other = Project.model_validate(a_project.model_dump() | {"use_case": "another"})
    ids = {llm_annotator(a_project, "m").annotator_id, llm_annotator(a_project, "n").annotator_id, llm_annotator(other, "m").annotator_id}
    assert len(ids) == 3


@given(st.text(min_size=1, max_size=10), st.integers(0, 9), st.floats(0.05, 0.9))
def test_a_text_keeps_its_side_and_a_larger_share_only_adds(text: str, seed: int, share: float) -> None:
    side = held_out(text, share=share, seed=seed)
    assert side == held_out(text, share=share, seed=seed)
    if side:
        assert held_out(text, share=share + 0.05, seed=seed)


@pytest.mark.parametrize("share", [0.1, 0.4, 0.9])
def test_about_the_wanted_share_is_held_out_of_any_part_of_the_order(share: float) -> None:
    texts = sorted((text_hash(f"text {number}") for number in range(4000)), key=lambda text: order_key(text, 42))
    for part in (texts, texts[:1000], texts[1000:2000], texts[3000:]):
        found = sum(held_out(text, share=share, seed=42) for text in part) / len(part)
        assert found == pytest.approx(share, abs=0.05)
