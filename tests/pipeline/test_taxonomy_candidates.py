"""Candidates are measured on texts that made no category, and judged against each other."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from pipeline.ids import text_hash
from pipeline.records import Category, Measure, Taxonomy
from pipeline.serving.contract import Answer, Choice, Question
from pipeline.settings import Project
from pipeline.taxonomy.candidates import measure, measure_candidates
from pipeline.taxonomy.figures import wilson
from pipeline.taxonomy.judge import JUDGED
from pipeline.testing import ScriptedChat
from tests.candidates import SAMPLE, candidate
from tests.tiny import TinyEmbedder

EMBEDDER = TinyEmbedder()
NONE = "None of these"


PARCELS = candidate("Late Parcels", "Refunds")


def scores(**probabilities: float) -> dict[str, float]:
    named = {"late": "Late Parcels", "refunds": "Refunds", "none": NONE}
    return {named[key]: math.log(value) for key, value in probabilities.items()}


def answer(**probabilities: float) -> Answer:
    found = scores(**probabilities)
    return Answer("ok", text=max(found, key=lambda name: found[name]), scores=found)


def by_metric(measures: Sequence[Measure]) -> dict[str, Measure]:
    assert len({one.metric for one in measures}) == len(measures)
    return {one.metric: one for one in measures}


def measured(replies: Sequence[str | Answer], project: Project, taxonomy: Taxonomy = PARCELS) -> dict[str, Measure]:
    chat = ScriptedChat(list(replies))
    texts = [f"text {place}" for place in range(len(replies))]
    found = by_metric(measure(taxonomy, texts, sample=SAMPLE, chat=chat, embedder=EMBEDDER, project=project))
    assert len(chat.questions) == len(texts), "a candidate costs one question a validation text"
    return found


def test_coverage_counts_what_a_category_fits_and_leaves_failed_answers_out(a_project: Project) -> None:
    covered, barely, none = (
        answer(late=0.9, refunds=0.05, none=0.05),
        answer(late=0.5, refunds=0.01, none=0.49),
        answer(late=0.45, refunds=0.04, none=0.51),
    )
    found = measured([covered, barely, none, Answer("timeout", error="slow")], a_project)
    assert (found["coverage"].value, found["coverage"].n, found["coverage"].judge) == (pytest.approx(2 / 3), 3, "scripted")
    assert (found["unanswered"].value, found["unanswered"].n) == (0.25, 4)
    assert (found["coverage"].low, found["coverage"].high) == wilson(2 / 3, 3)
    assert {one.taxonomy_id for one in found.values()} == {"tax:0"}


def test_an_answer_that_is_no_option_is_no_coverage_and_no_gap_in_it(a_project: Project) -> None:
    found = measured(["Refunds", "refund", "Refunds"], a_project)
    assert (found["coverage"].value, found["coverage"].n, found["unanswered"].value) == (1.0, 2, pytest.approx(1 / 3))


def test_a_model_without_scores_is_asked_by_its_answer_and_says_nothing_of_overlap(a_project: Project) -> None:
    found = measured([Answer("ok", text="Refunds"), Answer("ok", text=NONE)], a_project)
    assert found["coverage"].value == 0.5
    assert "overlap" not in found


def test_overlap_is_measured_after_the_models_leaning_is_taken_out(a_project: Project) -> None:
    leaning = [answer(late=0.75, refunds=0.2, none=0.05)] * 3  # the same for each text: no more than a habit
    found = measured([*leaning, answer(late=0.97, refunds=0.02, none=0.01)], a_project)
    lead = (3 * math.log(0.75 / 0.2) + math.log(0.97 / 0.02)) / 4
    assert 0.5 < math.exp(math.log(0.75 / 0.2) - 0.8 * lead) < 2, "neither is twice as likely as the other once the lead is out"
    assert math.exp(0.8 * lead - math.log(0.97 / 0.02)) < 0.5
    assert (found["overlap"].value, found["overlap"].n) == (0.75, 4)


@pytest.mark.parametrize(("second", "overlap"), [(0.30, 0.0), (0.36, 1.0)])
def test_a_text_fits_two_from_half_the_best_probability_on(a_project: Project, second: float, overlap: float) -> None:
    rest = 0.99 - second
    pair = [answer(late=rest, refunds=second, none=0.01), answer(late=second, refunds=rest, none=0.01)]
    assert measured(pair, a_project)["overlap"].value == overlap


def test_a_text_that_no_category_fits_does_not_fit_two(a_project: Project) -> None:
    assert measured([answer(late=0.2, refunds=0.2, none=0.6)] * 2, a_project)["overlap"].value == 0.0


def test_distinctness_is_what_the_nearest_other_category_leaves(a_project: Project) -> None:
    same = candidate("Alpha", "Beta", "Gamma", Alpha="lost parcels", Beta="lost parcels", Gamma="opening hours")
    far = candidate("Alpha", "Beta", "Gamma", Alpha="lost parcels", Beta="paid invoices", Gamma="opening hours")
    near, apart = (measured([NONE], a_project, taxonomy)["distinctness"] for taxonomy in (same, far))
    vectors = EMBEDDER.embed([f"{category.name}: {category.description}" for category in same.categories])
    likeness = vectors @ vectors.T - 2 * np.eye(3)
    assert near.value == pytest.approx(1 - likeness.max(axis=1).mean())
    assert near.value < apart.value
    assert near.n == 3
    assert near.judge == EMBEDDER.embedder_id
    assert near.low is not None and near.high is not None and 0 <= near.low < near.value < near.high <= 1


def test_one_category_is_distinct_from_nothing(a_project: Project) -> None:
    found = measured(["Everything Here"], a_project, candidate("Everything Here"))
    assert (found["distinctness"].value, found["distinctness"].n, found["distinctness"].low) == (0.0, 1, None)
    assert (found["coverage"].value, found["overlap"].value) == (1.0, 0.0)


def test_citations_are_counted_over_the_sample(a_project: Project) -> None:
    cited = candidate("Late Parcels", "Refunds", cited=6)
    elsewhere = replace(cited.categories[0], members=(*cited.categories[0].members, text_hash("not of the sample")))
    found = measured([NONE], a_project, replace(cited, categories=(elsewhere, cited.categories[1])))
    assert (found["citation_coverage"].value, found["citation_coverage"].n) == (0.75, 8)


def test_the_categories_that_labels_are_given_in_are_asked_for(a_project: Project) -> None:
    nested = replace(
        PARCELS, categories=(*PARCELS.categories, Category("cat:lost", "Lost Parcels", "Never came.", PARCELS.categories[0].category_id))
    )
    chat = ScriptedChat(["Lost Parcels"])
    measure(nested, ["where is it"], sample=SAMPLE, chat=chat, embedder=EMBEDDER, project=a_project)
    form = chat.questions[0].form
    assert isinstance(form, Choice)
    assert form.options == ("Refunds", "Lost Parcels", NONE)


def test_without_texts_only_what_needs_none_is_measured(a_project: Project) -> None:
    assert set(measured([], a_project)) == {"distinctness", "citation_coverage"}


def options(question: Question) -> tuple[str, ...]:
    assert isinstance(question.form, Choice)
    return question.form.options


def judging(judge: Callable[[Question], str | Answer]) -> ScriptedChat:
    """Give each text the first category, and judge by a function."""
    return ScriptedChat(lambda question: judge(question) if question.purpose == "judge" else options(question)[0])


def compared(chat: ScriptedChat, project: Project, *taxonomies: Taxonomy, texts: int = 4) -> list[dict[str, Measure]]:
    found = measure_candidates(taxonomies, [f"text {place}" for place in range(texts)], sample=SAMPLE, chat=chat, embedder=EMBEDDER, project=project)
    return [by_metric(measures) for measures in found]


def judged_questions(chat: ScriptedChat) -> list[Question]:
    return [question for question in chat.questions if question.purpose == "judge"]


MONEY = candidate("Money Matters", "Post", number=1)


def test_the_judge_sees_both_orders_and_a_verdict_is_a_win(a_project: Project) -> None:
    chat = judging(lambda _: "Money Matters")
    one, other = compared(chat, a_project, PARCELS, MONEY)
    asked = judged_questions(chat)
    assert len(asked) == 8
    assert [options(question) for question in asked[:2]] == [("Late Parcels", "Money Matters"), ("Money Matters", "Late Parcels")]
    assert "- Late Parcels: About Late Parcels.\n- Money Matters: About Money Matters.\n\n<text>text 0</text>" in asked[0].messages[-1].content
    assert (one["judge_wins"].value, other["judge_wins"].value) == (0.0, 1.0)
    assert (one["judge_wins"].n, one["judge_consistency"].value, one["judge_consistency"].n) == (4, 1.0, 4)
    assert len({question.messages[0] for question in asked}) == 1, "what is the same for all stands first"


def test_a_judge_that_always_takes_the_first_gives_no_verdict(a_project: Project) -> None:
    for found in compared(judging(lambda question: options(question)[0]), a_project, PARCELS, MONEY):
        assert "judge_wins" not in found
        assert (found["judge_consistency"].value, found["judge_consistency"].n) == (0.0, 4)


def test_a_judge_that_fails_in_one_order_is_not_counted(a_project: Project) -> None:
    def reply(question: Question) -> str | Answer:
        if "text 0" in question.messages[-1].content and options(question)[0] == "Post":
            return Answer("timeout", error="slow")
        return "Late Parcels" if "text 1" in question.messages[-1].content else options(question)[0]

    one, _ = compared(judging(reply), a_project, PARCELS, candidate("Post", "Money", number=1), texts=3)
    assert (one["judge_consistency"].n, one["judge_consistency"].value) == (2, 0.5)
    assert (one["judge_wins"].value, one["judge_wins"].n) == (1.0, 1)


def test_no_more_than_so_many_texts_of_a_pair_are_judged_and_names_that_are_one_are_not(a_project: Project) -> None:
    chat = judging(lambda question: options(question)[0])
    compared(chat, a_project, PARCELS, MONEY, texts=JUDGED + 5)
    assert len(judged_questions(chat)) == 2 * JUDGED
    chat = judging(lambda question: options(question)[0])
    compared(chat, a_project, PARCELS, candidate("The late parcel", "Post", number=1))
    assert judged_questions(chat) == []


def test_texts_that_fit_only_one_candidate_are_not_judged(a_project: Project) -> None:
    def reply(question: Question) -> str | Answer:
        text, named = question.messages[-1].content, options(question)
        if question.purpose != "judge" and "Post" in named and "text 1" in text:
            return NONE
        failed = question.purpose != "judge" and "Refunds" in named and "text 2" in text
        return Answer("timeout", error="slow") if failed else named[0]

    chat = ScriptedChat(reply)
    compared(chat, a_project, PARCELS, MONEY, texts=4)
    texts = {place for place in range(4) for question in judged_questions(chat) if f"<text>text {place}</text>" in question.messages[-1].content}
    assert texts == {0, 3}


def test_the_same_question_of_two_pairs_is_asked_once(a_project: Project) -> None:
    chat = judging(lambda _: "Late Parcels")
    one, two, three = compared(chat, a_project, PARCELS, MONEY, replace(MONEY, taxonomy_id="tax:2", candidate=2))
    assert len(judged_questions(chat)) == 8
    assert (one["judge_wins"].value, one["judge_wins"].n) == (1.0, 8)
    assert (two["judge_wins"].value, two["judge_wins"].n, three["judge_wins"].n) == (0.0, 4, 4)


def test_one_candidate_meets_no_judge(a_project: Project) -> None:
    chat = judging(lambda _: "nothing")
    (found,) = compared(chat, a_project, PARCELS)
    assert judged_questions(chat) == []
    assert set(found) == {"coverage", "overlap", "unanswered", "distinctness", "citation_coverage"}


def test_candidates_are_measured_for_their_stability_too(a_project: Project) -> None:
    one, other = compared(judging(lambda question: options(question)[0]), a_project, PARCELS, MONEY)
    assert (one["stability"].value, other["stability"].value, one["stability"].n) == (1.0, 1.0, 8)
