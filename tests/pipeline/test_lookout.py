"""Who looks at the published tables sees what is in use, and sees it once."""

from pathlib import Path

import pytest

from pipeline.errors import StoreError
from pipeline.stages.lookout import Lookout, pointers_of
from pipeline.store import Store


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Store:
    store = Store.open(tmp_path)
    store.mark_current(classifier_id="student:1", taxonomy_id="tax:1")
    store.of_facet("urgency").mark_current(classifier_id="student:9")
    store.publish()
    return store


def test_what_is_in_use_is_seen_when_it_is_published_and_only_then(store: Store) -> None:
    lookout = Lookout(store)
    assert lookout.look() == ("student:1", "tax:1") == pointers_of(store)
    assert lookout.look() is None, "nothing was published since"
    store.mark_current(classifier_id="student:2")
    assert lookout.look() is None, "not published yet"
    store.publish()
    assert lookout.look() == ("student:2", "tax:1")
    store.publish()
    assert lookout.look() is None, "nothing was written since"
    store.mark_current(other="x")
    store.publish()
    assert lookout.look() == ("student:2", "tax:1"), "published again, with the same in use"
    assert lookout.look() is None
    lookout.forget()
    assert lookout.look() == ("student:2", "tax:1")


def test_each_facet_has_its_own(store: Store) -> None:
    assert Lookout(store.of_facet("urgency")).look() == ("student:9", None)
    assert Lookout(store.of_facet("mood")).look() == (None, None)


def test_tables_that_are_away_for_a_moment_or_damaged_are_looked_at_again(store: Store) -> None:
    lookout, away = Lookout(store), store.folder / "away"
    whole = store.published.read_bytes()
    store.published.rename(away)
    assert lookout.look() is None
    store.published.write_bytes(whole[:100])
    for _ in range(2):
        with pytest.raises(StoreError):
            lookout.look()
    away.replace(store.published)
    assert lookout.look() == ("student:1", "tax:1")
