"""Labels level by level: few options a question, a leaf in the end, and a score for every leaf."""

import math

import pytest

from pipeline.annotation import Manner, annotate_by_level, llm_annotator
from pipeline.ids import text_hash
from pipeline.records import Category, Document, Label, Outcome, Taxonomy
from pipeline.serving.contract import Answer, Choice
from pipeline.settings import Project
from pipeline.testing import ScriptedChat

CATEGORIES = (
    Category("money", "Money", "m"), Category("refund", "Refunds", "r", "money"), Category("fee", "Fees", "f", "money"),
    Category("parcel", "Parcels", "p"),
)  # fmt: skip
TREE = Taxonomy("tax:1", "deepen", 2, None, "what", "tnt", CATEGORIES)


def labelled(chat: ScriptedChat, texts: list[str], project: Project) -> Outcome[Label]:
    documents = [Document(text, text_hash(text), text, "x") for text in texts]
    annotator = llm_annotator(project, "m", Manner(top_down=True))
    (outcome,) = annotate_by_level(documents, taxonomy=TREE, annotator=annotator, chat=chat, project=project)
    return outcome


def shares(label: Label) -> dict[str, float]:
    return {key: round(math.exp(value), 4) for key, value in (label.scores or {}).items()}


def test_a_document_goes_down_to_a_leaf_and_every_leaf_has_a_score(a_project: Project) -> None:
    chat = ScriptedChat(["Money", "Parcels", "Refunds"], probability=0.8)
    refund, parcel = labelled(chat, ["a", "b"], a_project).records
    top = Choice(("Money", "Parcels", "None of these"))
    assert [question.form for question in chat.questions] == [top, top, Choice(("Refunds", "Fees"))]
    assert (refund.category_id, parcel.category_id) == ("refund", "parcel")
    assert shares(refund) == {"refund": 0.64, "fee": 0.16, "parcel": 0.1, "none": 0.1}
    assert shares(parcel) == {"refund": 0.05, "fee": 0.05, "parcel": 0.8, "none": 0.1}


def test_documents_of_one_parent_are_asked_about_side_by_side(a_project: Project) -> None:
    chat = ScriptedChat(["Money", "Parcels", "Money", "Fees", "Refunds"])
    outcome = labelled(chat, ["a", "b", "c"], a_project)
    assert [record.category_id for record in outcome.records] == ["fee", "parcel", "refund"]
    assert chat.questions[3].messages[0] == chat.questions[4].messages[0]


def test_none_fits_ends_the_way_down_and_a_failure_on_it_is_one_of_the_document(a_project: Project) -> None:
    replies: list[str | Answer] = ["None of these", "Money", Answer("timeout", error="too slow", attempts=3)]
    outcome = labelled(ScriptedChat(replies), ["a", "b"], a_project)
    assert [(record.category_id, record.reason) for record in outcome.records] == [(None, "none_fits")]
    assert [(failure.text_hash, failure.reason) for failure in outcome.failures] == [(text_hash("b"), "timeout")]


def test_without_scores_on_the_way_there_are_none_in_the_end(a_project: Project) -> None:
    replies: list[str | Answer] = [Answer("ok", text="Money"), "Fees"]
    (label,) = labelled(ScriptedChat(replies), ["a"], a_project).records
    assert (label.category_id, label.scores) == ("fee", None)


@pytest.mark.parametrize("count", [1, 130])
def test_each_document_is_labelled_once_in_order(count: int, a_project: Project) -> None:
    documents = [Document(str(n), text_hash(str(n)), str(n), "x") for n in range(count)]
    annotator = llm_annotator(a_project, "m", Manner(top_down=True))
    chat = ScriptedChat(lambda question: "Parcels")
    outcomes = list(annotate_by_level(documents, taxonomy=TREE, annotator=annotator, chat=chat, project=a_project))
    assert [label.text_hash for outcome in outcomes for label in outcome.records] == [document.text_hash for document in documents]
