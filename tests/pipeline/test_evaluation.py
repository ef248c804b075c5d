"""Every figure is what its name says, carries its interval, and cannot be fooled by an empty answer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from pipeline.evaluation import CLUSTERING, Judged, baseline_id, cluster_baseline, clustering_figures, evaluate, evaluation_id, share
from pipeline.evaluation.metrics import adjusted_rand, contingency, harmonic_purity, matched_accuracy, mutual_information, purity
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
def test_rand_index_and_mutual_information_are_those_of_scikit_learn(labels: tuple[list[str], list[str | None]]) -> None:
    gold, found = labels
    table = contingency(gold, found)
    named = ["none" if label is None else label for label in found]
    assert adjusted_rand(table) == pytest.approx(adjusted_rand_score(gold, named), abs=1e-9)
    assert mutual_information(table) == pytest.approx(normalized_mutual_info_score(gold, named), abs=1e-9)


def test_purity_and_accuracy_of_a_case_worked_by_hand() -> None:
    table = contingency(GOLD, FOUND)
    # x holds a a a c, y holds a b b, z holds c c; one document of b is in none.
    assert purity(table) == pytest.approx((3 + 2 + 2) / 10)
    assert matched_accuracy(table) == pytest.approx((3 + 2 + 2) / 10)
    # One category for everything: the best it can be is the largest gold label.
    assert matched_accuracy(contingency(GOLD, ["x"] * 10)) == pytest.approx(0.4)
    # Two categories for one gold label: only one of them can be matched, purity does not mind.
    split = contingency(["a"] * 4, ["x", "x", "y", "y"])
    assert (purity(split), matched_accuracy(split)) == (1.0, 0.5)


def test_a_document_in_no_category_counts_as_wrong() -> None:
    table = contingency(GOLD, [None] * 10)
    assert purity(table) == matched_accuracy(table) == 0.0
    fewer = [None, *FOUND[1:]]
    assert matched_accuracy(contingency(GOLD, fewer)) == pytest.approx(matched_accuracy(contingency(GOLD, FOUND)) - 0.1)


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
    assert sorted(found) == [("student", "agreement", "held_out"), ("taxonomy", "citation_coverage", "sample"), ("teacher", "coverage", "all")]
    assert found["taxonomy", "citation_coverage", "sample"].value == 0.8
    assert found["teacher", "coverage", "all"].value == 0.5


def test_texts_without_an_answer_count_against_coverage() -> None:
    answered = {"t1": "c1"}
    assert figures(judged(taught=answered, gold={}))["teacher", "coverage", "all"].value == 0.1


def test_with_gold_labels_each_subject_is_measured_on_all_and_on_held_out_documents() -> None:
    found = figures(judged())
    for subject in ("teacher", "student", "baseline"):
        for metric in ("ari", "nmi", "purity", "accuracy"):
            for part in ("all", "held_out"):
                assert (subject, metric, part) in found
    assert found["teacher", "accuracy", "held_out"].n == 5
    assert found["student", "accuracy", "all"].n == 20
    assert {row.judge for key, row in found.items() if key[1] == "ari"} == {"gold labels"}


@pytest.mark.parametrize("gold", [{"t1": "One", "t2": "Two", "t9": "One"}, {}])
def test_a_slice_is_measured_as_if_it_were_all_there_is(gold: dict[str, str]) -> None:
    part = {"t0", "t1", "t2", "t9"}
    about = {"names": {"c1": "One", "c2": "Two"}, "gold": gold, "probabilities": {"teacher": {"t1": 0.9, "t9": 0.4}}}
    found = figures(judged(slices={"language=de": part}, **about))
    alone = figures(judged(**about).within(part))
    of_slice = {(subject, metric): row for (subject, metric, name), row in found.items() if name == "language=de"}
    whole = {(subject, metric): row for (subject, metric, name), row in alone.items() if name == "all" or metric == "agreement"}
    assert of_slice.keys() >= {("teacher", "coverage"), ("student", "agreement")} | ({("teacher", "exact_accuracy")} if gold else set())
    assert all((row.value, row.low, row.n) == (whole[key].value, whole[key].low, whole[key].n) for key, row in of_slice.items())
    assert of_slice["teacher", "coverage"].n == 4
    assert evaluation_id(judged(slices={"language=de": part}), resamples=100, seed=1) != evaluation_id(judged(), resamples=100, seed=1)


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
    assert harmonic_purity(contingency(GOLD, FOUND)) == pytest.approx((4 * 6 / 8 + 3 * 4 / 6 + 3 * 4 / 5) / 10)
    # One category for everything is the best of every label: F1 of a is 2 * 4 / 14, of b and of c 2 * 3 / 13.
    assert harmonic_purity(contingency(GOLD, ["x"] * 10)) == pytest.approx((4 * 8 / 14 + 6 * 6 / 13) / 10)
    # A label cut in two counts by the larger part alone.
    assert harmonic_purity(contingency(["a"] * 5, ["x", "x", "x", "y", "y"])) == pytest.approx(6 / 8)
    assert harmonic_purity(contingency(GOLD, GOLD)) == 1.0
    assert harmonic_purity(contingency(GOLD, [None] * 10)) == 0.0


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
    assert harmonic_purity(contingency(gold, found)) == pytest.approx(best / len(gold), abs=1e-9)
