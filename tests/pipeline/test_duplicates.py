"""Near copies: signatures, pairs, clusters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.duplicates import candidate_pairs, cluster, count_pairs, sign, signature_spec, similarities, similarity
from pipeline.duplicates.signatures import BANDS, pieces

LETTER = (
    "Dear customer {name}, your parcel with the number {number} could not be delivered on Monday, since nobody opened the door at the address"
    " that you gave us; please choose another day or a shop near you on our pages before the end of next week, or we have to send it back."
)
texts = st.lists(st.text(alphabet="abcdef .", min_size=1, max_size=40), min_size=1, max_size=25)


def letters(count: int) -> list[str]:
    return [LETTER.format(name=f"Ms {chr(65 + number % 26)}.", number=1000 + number) for number in range(count)]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("The parcel is LATE!", "the parcel, is late", 1.0),
        ("ﬁne weather", "fine weather", 1.0),
        ("abcdefg", "abcdefx", 0.5),
        ("abc", "abc", 1.0),
        ("abc", "abd", 0.0),
        ("!!!", "???", 0.0),
        ("我的包裹还没有到达这里", "我的包裹还没有到达这里。", 1.0),
    ],
)
def test_similarity_is_the_share_of_common_pieces_whatever_case_and_punctuation(one: str, other: str, expected: float) -> None:
    assert similarity(*pieces([one, other])) == pytest.approx(expected)


def test_near_copies_share_a_band_and_strangers_do_not() -> None:
    bands = sign([*letters(2), "When do you open on Sundays? I would like to come by with my sister."])
    assert bands.shape == (3, BANDS)
    assert bands.dtype == np.uint32
    assert (bands[0] == bands[1]).any()
    assert not (bands[0] == bands[2]).any()


def test_a_signature_depends_on_the_text_alone() -> None:
    one, other = letters(2)
    assert (sign([one, other])[1] == sign([other])[0]).all()
    assert signature_spec() == signature_spec()
    assert sign([]).shape == (0, BANDS)


def test_copies_in_great_number_cost_two_comparisons_each() -> None:
    bands = sign([LETTER] * 300)
    pairs = candidate_pairs(bands, np.ones(300, dtype=bool))
    assert len(pairs) <= 2 * 300
    assert (pairs[:, 0] > pairs[:, 1]).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 24), st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=1, max_size=25))
def test_texts_that_come_later_meet_the_same_pairs_as_if_all_had_come_at_once(cut: int, rows: list[list[int]]) -> None:
    bands = np.array(rows, dtype=np.uint32)
    fresh = np.arange(len(bands)) >= cut
    whole = candidate_pairs(bands, np.ones(len(bands), dtype=bool))
    parts = [candidate_pairs(bands[:cut], np.ones(min(cut, len(bands)), dtype=bool)), candidate_pairs(bands, fresh)]
    assert {tuple(pair) for pair in whole.tolist()} == {tuple(pair) for part in parts for pair in part.tolist()}


@settings(max_examples=40, deadline=None)
@given(texts, st.floats(0.3, 1.0))
def test_a_copy_is_as_like_its_original_as_the_threshold_asks_and_no_original_is_a_copy(given_texts: list[str], at: float) -> None:
    count = len(given_texts)
    pairs = np.array([(later, earlier) for later in range(count) for earlier in range(later)], dtype=np.int64).reshape(-1, 2)
    alike = similarities(pairs, dict(enumerate(given_texts)))
    found = cluster(pairs, alike, at=at)
    originals = dict(zip(found.places.tolist(), found.originals.tolist(), strict=True))
    firsts = dict(zip(found.places.tolist(), found.firsts.tolist(), strict=True))
    for (later, earlier), likeness in zip(pairs.tolist(), alike.tolist(), strict=True):
        assert likeness < at or firsts[later] == firsts[earlier]
    for place, original in originals.items():
        assert originals[original] == original
        assert firsts[place] <= original <= place
        if original != place:
            assert alike[(pairs == (place, original)).all(axis=1)].item() >= at
        else:  # no original before it is that like it
            others = [one for one in originals if one < place and originals[one] == one]
            assert all(alike[(pairs == (place, one)).all(axis=1)].item() < at for one in others)


@settings(max_examples=40, deadline=None)
@given(texts, st.integers(1, 24))
def test_an_original_stays_one_whatever_comes_later(given_texts: list[str], cut: int) -> None:
    def originals(some: list[str]) -> dict[int, int]:
        pairs = np.array([(later, earlier) for later in range(len(some)) for earlier in range(later)], dtype=np.int64).reshape(-1, 2)
        found = cluster(pairs, similarities(pairs, dict(enumerate(some))), at=0.6)
        return dict(zip(found.places.tolist(), found.originals.tolist(), strict=True))

    before, after = originals(given_texts[:cut]), originals(given_texts)
    assert all(after[place] == original for place, original in before.items())


def test_counts_say_what_a_threshold_would_do() -> None:
    pairs, alike = np.array([[1, 0], [2, 1], [4, 3]]), np.array([0.9, 0.7, 0.8])
    lax, strict = count_pairs(pairs, alike, at=0.7), count_pairs(pairs, alike, at=0.85)
    assert (lax.pairs, lax.clusters, lax.texts, lax.copies) == (3, 2, 5, 2)  # the third is like a copy, and so an original of the same cluster
    assert (strict.pairs, strict.clusters, strict.texts, strict.copies) == (1, 1, 2, 1)


def test_most_pairs_at_the_usual_threshold_are_found() -> None:
    random = np.random.default_rng(0)
    words = [f"word{number}" for number in range(400)]
    originals = [" ".join(random.choice(words, 30)) for _ in range(150)]
    edited = [" ".join([*text.split()[:-2], "other", "end"]) for text in originals]
    everything = [*originals, *edited]
    pairs = candidate_pairs(sign(everything), np.ones(len(everything), dtype=bool))
    met = {tuple(pair) for pair in pairs.tolist()}
    wanted = [(place + 150, place) for place in range(150) if similarity(*pieces([originals[place], edited[place]])) >= 0.8]
    assert len(wanted) > 100
    assert sum(pair in met for pair in wanted) >= 0.98 * len(wanted)
