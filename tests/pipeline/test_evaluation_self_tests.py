"""The self-tests pass where metrics are honest, on any data, and fail where one is not."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from pipeline.evaluation import Judged, evaluate
from pipeline.evaluation.self_tests import CASES, SelfTest, self_tests
from pipeline.records import Evaluation

CATEGORIES = tuple("abcdefgh")


def judged(*, right: float = 0.8, named: bool = True, seed: int = 1, n: int = 600) -> Judged:
    """Make a teacher, right so often, of whose answers 5 % failed, and a student that mostly says the same."""
    random = np.random.default_rng(seed)
    texts = [f"t{number:04}" for number in range(n)]
    shares = np.arange(1, 9) / 36
    gold = random.choice(8, n, p=shares)
    said = np.where(random.random(n) < right, gold, random.choice(8, n))
    again = np.where(random.random(n) < 0.9, said, random.choice(8, n))
    names = {f"c{name}": name.upper() for name in CATEGORIES}
    known = [CATEGORIES[place].upper() if named else f"label {place}" for place in gold]
    labels, predicted = ({text: f"c{CATEGORIES[place]}" for text, place in zip(texts, of, strict=True)} for of in (said, again))
    taught = {text: label for text, label in labels.items() if random.random() > 0.05}
    return Judged(
        set(texts), taught, set(texts[: n // 2]), predicted, {}, {}, dict(zip(texts, known, strict=True)), names,
        probabilities={"teacher": dict.fromkeys(taught, 0.7), "student": dict.fromkeys(texts, 0.6)}, categories=set(names),
    )  # fmt: skip


def failed(found: Sequence[SelfTest]) -> set[tuple[str, str]]:
    return {(one.case, one.metric) for one in found if one.passed is False}


@pytest.mark.parametrize("named", [True, False])
def test_an_honest_evaluation_collapses_on_every_kind_of_junk(named: bool) -> None:
    found = self_tests(judged(named=named), resamples=10, seed=1)
    assert failed(found) == set()
    asked = {(one.case, one.metric) for one in found if one.passed}
    assert {case for case, _ in asked} == set(CASES)
    assert {metric for case, metric in asked if case == "shuffled"} >= {"ari", "nmi", "accuracy", "kappa", "agreement", "purity", "matched_macro_f1"}
    assert {(case, "coverage") for case in ("missing", "sentences", "only right ones")} <= asked
    assert named == (("missing", "exact_accuracy") in asked)
    values = {(one.case, one.subject, one.metric, one.slice): one for one in found}
    assert (values["missing", "teacher", "accuracy", "all"].value, values["missing", "teacher", "accuracy", "all"].n) == (0.0, 600)
    assert values["sentences", "teacher", "coverage", "all"].value == 0.0, "a label that is no category is no answer"
    assert values["constant", "student", "kappa", "all"].value == 0.0


def test_honest_metrics_pass_whatever_the_draw() -> None:
    for seed in range(12):
        assert failed(self_tests(judged(seed=seed, named=bool(seed % 2), n=(80, 300, 900)[seed % 3]), resamples=2, seed=seed)) == set()


def test_labels_no_better_than_chance_cannot_be_seen_to_collapse() -> None:
    found = self_tests(judged(right=0.0), resamples=2, seed=1)
    assert failed(found) == set()
    assert {one.passed for one in found if (one.case, one.metric, one.subject) == ("shuffled", "accuracy", "teacher")} == {None}


Break = Callable[[Judged], Judged]


def without_failures(one: Judged) -> Judged:
    """Leave out the documents that have no label, as peers do."""
    kept = {text for text, label in one.taught.items() if one.valid(label) is not None}
    return replace(one, asked=kept)


def with_gold_of(one: Judged) -> Judged:
    """Look at gold where a label is wrong."""
    of_name = {name: category for category, name in one.names.items()}
    return replace(one, predicted={text: of_name[one.gold[text]] for text in one.predicted})


def any_label_goes(one: Judged) -> Judged:
    return replace(one, categories=frozenset())


@pytest.mark.parametrize(
    ("broken", "caught"),
    [
        (without_failures, {("only right ones", "accuracy"), ("only right ones", "coverage"), ("missing", "accuracy")}),
        (with_gold_of, {(case, "exact_accuracy") for case in ("random", "shuffled", "constant", "missing", "sentences")}),
        (any_label_goes, {("sentences", "coverage"), ("sentences", "purity"), ("sentences", "nmi")}),
    ],
)
def test_an_evaluation_that_flatters_is_caught(broken: Break, caught: set[tuple[str, str]]) -> None:
    found = self_tests(judged(), resamples=2, seed=1, measure=lambda one, resamples, seed: evaluate(broken(one), resamples=resamples, seed=seed))
    assert caught <= failed(found)


def test_a_metric_that_never_falls_is_caught_in_every_case_it_is_asked_of() -> None:
    def flattering(one: Judged, resamples: int, seed: int) -> list[Evaluation]:
        return [replace(row, value=0.9) if row.metric == "kappa" else row for row in evaluate(one, resamples=resamples, seed=seed)]

    found = failed(self_tests(judged(), resamples=2, seed=1, measure=flattering))
    assert found == {(case, "kappa") for case in CASES if case != "only right ones"}
