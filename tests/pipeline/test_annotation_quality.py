"""Annotators that are no good are told from those that are, each by what is wrong with it."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.annotation.quality import annotator_quality
from pipeline.annotation.votes import consensus
from pipeline.intervals import wilson
from pipeline.records import Label
from pipeline.trust_records import AnnotatorQuality
from tests.panels import Said, always, careless, categories_of, good, panel, renaming, votes_of

GOOD: Mapping[str, Said] = {"x": good(0.7), "y": good(0.75), "z": good(0.8)}


def judged(votes: list[Label], options: int, *, rules: tuple[str, ...] = (), names: Mapping[str, str] | None = None) -> dict[str, AnnotatorQuality]:
    found = consensus(votes, categories=categories_of(options), rules=rules)
    return {row.annotator_id: row for row in annotator_quality(found, votes, taxonomy_id="tax:1", names=names or {})}


def flags(annotators: Mapping[str, Said], *, texts: int, options: int, seed: int) -> dict[str, str]:
    _, votes = panel(dict(annotators), texts=texts, options=options, seed=seed)
    return {annotator: row.flag for annotator, row in judged(votes, options).items() if row.flag}


def test_accuracy_is_measured_against_a_consensus_without_ones_own_vote() -> None:
    _, votes = panel({"x": good(0.9), "y": good(0.9), "w": careless}, texts=200, options=4, seed=1)
    lone = judged(votes, 4)["w"]
    assert lone.accuracy < 0.35, "with its own vote counted it would agree wherever the others differ"
    assert (lone.low, lone.high) == wilson(lone.accuracy, 200)
    assert (lone.n, lone.judge, lone.taxonomy_id) == (200, "the other annotators", "tax:1")
    found = consensus(votes, categories=categories_of(4))
    assert {row.judge for row in annotator_quality(found, votes, taxonomy_id="tax:1", judge="three prompts")} == {"three prompts"}


def test_the_accuracy_of_good_annotators_is_the_true_one_less_what_the_others_get_wrong() -> None:
    for seed in range(2):
        said = {"x": good(0.9), "y": good(0.85), "z": good(0.8), "v": good(0.6)}
        _, votes = panel(said, texts=400, options=4, seed=seed)
        found = judged(votes, 4)
        assert {annotator: row.flag for annotator, row in found.items() if row.flag} == {}
        for annotator, accuracy in {"x": 0.9, "y": 0.85, "z": 0.8, "v": 0.6}.items():
            assert accuracy - 0.15 < found[annotator].accuracy < accuracy + 0.05


@given(seed=st.integers(0, 10_000), shape=st.sampled_from([(2, 100), (4, 100), (4, 300), (10, 150)]), more=st.booleans())
@settings(deadline=None, max_examples=6)
def test_one_that_always_says_the_first_label_is_flagged_and_nobody_else(seed: int, shape: tuple[int, int], more: bool) -> None:
    options, texts = shape
    lift = 0.1 if options == 2 else 0.0  # of two categories a third of the wrong ones would be a coin
    annotators = {
        "x": good(0.7 + lift),
        "y": good(0.75 + lift),
        "z": good(0.8 + lift),
        **({"v": good(0.7 + lift)} if more else {}),
        "first": always(0),
    }
    found = flags(annotators, texts=texts, options=options, seed=seed)
    assert list(found) == ["first"]
    assert found["first"].startswith("always says cat:0: 100% of its ")


@pytest.mark.parametrize(
    ("bad", "told"),
    [(careless, ("no better than chance", "hardly better than chance")), (renaming(0.75), "systematically wrong")],
    ids=["random", "renamed"],
)
def test_a_random_and_a_malicious_annotator_are_flagged_and_told_apart(bad: Said, told: str | tuple[str, ...]) -> None:
    for seed in range(3):
        found = flags({**GOOD, "bad": bad}, texts=200, options=4, seed=seed)
        assert list(found) == ["bad"]
        assert found["bad"].startswith(told), found


def test_good_annotators_are_hardly_ever_flagged() -> None:
    found = [flags(GOOD, texts=100, options=options, seed=seed) for options in (3, 8) for seed in range(8)]
    assert sum(len(row) for row in found) <= 1, found


def test_three_bad_ones_are_found_one_by_one() -> None:
    found = flags({**GOOD, "v": good(0.8), "first": always(0), "random": careless, "renamed": renaming(0.8)}, texts=300, options=4, seed=2)
    assert {annotator: words.split(":")[0].split(" (")[0] for annotator, words in found.items()} == {
        "first": "always says cat", "random": "hardly better than chance", "renamed": "systematically wrong",
    }  # fmt: skip


def test_a_person_who_always_says_the_same_is_flagged_though_trusted() -> None:
    _, votes = panel({**GOOD, "person": always(1)}, texts=200, options=4, seed=9)
    found = consensus(votes, categories=categories_of(4), trusted=["person"])
    assert [row.annotator_id for row in annotator_quality(found, votes, taxonomy_id="tax:1") if row.flag] == ["person"]


def test_what_is_exchanged_is_named() -> None:
    said = {"x": good(0.9), "y": good(0.9), "z": good(0.9)}
    _, votes = panel(said, texts=300, options=6, seed=3)
    swap = {"cat:1": "cat:4", "cat:4": "cat:1"}
    votes += [
        replace(label, annotator_id="swapped", category_id=swap.get(label.category_id or "", label.category_id))
        for label in votes
        if label.annotator_id == "x"
    ]
    names = {"cat:1": "Refunds", "cat:4": "Invoices"}
    found = {annotator: row.flag for annotator, row in judged(votes, 6, names=names).items() if row.flag}
    assert list(found) == ["swapped"]
    assert "systematically wrong: it gives " in found["swapped"]
    assert "Refunds for Invoices" in found["swapped"]
    assert "Invoices for Refunds" in found["swapped"]


def test_one_that_avoids_the_right_label_is_worse_than_chance() -> None:
    truth, votes = panel(GOOD, texts=300, options=3, seed=4)
    generator = np.random.default_rng(4)
    votes += votes_of("contrary", (truth + generator.integers(1, 3, size=300)) % 3)
    found = {annotator: row.flag for annotator, row in judged(votes, 3).items() if row.flag}
    assert list(found) == ["contrary"]
    assert found["contrary"].startswith("worse than chance")


def test_one_with_an_idea_of_its_own_is_unlike_all_others() -> None:
    def own_idea(truth: np.ndarray, options: int, generator: np.random.Generator) -> np.ndarray:
        return np.where(generator.random(len(truth)) < 0.25, truth, generator.integers(options, size=len(truth)))

    said = {"x": good(0.95), "y": good(0.95), "z": good(0.95), "own": own_idea}
    found = flags(said, texts=400, options=4, seed=5)
    assert list(found) == ["own"]
    assert found["own"].startswith("unlike all others: kappa 0.")
    assert flags({"x": good(0.95), "y": good(0.95), "z": good(0.95), "weaker": good(0.75)}, texts=400, options=4, seed=5) == {}


def rule_votes(option: int, precision: float, truth: np.ndarray, generator: np.random.Generator) -> list[Label]:
    hits = [place for place in np.flatnonzero(truth == option) if generator.random() < 0.6]
    others = generator.choice(np.flatnonzero(truth != option), size=round(len(hits) * (1 / precision - 1)), replace=False)
    return [Label(f"text:{place:05}", "tax:1", "rule", f"cat:{option}", None) for place in [*hits, *others]]


@pytest.mark.parametrize(("precision", "flagged"), [(0.9, False), (0.6, False), (0.25, True)])
def test_a_rule_that_knows_one_category_is_flagged_only_where_it_is_right_no_more_often_than_the_category_is_common(
    precision: float, flagged: bool
) -> None:
    truth, votes = panel(GOOD, texts=300, options=4, seed=6)
    votes += rule_votes(2, precision, truth, np.random.default_rng(6))
    found = judged(votes, 4, rules=("rule",))
    assert [annotator for annotator, row in found.items() if row.flag] == (["rule"] if flagged else [])
    if flagged:
        assert found["rule"].flag.startswith("always says cat:2")


def test_of_two_that_differ_both_are_flagged_and_of_two_that_agree_none() -> None:
    found = flags({"x": good(0.9), "w": careless}, texts=200, options=4, seed=7)
    assert set(found) == {"x", "w"}
    assert all(words.startswith("no better than chance") for words in found.values())
    assert list(flags({"x": good(0.9), "first": always(0)}, texts=200, options=4, seed=7)) == ["first"]
    assert flags({"x": good(0.8), "y": good(0.8)}, texts=200, options=4, seed=7) == {}


def test_nothing_is_said_of_too_few_labels_and_of_one_annotator() -> None:
    assert flags({**GOOD, "first": always(0), "w": careless}, texts=19, options=4, seed=8) == {}
    _, votes = panel({"x": good(0.8)}, texts=50, options=4, seed=8)
    assert judged(votes, 4) == {}
    apart = [replace(label, annotator_id="y" if label.text_hash < "text:00025" else "x") for label in votes]
    assert judged(apart, 4) == {}, "they share no text"
    assert annotator_quality(consensus([], categories=["cat:a"]), [], taxonomy_id="tax:1") == []


def test_annotators_that_agree_on_one_category_for_everything_are_not_flagged() -> None:
    found = judged([label for annotator in "xyz" for label in votes_of(annotator, [1] * 40)], 3)
    assert {(row.accuracy, row.flag) for row in found.values()} == {(1.0, "")}


def test_a_trusted_person_judges_the_others() -> None:
    truth, votes = panel({"x": renaming(0.9), "y": renaming(0.9), "z": good(0.8)}, texts=200, options=4, seed=9)
    votes += votes_of("person", truth)
    found = consensus(votes, categories=categories_of(4), trusted=["person"])
    rows = {row.annotator_id: row for row in annotator_quality(found, votes, taxonomy_id="tax:1")}
    assert rows["z"].accuracy == pytest.approx(0.8, abs=0.06)
    assert (rows["z"].flag, rows["person"].flag) == ("", "")
    assert all(rows[annotator].flag.startswith("systematically wrong") for annotator in ("x", "y"))


@given(order=st.permutations(range(4)), seed=st.integers(0, 2))
@settings(deadline=None, max_examples=3)
def test_renaming_the_categories_changes_no_accuracy_and_no_flag(order: list[int], seed: int) -> None:
    _, votes = panel({"x": good(0.8), "y": good(0.6), "first": always(0), "w": careless}, texts=60, options=4, seed=seed)
    names = {f"cat:{place}": f"cat:{other}" for place, other in enumerate(order)}
    before = judged(votes, 4)
    after = judged([replace(label, category_id=names[label.category_id or ""]) for label in votes], 4)
    assert {name: (row.accuracy, row.n, bool(row.flag)) for name, row in after.items()} == {
        name: (row.accuracy, row.n, bool(row.flag)) for name, row in before.items()
    }
