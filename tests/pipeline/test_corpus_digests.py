"""The hashes that are made in columns are those made one by one, and what came before is counted."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.corpus.digests import digests_of, ids_of, order_keys
from pipeline.corpus.occurrences import Occurrences, keys_of_texts
from pipeline.ids import canonical_json, content_id, order_key

LAWS = settings(max_examples=40, deadline=None)


@LAWS
@given(st.lists(st.text(max_size=30)), st.integers(-5, 10**6))
def test_law_hashes_in_bulk_are_those_made_one_by_one(texts: list[str], seed: int) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    digests = digests_of("text", [f"{canonical_json(text)}]".encode() for text in texts])
    ids = ids_of("text", digests).to_pylist()
    assert ids == [content_id("text", text) for text in texts]
    assert order_keys(digests, seed).to_pylist() == [order_key(one, seed) for one in ids]


@LAWS
@given(st.lists(st.lists(st.integers(0, 9)), max_size=5))
def test_law_occurrences_count_what_came_before(batches: list[list[int]]) -> None:
    met, seen = Occurrences(), list[int]()
    for batch in batches:
        found = met.earlier(keys_of_texts([b"%d" % number for number in batch]))
        assert found.tolist() == [(seen + batch[:place]).count(number) for place, number in enumerate(batch)]
        seen += batch
