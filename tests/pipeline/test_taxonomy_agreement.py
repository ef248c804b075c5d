"""Two taxonomies of the same documents agree as far as one-to-one matched categories hold the documents together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.intervals import wilson
from pipeline.records import Category, Taxonomy
from pipeline.taxonomy.agreement import Match, agree, matched_share, stability


def taxonomy(members: Mapping[str, Sequence[str]], name: str = "one", *, below: Mapping[str, str] | None = None) -> Taxonomy:
    categories = [
        Category(f"cat:{name}:{key}", key, f"What is {key}.", f"cat:{name}:{below[key]}" if below and key in below else None, tuple(documents))
        for key, documents in members.items()
    ]
    return Taxonomy(f"tax:{name}", "review", 1, None, "what", "tnt", tuple(categories))


def grouped(groups: Sequence[int | None], name: str = "one") -> Taxonomy:
    """Put document number i into group groups[i]; None leaves it uncited."""
    used = sorted({group for group in groups if group is not None})
    return taxonomy({f"G{group}": [f"d{place}" for place, found in enumerate(groups) if found == group] for group in used}, name)


GROUPS = st.lists(st.one_of(st.none(), st.integers(0, 5)), min_size=1, max_size=25)


def test_agreement_worked_by_hand() -> None:
    one = taxonomy({"Parcels": ["a", "b", "c", "d"], "Refunds": ["e", "f"], "Mine Only": ["x"]})
    other = taxonomy({"Money": ["d", "e", "f"], "Late Parcels": ["a", "b"], "Lost Parcels": ["c"], "Theirs": ["y"]}, "other")
    found = agree(one, other)
    assert found.n == 6
    assert found.matches == (Match("Parcels", "Late Parcels", 2), Match("Refunds", "Money", 2))
    assert found.share == pytest.approx(4 / 6)
    # pairs together in both: ab, ef; in one: 6 + 1; in the other: 3 + 1; expected 7 * 4 / 15
    assert found.adjusted_rand == pytest.approx((2 - 28 / 15) / ((7 + 4) / 2 - 28 / 15))


def test_a_matching_is_the_best_of_all_and_not_the_greedy_one() -> None:
    one = taxonomy({"A": ["1", "2", "3", "4", "5"], "B": ["6", "7", "8", "9"]})
    other = taxonomy({"P": ["1", "2", "3", "6", "7", "8", "9"], "Q": ["4", "5"]}, "other")
    assert matched_share(one, other) == pytest.approx(6 / 9)
    swapped = taxonomy({"P": ["1", "2", "3", "6", "7"], "Q": ["8", "9"], "R": ["4", "5"]}, "other")
    assert {(match.first, match.second) for match in agree(one, swapped).matches} == {("A", "P"), ("B", "Q")}


@given(GROUPS)
@settings(deadline=None)
def test_a_taxonomy_agrees_with_itself(groups: list[int | None]) -> None:
    found = agree(grouped(groups), grouped(groups))
    cited = sum(group is not None for group in groups)
    assert (found.n, found.share) == (cited, 1.0 if cited else 0.0)
    assert sum(match.documents for match in found.matches) == cited
    assert all(match.first == match.second for match in found.matches)
    assert found.adjusted_rand == pytest.approx(1.0 if cited else 0.0)


@given(GROUPS, GROUPS)
@settings(deadline=None)
def test_agreement_is_the_same_from_both_sides(groups: list[int | None], others: list[int | None]) -> None:
    one, other = grouped(groups), grouped(others, "other")
    assert matched_share(one, other) == pytest.approx(matched_share(other, one))
    assert agree(one, other).adjusted_rand == pytest.approx(agree(other, one).adjusted_rand)
    assert 0 <= matched_share(one, other) <= 1


@given(GROUPS, GROUPS, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_names_ids_and_order_play_no_part(groups: list[int | None], others: list[int | None], chance: object) -> None:
    one, other = grouped(groups), grouped(others, "other")
    shuffled = [replace(category, name=f"N{place}", category_id=f"id{99 - place}") for place, category in enumerate(other.categories)]
    shuffled = [replace(category, members=tuple(sorted(category.members, key=lambda _: chance.random()))) for category in shuffled]  # type: ignore[attr-defined]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    renamed = replace(other, taxonomy_id="tax:renamed", categories=tuple(shuffled))
    assert matched_share(one, renamed) == pytest.approx(matched_share(one, other))
    assert matched_share(other, renamed) == pytest.approx(1.0 if any(group is not None for group in others) else 0.0)


@given(GROUPS)
@settings(deadline=None)
def test_a_merged_category_loses_no_more_than_the_smaller_one(groups: list[int | None]) -> None:
    merged = [0 if group == 1 else group for group in groups]
    smaller, cited = min(groups.count(0), groups.count(1)), sum(group is not None for group in groups)
    if cited:
        assert matched_share(grouped(groups), grouped(merged)) == pytest.approx(1 - smaller / cited)


def test_without_a_common_document_nothing_is_matched() -> None:
    assert agree(grouped([0, 0]), taxonomy({"A": ["elsewhere"]})) == agree(grouped([None]), grouped([0]))
    assert matched_share(grouped([0, 0]), taxonomy({})) == 0.0


def test_documents_count_for_the_lowest_categories_and_for_the_one_they_stand_foremost_in() -> None:
    nested = taxonomy({"All": ["a", "b", "c", "d"], "Q": ["d", "c", "b"], "P": ["a", "b"]}, below={"P": "All", "Q": "All"})
    flat = taxonomy({"X": ["a", "b"], "Y": ["c", "d"]}, "other")
    assert agree(nested, flat).matches == (Match("P", "X", 2), Match("Q", "Y", 2))


def test_stability_is_the_mean_matched_share_with_the_others() -> None:
    one, same, far = grouped([0, 0, 1, 1]), grouped([1, 1, 0, 0], "same"), grouped([0, 1, 0, 1], "far")
    (first,), (second,), (third,) = stability([one, same, far])
    assert (first.metric, first.taxonomy_id, first.n, first.judge) == ("stability", "tax:one", 4, "2 other candidates")
    assert [measure.value for measure in (first, second, third)] == [pytest.approx(0.75), pytest.approx(0.75), pytest.approx(0.5)]
    assert first.low is not None and first.high is not None and first.low < 0.75 < first.high


def test_the_interval_of_stability_goes_by_the_fewest_common_documents() -> None:
    one, all_of_it, half = grouped([0, 0, 1, 1]), grouped([0, 0, 1, 1], "all"), grouped([0, None, 1, None], "half")
    ((found,), _, _) = stability([one, all_of_it, half])
    assert (found.value, found.n, (found.low, found.high)) == (1.0, 2, wilson(1.0, 2))


def test_a_candidate_without_others_or_without_common_documents_has_no_stability() -> None:
    assert stability([grouped([0, 0, 1])]) == [[]]
    alone, one, two = taxonomy({"A": ["z"]}, "alone"), grouped([0, 1]), grouped([0, 0], "two")
    assert stability([alone, one, two])[0] == []
    assert [measure.value for (measure,) in stability([alone, one, two])[1:]] == [0.5, 0.5]
