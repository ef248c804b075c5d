"""Votes become one label each: by majority where there is little, by Dawid and Skene's model where there is enough."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.annotation import dawid_skene as model
from pipeline.annotation.panel import pairwise_kappas, panel_of
from pipeline.annotation.votes import ONE_ANNOTATOR, Consensus, consensus, vote_annotator, vote_labels
from pipeline.choosing import NONE_FITS
from pipeline.records import Annotator, Label
from tests.panels import Ints, always, careless, categories_of, good, panel, renaming, votes_of

NONE = NONE_FITS.category_id
ABC = ["cat:a", "cat:b", "cat:c"]


def vote(text: str, annotator: str, category: str | None) -> Label:
    """Let "none" stand for the answer that none fits, and None for an abstention."""
    if category == "none":
        return Label(text, "tax:1", annotator, None, None, reason="none_fits")
    return Label(text, "tax:1", annotator, category and f"cat:{category}", None, reason=None if category else "unsure")


def written(*rows: str) -> list[Label]:
    """Read rows of votes, as "t1 x=a y=b z=none"."""
    found = []
    for row in rows:
        text, *votes = row.split()
        found += [vote(text, annotator, category or None) for annotator, _, category in (cell.partition("=") for cell in votes)]
    return found


def options(found: Consensus) -> dict[str, str]:
    return {text: label.option for text, label in found.labels.items()}


def right(found: Consensus, truth: Ints) -> float:
    return float(np.mean([found.labels[f"text:{place:05}"].option == f"cat:{option}" for place, option in enumerate(truth)]))


def majority_right(votes: Sequence[Label], truth: Ints) -> float:
    """Count by hand, half a point for a tie of two."""
    said: dict[str, list[str]] = {}
    for label in votes:
        said.setdefault(label.text_hash, []).append(label.category_id or "")
    points = 0.0
    for place, option in enumerate(truth):
        row = said[f"text:{place:05}"]
        best = max(row.count(category) for category in row)
        winners = {category for category in row if row.count(category) == best}
        points += (f"cat:{option}" in winners) / len(winners)
    return points / len(truth)


def test_one_annotator_is_taken_at_its_word_without_a_probability() -> None:
    found = consensus(written("t1 x=a", "t2 x=none", "t3 x="), categories=ABC)
    assert (found.method, options(found)) == (ONE_ANNOTATOR, {"t1": "cat:a", "t2": NONE})
    assert [(label.probability, dict(label.posterior), label.votes) for label in found.labels.values()] == [(None, {}, 1)] * 2
    assert found.confusions == {"x": {("cat:a", "cat:a"): 1.0, (NONE, NONE): 1.0}}


def test_nobody_agrees_on_nothing() -> None:
    found = consensus(written("t1 x= y="), categories=ABC)
    assert (found.labels, found.confusions, found.method) == ({}, {}, ONE_ANNOTATOR)


def test_few_texts_are_decided_by_majority_and_the_method_says_so() -> None:
    found = consensus(written("t1 x=a y=a z=b", "t2 x=none y=none z=c", "t3 x=c y=c z=c", "t4 x= y=b z="), categories=ABC)
    assert found.method == "majority: 3 texts with more than one vote are fewer than 20"
    assert options(found) == {"t1": "cat:a", "t2": NONE, "t3": "cat:c", "t4": "cat:b"}
    assert found.labels["t1"].posterior == pytest.approx({"cat:a": 2 / 3, "cat:b": 1 / 3})
    assert found.labels["t1"].probability == pytest.approx(2 / 3)
    assert (found.labels["t4"].probability, found.labels["t4"].votes) == (1.0, 1)


def test_two_annotators_are_decided_by_majority_however_many_texts_there_are() -> None:
    _, votes = panel({"x": good(0.8), "y": good(0.8)}, texts=60, options=3, seed=1)
    assert consensus(votes, categories=categories_of(3)).method == "majority: 2 annotators are fewer than 3"


def test_a_tie_goes_to_the_annotator_that_agrees_best_with_the_others() -> None:
    rows = [f"t{place} x=a y=a z=b" for place in range(6)] + [f"u{place} x=b y=b z=c" for place in range(6)]
    found = consensus(written(*rows, "tie x=c z=a", "again z=b y=a"), categories=ABC)
    assert (options(found)["tie"], options(found)["again"]) == ("cat:c", "cat:a")


def test_ties_between_equals_favour_neither_category_nor_annotator() -> None:
    rows = [f"t{place} x={'ab'[place % 2]} y={'ba'[place % 2]}" for place in range(200)]
    found = options(consensus(written(*rows), categories=ABC))
    assert 70 <= sum(option == "cat:a" for option in found.values()) <= 130
    assert 70 <= sum(found[f"t{place}"] == f"cat:{'ab'[place % 2]}" for place in range(200)) <= 130


def test_dawid_skene_is_right_more_often_than_the_majority() -> None:
    annotators = {"x": good(0.9), "y": good(0.65), "z": good(0.6), "w": careless}
    gains = []
    for seed in range(3):
        truth, votes = panel(annotators, texts=200, options=4, seed=seed)
        found = consensus(votes, categories=categories_of(4))
        assert found.method == "dawid-skene"
        gains.append(right(found, truth) - majority_right(votes, truth))
    assert min(gains) > 0
    assert sum(gains) / len(gains) > 0.05


def test_the_confusions_of_each_annotator_are_found() -> None:
    truth, votes = panel({"x": good(0.9), "y": good(0.85), "z": good(0.85), "w": always(1), "v": renaming(0.9)}, texts=400, options=3, seed=3)
    found = consensus(votes, categories=categories_of(3))
    assert right(found, truth) > 0.95
    for annotator in ("x", "y", "z"):
        assert min(found.confusions[annotator].get((f"cat:{place}",) * 2, 0.0) for place in range(3)) > 0.75
    assert found.confusions["w"] == pytest.approx({(f"cat:{place}", "cat:1"): 1.0 for place in range(3)})
    assert min(found.confusions["v"].get((f"cat:{place}", f"cat:{(place + 1) % 3}"), 0.0) for place in range(3)) > 0.75
    for confusion in found.confusions.values():
        for place in range(3):
            assert sum(share for (agreed, _), share in confusion.items() if agreed == f"cat:{place}") == pytest.approx(1.0)


def test_unanimous_votes_are_kept_as_they_are() -> None:
    truth, votes = panel({"x": good(1.0), "y": good(1.0), "z": good(1.0)}, texts=40, options=3, seed=1)
    found = consensus(votes, categories=categories_of(3))
    assert (found.method, right(found, truth)) == ("dawid-skene", 1.0)
    same = consensus([vote(f"t{place}", annotator, "b") for place in range(30) for annotator in "xyz"], categories=ABC)
    assert {(label.option, label.probability) for label in same.labels.values()} == {("cat:b", 1.0)}


def test_that_none_fits_is_an_option_and_an_abstention_no_vote() -> None:
    said = {"x": good(0.9), "y": good(0.85), "z": good(0.85)}
    truth, votes = panel(said, texts=120, options=3, seed=5)
    votes = [replace(label, category_id=None, reason="none_fits") if label.category_id == "cat:2" else label for label in votes]
    silent = [replace(label, annotator_id="silent", category_id=None, reason="unsure") for label in votes if label.annotator_id == "x"]
    nothing = [replace(label, annotator_id="nothing", category_id=None, reason=None) for label in votes if label.annotator_id == "x"]
    found = consensus([*votes, *silent, *nothing], categories=["cat:0", "cat:1", "cat:unused"])
    expected = [NONE if option == 2 else f"cat:{option}" for option in truth]
    assert np.mean([found.labels[f"text:{place:05}"].option == option for place, option in enumerate(expected)]) > 0.9
    assert set(found.confusions) == {"x", "y", "z"}
    assert all("cat:unused" not in label.posterior for label in found.labels.values())
    assert {label.votes for label in found.labels.values()} == {3}


def test_a_text_with_one_vote_gets_it_with_the_doubt_that_its_annotator_deserves() -> None:
    _, votes = panel({"x": good(0.95), "y": good(0.9), "w": careless}, texts=200, options=4, seed=2)
    lone = [vote("lone:x", "x", "0"), vote("lone:w", "w", "0")]
    found = consensus([*votes, *lone], categories=categories_of(4))
    surest, least = found.labels["lone:x"], found.labels["lone:w"]
    assert (surest.option, least.option) == ("cat:0", "cat:0")
    assert surest.probability is not None
    assert least.probability is not None
    assert surest.probability > 0.8
    assert least.probability < 0.5, "the label is still one that somebody voted for"


def test_a_trusted_person_is_right_and_shows_what_the_others_confuse() -> None:
    truth, votes = panel({"x": renaming(0.9), "y": renaming(0.9), "z": good(0.8)}, texts=300, options=3, seed=4)
    person = votes_of("person", truth[:120])
    trusting = consensus([*votes, *person], categories=categories_of(3), trusted=["person"])
    counting = consensus([*votes, *person], categories=categories_of(3))
    assert right(trusting, truth) > 0.85
    assert right(counting, truth) < 0.3, "most annotators are wrong in the same way, and nobody is trusted"
    assert {(trusting.labels[label.text_hash].option, trusting.labels[label.text_hash].probability) for label in person} == {
        (f"cat:{option}", 1.0) for option in range(3)
    }


def test_where_trusted_people_differ_their_votes_are_votes() -> None:
    found = consensus(written("t1 p=a q=b x=b", "t2 p=a q=a x=b", "t3 p=c x=b y=b"), categories=ABC, trusted=["p", "q"])
    assert options(found) == {"t1": "cat:b", "t2": "cat:a", "t3": "cat:c"}
    assert found.labels["t2"].probability == 1.0
    assert found.labels["t1"].probability == pytest.approx(2 / 3)


def rule_votes(name: str, option: int, truth: Ints, generator: np.random.Generator, *, precision: float) -> list[Label]:
    """Fire on half of the texts of an option, and on so many others that `precision` of those fired at are right."""
    hits = [place for place in np.flatnonzero(truth == option) if generator.random() < 0.5]
    others = generator.choice(np.flatnonzero(truth != option), size=round(len(hits) * (1 / precision - 1)), replace=False)
    return [vote(f"text:{place:05}", name, str(option)) for place in [*hits, *others]]


def test_the_silence_of_a_rule_says_something() -> None:
    truth, votes = panel({"x": good(0.7), "y": good(0.7), "z": good(0.6)}, texts=300, options=6, seed=6)
    generator = np.random.default_rng(6)
    rules = [label for option in range(6) for label in rule_votes(f"rule{option}", option, truth, generator, precision=0.95)]
    names = {label.annotator_id for label in rules}
    hearing = right(consensus([*votes, *rules], categories=categories_of(6), rules=names), truth)
    deaf = right(consensus([*votes, *rules], categories=categories_of(6)), truth)
    without = right(consensus(votes, categories=categories_of(6)), truth)
    assert hearing > deaf + 0.03
    assert hearing > without + 0.03


def test_a_rule_that_gives_every_category_has_no_sign_left_for_silence() -> None:
    _, votes = panel({"x": good(0.8), "y": good(0.8), "rule": good(0.8)}, texts=60, options=3, seed=7)
    some = [label for label in votes if label.annotator_id != "rule" or label.text_hash < "text:00040"]
    assert consensus(some, categories=categories_of(3), rules=["rule", "absent"]).labels == consensus(some, categories=categories_of(3)).labels


def test_the_order_of_votes_does_not_matter() -> None:
    _, votes = panel({"x": good(0.8), "y": good(0.6), "z": good(0.7), "w": always(0)}, texts=60, options=5, seed=8)
    shuffled = random.Random(1).sample(votes, len(votes))
    assert consensus(votes, categories=categories_of(5)) == consensus(shuffled, categories=categories_of(5))


@given(order=st.permutations(range(4)), seed=st.integers(0, 3), texts=st.sampled_from([12, 40]))
@settings(deadline=None, max_examples=12)
def test_renaming_the_categories_renames_the_consensus(order: list[int], seed: int, texts: int) -> None:
    _, votes = panel({"x": good(0.8), "y": good(0.6), "z": good(0.5), "w": always(0)}, texts=texts, options=4, seed=seed)
    names = {f"cat:{place}": f"cat:{other}" for place, other in enumerate(order)}
    renamed = [replace(label, category_id=names[label.category_id or ""]) for label in votes]
    before, after = consensus(votes, categories=categories_of(4)), consensus(renamed, categories=categories_of(4))
    assert after.method == before.method
    assert {text: names[label.option] for text, label in before.labels.items()} == options(after)
    for text, label in before.labels.items():
        assert {names[option]: value for option, value in label.posterior.items()} == pytest.approx(dict(after.labels[text].posterior), abs=1e-6)


@given(st.lists(st.tuples(st.sampled_from("pqrs"), st.integers(0, 25), st.sampled_from(["a", "b", "c", "none", None])), max_size=80))
@settings(deadline=None, max_examples=25)
def test_whatever_the_votes_a_label_is_one_that_somebody_gave(cells: list[tuple[str, int, str | None]]) -> None:
    votes = [vote(f"t{text}", annotator, category) for (annotator, text), category in {(who, text): said for who, text, said in cells}.items()]
    found = consensus(votes, categories=ABC)
    given_votes: dict[str, set[str]] = {}
    for label in votes:
        if label.category_id or label.reason == "none_fits":
            given_votes.setdefault(label.text_hash, set()).add(label.category_id or NONE)
    assert set(found.labels) == set(given_votes)
    for text, label in found.labels.items():
        assert label.option in given_votes[text]
        assert label.probability is None or 0 <= label.probability <= 1
        assert not label.posterior or 0.99 <= sum(label.posterior.values()) <= 1 + 1e-9


def test_a_category_that_is_not_given_and_a_second_vote_are_refused() -> None:
    with pytest.raises(ValueError, match="x gives t1 the category cat:d, which is none of the 3 given"):
        consensus(written("t1 x=d"), categories=ABC)
    with pytest.raises(ValueError, match="x votes twice on t1"):
        consensus(written("t1 x=a x=b"), categories=ABC)


def test_many_categories_are_fitted_on_what_fits_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, votes = panel({"x": good(0.85), "y": good(0.8), "z": good(0.8)}, texts=300, options=6, seed=9)
    whole = consensus(votes, categories=categories_of(6))
    monkeypatch.setattr(model, "CELLS", 150 * 3 * 6)
    found = consensus(votes, categories=categories_of(6))
    assert found.method == "dawid-skene fitted on 150 of 300 texts"
    assert right(found, truth) > right(whole, truth) - 0.05
    monkeypatch.setattr(model, "CELLS", 1)
    assert set(options(consensus(votes, categories=categories_of(6)))) == set(options(whole)), "even where nothing fits"


def test_exchanged_categories_are_noticed() -> None:
    assert not model._exchanged(np.array([[5.0, 4.0], [4.0, 5.0]]))
    assert not model._exchanged(np.array([[0.0, 9.0], [0.0, 9.0]]))
    assert model._exchanged(np.array([[1.0, 9.0], [8.0, 2.0]]))


def test_cohens_kappa_of_a_case_worked_by_hand() -> None:
    rows = [f"t{place} x={left} y={right}" for place, (left, right) in enumerate(["aa"] * 20 + ["ab"] * 5 + ["ba"] * 10 + ["bb"] * 15)]
    (kappa,) = pairwise_kappas(panel_of(written(*rows, "only x=a"), ABC)).values()
    assert (kappa.value, kappa.n) == (pytest.approx(0.4), 50)  # (0.7 - 0.5) / (1 - 0.5)
    assert kappa.low < 0.4 < kappa.high
    assert pairwise_kappas(panel_of(written("t1 x=a y=a", "t2 x=a y=a", "t3 z=b"), ABC)) == {}


def annotator(name: str) -> Annotator:
    return Annotator(f"annotator:{name}", "llm", None, None, {})


def test_the_vote_is_another_annotator_for_other_members_taxonomies_and_trust() -> None:
    pair = [annotator("x"), annotator("y")]
    first = vote_annotator(pair, taxonomy_id="tax:1")
    assert (first.kind, first.settings["members"]) == ("vote", ["annotator:x", "annotator:y"])
    assert vote_annotator([*pair[::-1], annotator("x")], taxonomy_id="tax:1") == first
    others = [
        vote_annotator([*pair, annotator("z")], taxonomy_id="tax:1"),
        vote_annotator(pair, taxonomy_id="tax:2"),
        vote_annotator(pair, taxonomy_id="tax:1", trusted=["annotator:x"]),
        vote_annotator(pair, taxonomy_id="tax:1", rules=["annotator:x"]),
    ]
    assert len({made.annotator_id for made in [first, *others]}) == 5


def test_the_consensus_as_labels_has_scores_and_leaves_the_probability_to_calibration() -> None:
    found = consensus(written("t1 x=a y=a z=b", "t2 x=none y=none"), categories=ABC)
    made = vote_annotator([annotator("x"), annotator("y"), annotator("z")], taxonomy_id="tax:1")
    first, second = vote_labels(found, taxonomy_id="tax:1", annotator=made)
    assert (first.text_hash, first.category_id, first.reason, first.annotator_id) == ("t1", "cat:a", None, made.annotator_id)
    assert first.scores == pytest.approx({"cat:a": math.log(2 / 3), "cat:b": math.log(1 / 3)})
    assert (second.category_id, second.reason) == (None, "none_fits")
    assert {label.probability for label in (first, second)} == {None}
    (alone,) = vote_labels(consensus(written("t1 x=b"), categories=ABC), taxonomy_id="tax:1", annotator=made)
    assert (alone.category_id, alone.scores) == ("cat:b", None)
