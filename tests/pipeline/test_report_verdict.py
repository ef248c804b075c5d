"""The verdict says what the rows say, and no more."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records import Evaluation
from pipeline.report import Confusion, Contents, TieBreaker, verdict
from pipeline.report.actions import WIDTH, needed
from pipeline.report.faults import part_name
from pipeline.report.quality import quality
from tests.reported import NUTRITION, contents, figure

BASELINE = figure(0.5, 0.45, 0.55, subject="baseline")
MATCHED = {"metric": "accuracy"}
PAIRS = (
    Confusion("Refunds", "Refunds", 80),
    Confusion("Refunds", "Parcels", 15),
    Confusion("Parcels", "Parcels", 100),
    Confusion("Parcels", "Refunds", 5),
)


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        (contents(), "nobody has checked whether the labels are right"),
        (contents(figure(0.9, 0.8, 0.95, metric="agreement", judge="the teacher", slice_="held_out")), "which does not say that either is right"),
        (contents(labelled_by={}), "No document has a label yet"),
        (
            contents(figure(0.9, 0.86, 0.93), BASELINE),
            "are right on 90.0 % (86.0 to 93.0) of 400 documents by known labels, better than the best baseline",
        ),
        (contents(figure(0.58, 0.53, 0.62), BASELINE), "not shown to be better than the best baseline (k-means, named: 50.0 % (45.0 to 55.0))"),
        (contents(figure(0.3, 0.25, 0.35), BASELINE), "worse than the best baseline"),
        (contents(figure(0.9, 0.86, 0.93)), "with no baseline beside it"),
        (
            contents(figure(0.7, 0.65, 0.74, **MATCHED)),
            "agree with the known labels on 70.0 % (65.0 to 74.0) of 400 documents once each category is paired",
        ),
        (contents(figure(0.8, 0.7, 0.9, metric="estimated_accuracy", judge="agreement and calibration")), "are estimated to be right"),
        (
            contents(figure(0.8, 0.7, 0.9, metric="judged_accuracy_hard", judge="m@1, self-judged")),
            "by a model that judged its own labels, which nobody has",
        ),
        (contents(figure(0.8, 0.7, 0.9, metric="judged_accuracy_hard", judge="big@2")), "by the judge big@2, which nobody has checked"),
        (contents(figure(0.8, 0.7, 0.9, judge="people (3 raters)")), "of 400 documents by people"),
    ],
)
def test_the_first_sentence_says_how_good_the_labels_are_and_who_says_so(given_: Contents, said: str) -> None:
    assert said in verdict(given_).quality


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ((), ["with care", "no", "no"]),
        ((figure(0.97, 0.95, 0.98), BASELINE), ["yes", "yes", "yes"]),
        ((figure(0.97, 0.95, 0.98),), ["yes", "yes", "yes"]),
        ((figure(0.87, 0.84, 0.9), BASELINE), ["yes", "yes", "with care"]),
        ((figure(0.66, 0.62, 0.7), BASELINE), ["yes", "with care", "no"]),
        ((figure(0.35, 0.31, 0.4),), ["with care", "no", "no"]),
        ((figure(0.2, 0.1, 0.3),), ["no", "no", "no"]),
        ((figure(0.97, 0.95, 0.98), figure(0.96, 0.94, 0.98, subject="tfidf")), ["with care", "with care", "with care"]),
        ((figure(0.97, 0.95, 0.98, metric="estimated_accuracy", judge="agreement"),), ["with care", "with care", "with care"]),
        ((figure(0.97, 0.95, 0.98, metric="judged_accuracy_hard", judge="big@2"),), ["with care", "with care", "with care"]),
        ((figure(0.97, 0.95, 0.98, metric="agreement", judge="the teacher"),), ["with care", "no", "no"]),
    ],
)  # fmt: skip
def test_the_light_goes_by_the_lower_end_and_by_who_checked(figures: tuple[Evaluation, ...], words: list[str]) -> None:
    assert [light.word for light in verdict(contents(*figures)).lights] == words


def test_a_paired_gain_goes_before_intervals_that_overlap() -> None:
    close = figure(0.58, 0.53, 0.62), BASELINE
    gain = figure(0.08, 0.04, 0.12, metric="gain_over_baseline")
    assert quality(contents(*close)) is not None
    assert "not shown to be better" in verdict(contents(*close)).quality
    assert "better than the best baseline" in verdict(contents(*close, gain)).quality
    assert "not shown" in verdict(contents(*close, replace(gain, low=-0.01))).quality


def test_a_baseline_without_names_is_held_against_the_same_labels_by_matching() -> None:
    found = figure(0.94, 0.92, 0.96), figure(0.95, 0.93, 0.97, **MATCHED), figure(0.9, 0.88, 0.92, subject="baseline", **MATCHED)
    said = verdict(contents(*found)).quality
    assert "are right on 94.0 %" in said
    assert "better than the best baseline (k-means, named: 90.0 % (88.0 to 92.0) against 95.0 % (93.0 to 97.0) by accuracy, matched)" in said


def test_the_best_baseline_is_the_one_that_comes_nearest_by_whatever_measure() -> None:
    found = (
        figure(0.77, 0.74, 0.8), figure(0.16, 0.14, 0.19, subject="random"), figure(0.79, 0.76, 0.81, **MATCHED),
        figure(0.9, 0.88, 0.92, subject="baseline", **MATCHED), figure(0.17, 0.15, 0.2, subject="random", **MATCHED),
        figure(-0.12, -0.14, -0.09, metric="gain_over_baseline"), figure(0.6, 0.57, 0.64, metric="gain_over_random"),
    )  # fmt: skip
    said = verdict(contents(*found))
    assert "worse than the best baseline (k-means, named: 90.0 % (88.0 to 92.0) against 79.0 %" in said.quality
    assert [light.word for light in said.lights] == ["with care", "with care", "no"]
    assert said.actions[0].short == "try a larger model, since a baseline does as well"


def test_people_and_gold_go_before_a_judge_and_that_before_an_estimate() -> None:
    estimate = figure(0.9, 0.8, 0.95, metric="estimated_accuracy", judge="agreement")
    judged = figure(0.8, 0.7, 0.9, metric="judged_accuracy_random", judge="big@2")
    gold = figure(0.7, 0.6, 0.8, metric="accuracy")
    for known, by in ([estimate], "estimate"), ([estimate, judged], "judge"), ([estimate, judged, gold], "gold"):
        found = quality(contents(*known))
        assert found is not None
        assert found.by == by


def test_of_people_and_gold_the_narrower_interval_counts() -> None:
    people, gold = figure(0.8, 0.6, 0.95, judge="people (2 raters)", slice_="people", subject="labels", n=20), figure(0.7, 0.67, 0.73)
    assert "70.0 %" in verdict(contents(people, gold)).quality
    narrow = replace(people, low=0.75, high=0.85, n=300)
    assert "80.0 % (75.0 to 85.0) of 300 documents by people" in verdict(contents(narrow, replace(gold, low=0.5))).quality


def test_the_one_who_labels_most_is_who_is_told_of() -> None:
    both = figure(0.7, 0.65, 0.75), figure(0.9, 0.85, 0.95, subject="teacher")
    assert "labels of the student are right on 70.0 %" in verdict(contents(*both)).quality
    assert "labels of the model are right on 90.0 %" in verdict(contents(*both, labelled_by={"llm": 900, "student": 100})).quality


def test_the_second_sentence_names_the_worst_pair_and_tells_failures_from_what_fits_nothing() -> None:
    said = verdict(
        contents(figure(0.9, 0.86, 0.93), confusions=PAIRS, truth="gold", same_names=True, unlabelled={"failed": 7, "none_fits": 1})
    ).failure
    assert said.startswith("They fail most where “Refunds” goes to “Parcels” (15 of its 95, 75.0 % of the errors)")
    assert said.endswith("7 documents got no valid answer and 1 document fit no category by whoever looked.")


def test_a_part_is_named_only_where_the_evaluation_warns_of_it() -> None:
    part = figure(0.6, 0.5, 0.7, slice_="language=de", n=80)
    warning = figure(-0.35, -0.45, -0.25, slice_="language=de", n=80, metric="exact_accuracy_much_worse")
    for figures, named in ((part, warning), True), ((part,), False), ((part, replace(warning, subject="teacher")), False):
        assert ("where language is de (60.0 % of 80 against 90.0 %)" in verdict(contents(figure(0.9, 0.86, 0.93), *figures)).failure) is named


@pytest.mark.parametrize(
    ("slice_", "said"),
    [
        ("language=de", "language is de"),
        ("label=rare", "the label is rare"),
        ("words<=5", "a document has at most 5 words"),
        ("words 6 to 9", "a document has 6 to 9 words"),
    ],
)
def test_a_part_is_named_as_one_says_it(slice_: str, said: str) -> None:
    assert part_name(slice_) == said


def test_documents_that_wait_are_said_to_count_as_wrong() -> None:
    waiting = contents(figure(0.1, 0.05, 0.15, n=400), labelled_by={"student": 86}, unlabelled={"waiting": 914})
    assert "of 400 documents, those that wait for a label counted as wrong, by known labels" in verdict(waiting).quality
    assert "counted as wrong" not in verdict(contents(figure(0.1, 0.05, 0.15, n=400), unlabelled={"waiting": 2})).quality


def test_without_anything_to_go_by_nothing_is_said_to_fail() -> None:
    assert "Where they fail is not known" in verdict(contents()).failure


@pytest.mark.parametrize(
    ("given_", "first"),
    [
        (contents(), "have people label 385 documents"),
        (contents(nutrition=replace(NUTRITION, texts=60)), "have people label 60 documents"),
        (contents(figure(0.9, 0.86, 0.93), figure(0.89, 0.85, 0.92, subject="tfidf")), "try a larger model, since a baseline does as well"),
        (contents(figure(0.9, 0.86, 0.93), confusions=PAIRS, same_names=True, truth="gold"), "merge or clarify “Parcels” and “Refunds”"),
        (contents(figure(0.9, 0.86, 0.93), unlabelled={"failed": 100}), "ask again where the model failed"),
        (contents(figure(0.9, 0.86, 0.93), unlabelled={"none_fits": 300}), "have a new taxonomy proposed"),
        (contents(figure(0.9, 0.8, 0.99, n=40)), "have people label 99 more documents"),
        (contents(labelled_by={}), "run the project to its end"),
        (contents(figure(0.7, 0.66, 0.74), figure(0.9, 0.86, 0.93, subject="teacher")), "let the model label more documents for the student"),
    ],
)  # fmt: skip
def test_the_advice_begins_with_what_changes_most(given_: Contents, first: str) -> None:
    found = verdict(given_)
    assert found.advice.startswith(f"Next, {first}"), found.advice
    assert [action.effect for action in found.actions] == sorted((action.effect for action in found.actions), reverse=True)


def test_nothing_is_advised_where_the_figures_call_for_nothing() -> None:
    assert verdict(contents(figure(0.97, 0.95, 0.98))).advice == "Next, nothing is called for by the figures."


def test_a_proposed_sentence_stands_with_its_pair() -> None:
    tie = TieBreaker("Parcels", "Refunds", 20, 200, "Money back is Refunds.")
    found = verdict(contents(figure(0.9, 0.86, 0.93), confusions=PAIRS, same_names=True, truth="gold", tie_breakers=(tie,)))
    assert "Money back is Refunds." in found.actions[0].full


def test_labels_with_other_names_are_split_and_not_merged() -> None:
    found = (Confusion("money", "Refunds", 80), Confusion("post", "Parcels", 90), Confusion("door", "Parcels", 30))
    said = verdict(contents(figure(0.85, 0.8, 0.9, **MATCHED), confusions=found, truth="gold", same_names=False))
    assert "split “Parcels”, which is broader than the known labels" in said.advice
    assert "“post” (90), “door” (30): that would set 15.0 % of all documents right" in said.actions[0].full
    assert "No pair of categories stands out" in said.failure


@given(st.floats(0.01, 0.99))
def test_so_many_documents_give_an_interval_as_wide_as_is_said(share: float) -> None:
    n = needed(share)
    assert 1.96 * (share * (1 - share) / n) ** 0.5 <= WIDTH * 1.001
    assert 1.96 * (share * (1 - share) / max(1, n - 1)) ** 0.5 > WIDTH * 0.98 or n == 1


@given(
    value=st.floats(0, 1), spread=st.floats(0, 0.3), better=st.floats(0, 1), judge=st.sampled_from(["gold labels", "people", "big@2", "the teacher"])
)
def test_a_yes_is_never_given_without_a_check_that_carries_it(value: float, spread: float, better: float, judge: str) -> None:
    low, high = max(0.0, value - spread), min(1.0, value + spread)
    metrics: dict[str, Any] = {"metric": "exact_accuracy" if judge in {"gold labels", "people"} else "judged_accuracy_hard", "judge": judge}
    found = verdict(
        contents(
            figure(value, low, high, **metrics), figure(better, max(0.0, better - spread), min(1.0, better + spread), subject="tfidf", **metrics)
        )
    )
    for light, least in zip(found.lights, (0.5, 0.8, 0.9), strict=True):
        if light.word == "yes":
            assert low >= least
            assert low > min(1.0, better + spread)
            assert judge in {"gold labels", "people"}
