"""Every figure is what its name says, carries its interval, and cannot be fooled by an empty answer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, f1_score, homogeneity_completeness_v_measure, normalized_mutual_info_score

from pipeline.evaluation import CLUSTERING, Judged, baseline_id, cluster_baseline, clustering_figures, evaluate, evaluation_id, share
from pipeline.evaluation.metrics import clustering_scores, matched_names
from pipeline.evaluation.sets import set_figures
from pipeline.ids import text_hash
from pipeline.records import Document
from pipeline.settings import Project
from pipeline.testing import ScriptedChat
from tests.tiny import TinyEmbedder, knowing_reply

LABELS = st.integers(1, 60).flatmap(
    lambda n: st.tuples(
        st.lists(st.sampled_from("abcd"), min_size=n, max_size=n),
        st.lists(st.sampled_from(["x", "y", "z", None]), min_size=n, max_size=n),
    )
)
GOLD = ["a"] * 4 + ["b"] * 3 + ["c"] * 3
FOUND = ["x", "x", "x", "y", "y", "y", None, "z", "z", "x"]


@given(LABELS)
@settings(deadline=None)
def test_rand_index_and_entropies_are_those_of_scikit_learn(labels: tuple[list[str], list[str | None]]) -> None:
    gold, found = labels
    scores = clustering_scores(gold, found)
    named = ["none" if label is None else label for label in found]
    assert scores["ari"] == pytest.approx(adjusted_rand_score(gold, named), abs=1e-9)
    assert scores["nmi"] == pytest.approx(normalized_mutual_info_score(gold, named), abs=1e-9)
    homogeneity, completeness, v_measure = homogeneity_completeness_v_measure(gold, named)
    assert scores["homogeneity"] == pytest.approx(homogeneity, abs=1e-9)
    assert scores["completeness"] == pytest.approx(completeness, abs=1e-9)
    if len({*gold}) > 1 or len({*named}) > 1:
        assert scores["v_measure"] == pytest.approx(v_measure, abs=1e-9)


@given(LABELS)
@settings(deadline=None)
def test_f1_after_matching_is_that_of_scikit_learn_on_the_matched_names(labels: tuple[list[str], list[str | None]]) -> None:
    gold, found = labels
    scores, names = clustering_scores(gold, found), matched_names(gold, found)
    assert len(set(names.values())) == len(names)
    said = [names.get(label or "", f"left over {label}") for label in found]
    right = [one == other for one, other in zip(gold, said, strict=True)]
    assert scores["accuracy"] == pytest.approx(np.mean(right), abs=1e-9)
    # Two matchings may be as good for the accuracy and not for F1, so hold it against scikit-learn where the names are the labels.
    same = [None if label is None else {"x": "a", "y": "b", "z": "c"}[label] for label in found]
    there = sorted(set(gold))
    exact = set_figures([{one} for one in gold], [set() if one is None else {one} for one in same], resamples=2, seed=1)
    told = [str(one) for one in same]
    assert exact["macro_f1"].value == pytest.approx(f1_score(gold, told, labels=there, average="macro", zero_division=0), abs=1e-9)
    answers = sorted({*gold, *told} - {"None"})
    assert exact["micro_f1"].value == pytest.approx(f1_score(gold, told, labels=answers, average="micro", zero_division=0), abs=1e-9)
    if names == {label: one for label, one in (("x", "a"), ("y", "b"), ("z", "c")) if label in found and one in gold}:
        assert scores["matched_macro_f1"] == pytest.approx(exact["macro_f1"].value, abs=1e-9)
        assert scores["matched_micro_f1"] == pytest.approx(exact["micro_f1"].value, abs=1e-9)


def test_purity_and_accuracy_of_a_case_worked_by_hand() -> None:
    scores = clustering_scores(GOLD, FOUND)
    # x holds a a a c, y holds a b b, z holds c c; one document of b is in none.
    assert scores["purity"] == pytest.approx((3 + 2 + 2) / 10)
    assert scores["accuracy"] == pytest.approx((3 + 2 + 2) / 10)
    # F1 of a with x: 2 * 3 / (4 + 4), of b with y: 2 * 2 / (3 + 3), of c with z: 2 * 2 / (3 + 2); 9 of 10 have an answer.
    assert scores["matched_macro_f1"] == pytest.approx((6 / 8 + 4 / 6 + 4 / 5) / 3)
    assert scores["matched_micro_f1"] == pytest.approx(2 * 7 / (10 + 9))
    # One category for everything: the best it can be is the largest gold label.
    assert clustering_scores(GOLD, ["x"] * 10)["accuracy"] == pytest.approx(0.4)
    # Two categories for one gold label: only one of them can be matched, purity does not mind.
    split = clustering_scores(["a"] * 4, ["x", "x", "y", "y"])
    assert (split["purity"], split["accuracy"]) == (1.0, 0.5)


def test_a_document_in_no_category_counts_as_wrong() -> None:
    nothing = clustering_scores(GOLD, [None] * 10)
    assert nothing["purity"] == nothing["accuracy"] == nothing["matched_macro_f1"] == nothing["matched_micro_f1"] == 0.0
    fewer = [None, *FOUND[1:]]
    assert clustering_scores(GOLD, fewer)["accuracy"] == pytest.approx(clustering_scores(GOLD, FOUND)["accuracy"] - 0.1)


@given(LABELS)
@settings(max_examples=25, deadline=None)
def test_every_figure_lies_in_its_range_and_interval(labels: tuple[list[str], list[str | None]]) -> None:
    for name, figure in clustering_figures(*labels, resamples=100, seed=1).items():
        assert (-0.5 if name == "ari" else 0.0) <= figure.value <= 1.0 + 1e-9
        assert figure.low <= figure.high
        assert figure.n == len(labels[0])


def noisy(n: int, *, wrong: float, seed: int = 3) -> tuple[list[str], list[str]]:
    random = np.random.default_rng(seed)
    gold = random.choice(list("abcd"), n)
    found = np.where(random.random(n) < wrong, random.choice(list("abcd"), n), gold)
    return gold.tolist(), found.tolist()


def test_intervals_hold_the_value_and_shrink_with_the_number_of_documents() -> None:
    widths: dict[str, list[float]] = {name: [] for name in CLUSTERING}
    for n in (50, 400, 3200):
        for name, figure in clustering_figures(*noisy(n, wrong=0.3), resamples=200, seed=1).items():
            assert figure.low < figure.value < figure.high, name
            widths[name].append(figure.high - figure.low)
    assert all(wide > middle > narrow for wide, middle, narrow in widths.values())


def test_labels_without_meaning_score_near_nothing() -> None:
    gold, _ = noisy(800, wrong=0.0)
    shuffled = np.random.default_rng(0).permutation(gold).tolist()
    perfect, random, constant = (clustering_figures(gold, found, resamples=100, seed=1) for found in (gold, shuffled, ["x"] * 800))
    assert all(figure.value == 1.0 for figure in perfect.values())
    assert abs(random["ari"].value) < 0.02
    assert random["nmi"].value < 0.02
    assert (constant["ari"].value, constant["nmi"].value) == (0.0, 0.0)
    assert constant["accuracy"].value < 0.3


def test_a_share_is_measured_with_its_interval() -> None:
    figure = share([True] * 30 + [False] * 10)
    assert (figure.value, figure.n) == (0.75, 40)
    assert 0.55 < figure.low < 0.75 < figure.high < 0.95


def judged(**changes: Any) -> Judged:
    texts = [f"t{number}" for number in range(20)]
    parts: dict[str, Any] = {
        "asked": set(texts[:10]),
        "taught": {text: "c1" if number % 2 else None for number, text in enumerate(texts[:10])},
        "held_out": set(texts[5:10]),
        "predicted": dict.fromkeys(texts, "c1"),
        "baseline": dict.fromkeys(texts, "k1"),
        "cited": {text: True for text in texts[:8]} | {"t8": False, "t9": False},
        "gold": {text: "g1" if number % 2 else "g2" for number, text in enumerate(texts)},
    }
    return Judged(**(parts | changes))


def figures(found: Judged) -> dict[tuple[str, str, str], Any]:
    return {(row.subject, row.metric, row.slice): row for row in evaluate(found, resamples=100, seed=1)}


def test_without_gold_labels_only_coverage_and_agreement_are_measured() -> None:
    found = figures(judged(gold={}))
    alone = {key for key in found if key[0] not in {"majority", "tfidf"} and "_gain_" not in key[1] and "_mcnemar_" not in key[1]}
    answers = [("teacher", metric, "all") for metric in ("coverage", "failed", "none_fits", "unsure")]
    assert sorted(alone) == [("student", "agreement", "held_out"), ("taxonomy", "citation_coverage", "sample"), *answers]
    assert found["taxonomy", "citation_coverage", "sample"].value == 0.8
    assert found["teacher", "coverage", "all"].value == 0.5


def test_failures_are_told_from_texts_that_nothing_fits_and_from_unsure_ones() -> None:
    taught = {"t0": "c1", "t1": "c1", "t2": "c1", "t3": None, "t4": None, "t5": None}
    found = figures(judged(taught=taught, none_fits={"t3", "t4"}, gold={}))
    shares = {metric: found["teacher", metric, "all"].value for metric in ("coverage", "none_fits", "unsure", "failed")}
    assert shares == {"coverage": 0.3, "none_fits": 0.2, "unsure": 0.1, "failed": 0.4}
    assert {found["teacher", metric, "all"].n for metric in shares} == {10}
    assert evaluation_id(judged(none_fits={"t3"}), resamples=100, seed=1) != evaluation_id(judged(), resamples=100, seed=1)


ABOUT: dict[str, Any] = {"names": {"c1": "One", "c2": "Two"}, "gold": {f"t{n}": "One" if n % 2 else "Two" for n in range(20)}}


def test_a_text_that_was_asked_and_not_answered_is_wrong_and_never_left_out() -> None:
    right = {f"t{n}": "c1" if n % 2 else "c2" for n in range(10)}
    whole = figures(judged(taught=right, **ABOUT))
    some = figures(judged(taught={text: label for text, label in right.items() if text not in {"t0", "t1", "t2"}}, **ABOUT))
    for metric in ("accuracy", "exact_accuracy", "macro_f1", "matched_macro_f1", "micro_f1", "purity"):
        assert whole["teacher", metric, "all"].value == 1.0
        assert some["teacher", metric, "all"].value < 0.9, metric
    assert some["teacher", "exact_accuracy", "all"].value == some["teacher", "accuracy", "all"].value == 0.7
    assert {some["teacher", metric, "all"].n for metric in ("accuracy", "exact_accuracy", "ari", "macro_f1")} == {10}
    asked_nothing = figures(judged(taught={}, **ABOUT))
    assert ("teacher", "accuracy", "all") not in asked_nothing, "who labelled nothing at all is not measured"
    assert asked_nothing["teacher", "failed", "all"].value == 1.0
    unpredicted = figures(judged(predicted={"t1": "c1"}, **ABOUT))["student", "exact_accuracy", "all"]
    assert (unpredicted.value, unpredicted.n) == (0.05, 20)


def test_the_number_of_categories_is_held_against_that_of_gold_labels() -> None:
    found = figures(judged(names={"c1": "One", "c2": "Two", "c3": "Three"}))
    error, relative = found["taxonomy", "k_error", "all"], found["taxonomy", "k_error_relative", "all"]
    assert (error.value, error.low, error.high, error.n, relative.value) == (1, 1, 1, 20, 0.5)


def test_documents_with_several_gold_labels_are_read_both_ways() -> None:
    gold = {"t0": '["One", "Two"]', "t1": "One", "t2": '["Two", "One"]', "t3": "Two"}
    taught = dict.fromkeys(gold, "c1")
    found = figures(judged(asked=set(gold), taught=taught, names=ABOUT["names"], gold=gold))
    assert found["teacher", "accuracy_first", "all"].value == 0.5
    assert found["teacher", "accuracy_any", "all"].value == found["teacher", "exact_accuracy", "all"].value == 0.75
    assert found["teacher", "exact_match", "all"].value == 0.25
    assert found["teacher", "jaccard", "all"].value == pytest.approx((0.5 + 1 + 0.5 + 0) / 4)
    one = figures(judged(asked=set(gold), taught=taught, names=ABOUT["names"], gold=dict.fromkeys(gold, "One")))
    assert not {metric for _, metric, _ in one} & {"accuracy_first", "accuracy_any", "exact_match", "accuracy_with_also"}
    # Where names are not those of gold labels, the category stands for the label it is matched to.
    other = figures(judged(asked=set(gold), taught=taught, gold=gold))
    assert other["teacher", "accuracy_any", "all"].value == 0.75


def test_a_label_among_those_given_beside_is_told_apart_from_a_right_one() -> None:
    gold = {"t0": "Two", "t1": "One", "t2": "Two", "t3": "Two"}
    found = figures(
        judged(asked=set(gold), taught=dict.fromkeys(["t0", "t1", "t2"], "c1"), also={"t0": ["c2"], "t1": ["c2"]}, **ABOUT | {"gold": gold})
    )
    assert found["teacher", "exact_accuracy", "all"].value == 0.25
    assert found["teacher", "accuracy_with_also", "all"].value == 0.5
    assert found["teacher", "exact_match", "all"].value == 0.0
    assert found["teacher", "jaccard", "all"].value == pytest.approx((0.5 + 0.5 + 0 + 0) / 4)  # t3 failed, and counts
    assert ("student", "accuracy_with_also", "all") not in found


def test_with_gold_labels_each_subject_is_measured_on_all_and_on_held_out_documents() -> None:
    found = figures(judged())
    for subject in ("teacher", "student", "baseline"):
        for metric in ("ari", "nmi", "purity", "accuracy"):
            for part in ("all", "held_out"):
                assert (subject, metric, part) in found
    assert found["teacher", "accuracy", "held_out"].n == 5
    assert found["student", "accuracy", "all"].n == 20
    assert {row.judge for key, row in found.items() if key[1] == "ari"} == {"gold labels"}


def test_nothing_to_measure_gives_no_figure() -> None:
    assert evaluate(Judged(set(), {}, set(), {}, {}, {}, {}), resamples=100, seed=1) == []


def test_the_id_of_an_evaluation_is_the_hash_of_all_it_depends_on() -> None:
    base = evaluation_id(judged(), resamples=100, seed=1)
    assert base == evaluation_id(judged(), resamples=100, seed=1)
    variants = [
        evaluation_id(judged(gold={}), resamples=100, seed=1), evaluation_id(judged(cited={}), resamples=100, seed=1),
        evaluation_id(judged(held_out=set()), resamples=100, seed=1), evaluation_id(judged(), resamples=200, seed=1),
        evaluation_id(judged(), resamples=100, seed=2), evaluation_id(judged(taught={}), resamples=100, seed=1),
    ]  # fmt: skip
    assert len({base, *variants}) == 1 + len(variants)


def documents(texts: Sequence[str]) -> list[Document]:
    return [Document(f"d{number}", text_hash(text), text, "x") for number, text in enumerate(texts)]


def test_the_baseline_puts_every_document_into_one_named_cluster(a_project: Project) -> None:
    texts = [f"my parcel number {n} is late" for n in range(6)] + [f"the store in street {n} is closed" for n in range(6)]
    docs = documents(texts)
    chat = ScriptedChat(knowing_reply)
    found = cluster_baseline(docs, TinyEmbedder().embed(texts), size=2, chat=chat, project=a_project)
    assert sorted(len(category.members) for category in found.categories) == [6, 6]
    assert sorted(found.names()) == ["Late Parcels", "Opening Hours"]
    assert found.taxonomy_id == baseline_id(docs, 2, project=a_project, model=chat.model)
    assert found.stage == "baseline"


def test_a_cluster_that_the_model_cannot_name_gets_a_number(a_project: Project) -> None:
    texts = ["alpha", "beta", "gamma", "delta", "Delta"]
    found = cluster_baseline(documents(texts), TinyEmbedder().embed(texts), size=9, chat=ScriptedChat(lambda _: "no json"), project=a_project)
    assert found.names() == ["Cluster 1", "Cluster 2", "Cluster 3", "Cluster 4"]
    assert {category.description for category in found.categories} == {"wrong_schema"}


def test_harmonic_purity_of_a_case_worked_by_hand() -> None:
    # x holds a a a c, y holds a b b, z holds c c; one document of b is in none.
    # a (4): best with x, F1 = 2 * 3 / (4 + 4); b (3): with y, 2 * 2 / (3 + 3); c (3): with z, 2 * 2 / (3 + 2).
    assert clustering_scores(GOLD, FOUND)["harmonic_purity"] == pytest.approx((4 * 6 / 8 + 3 * 4 / 6 + 3 * 4 / 5) / 10)
    # One category for everything is the best of every label: F1 of a is 2 * 4 / 14, of b and of c 2 * 3 / 13.
    assert clustering_scores(GOLD, ["x"] * 10)["harmonic_purity"] == pytest.approx((4 * 8 / 14 + 6 * 6 / 13) / 10)
    # A label cut in two counts by the larger part alone.
    assert clustering_scores(["a"] * 5, ["x", "x", "x", "y", "y"])["harmonic_purity"] == pytest.approx(6 / 8)
    assert clustering_scores(GOLD, GOLD)["harmonic_purity"] == 1.0
    assert clustering_scores(GOLD, [None] * 10)["harmonic_purity"] == 0.0


@given(LABELS)
@settings(deadline=None)
def test_harmonic_purity_is_the_best_f1_of_each_label_counted_on_sets_of_documents(labels: tuple[list[str], list[str | None]]) -> None:
    gold, found = labels

    def documents(of: Sequence[str | None], label: str) -> set[int]:
        return {place for place, one in enumerate(of) if one == label}

    best = 0.0
    for truth in {label: documents(gold, label) for label in gold}.values():
        categories = [documents(found, label) for label in found if label is not None]
        best += len(truth) * max((2 * len(truth & category) / (len(truth) + len(category)) for category in categories), default=0.0)
    assert clustering_scores(gold, found)["harmonic_purity"] == pytest.approx(best / len(gold), abs=1e-9)
