"""Labels that were made wrong on purpose are found, and nothing is doubted where nothing can be known."""

import numpy as np
import pytest

from pipeline.students import doubt_labels
from tests.tiny import TinyEmbedder, tiny_rows

TEXTS = [row["text"] for row in tiny_rows()]
TOPICS = [row["topic"] for row in tiny_rows()]


def test_planted_wrong_labels_come_first_and_are_flagged() -> None:
    planted = [3, 40, 77, 101]
    labels = list(TOPICS)
    for place in planted:
        labels[place] = next(topic for topic in sorted(set(TOPICS)) if topic != TOPICS[place])
    found = doubt_labels(TinyEmbedder().embed(TEXTS), TEXTS, labels, seed=1)
    worst = np.argsort(found.likelihood)[:10].tolist()
    assert set(planted) <= set(worst)
    assert found.flagged[planted].sum() >= 3
    assert found.flagged.sum() <= 12
    assert [found.names[found.expected[place]] for place in planted] == [TOPICS[place] for place in planted]
    assert found.nearest.shape == (120, 5)
    assert all(place not in found.nearest[place] for place in range(120))


@pytest.mark.parametrize("labels", [["a"] * 30, ["a", "b", "a"]])
def test_with_one_label_or_a_handful_of_documents_nothing_is_doubted(labels: list[str]) -> None:
    texts = TEXTS[: len(labels)]
    found = doubt_labels(TinyEmbedder().embed(texts), texts, labels, seed=1)
    assert not found.flagged.any()
    assert (found.quality == 1).all()


def test_a_label_that_one_document_alone_has_is_never_flagged() -> None:
    found = doubt_labels(TinyEmbedder().embed(TEXTS), TEXTS, [*TOPICS[:-1], "alone"], seed=1)
    assert not found.flagged[-1]
