"""Embedders are compared on the user's own documents: the fastest that is as good as the best is chosen, with the reason."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.embedding import Matrix
from pipeline.errors import TrainingError
from pipeline.students.embedders import EmbeddedDocuments, compare_embedders, embed_timed
from tests.tiny import TinyEmbedder

CATEGORIES, PER_CATEGORY = 4, 40
TRUTH = np.repeat(np.arange(CATEGORIES), PER_CATEGORY)
SOFT = np.eye(CATEGORIES)[TRUTH] * 0.96 + 0.01


def seen(name: str, *, noise: float, seconds: float, width: int = 8, seed: int = 0) -> EmbeddedDocuments:
    rows = np.eye(width)[TRUTH] + noise * np.random.default_rng(seed).normal(size=(len(TRUTH), width))
    return EmbeddedDocuments(name, (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), seconds)


def test_the_best_is_chosen_where_the_faster_one_is_clearly_worse() -> None:
    choice = compare_embedders([seen("slow@1", noise=0.2, seconds=10), seen("fast@1", noise=1.5, seconds=0.1)], SOFT)
    slow, fast = choice.trials
    assert choice.embedder_id == "slow@1"
    assert slow.agreement > slow.low > 0.9 > fast.agreement
    assert (slow.n, slow.seconds, fast.low < fast.agreement < fast.high) == (160, 10, True)
    assert choice.reason.startswith(f"slow@1 with agreement {slow.agreement:.3f} ({slow.low:.3f} to {slow.high:.3f}, n = 160) and 10 s")
    assert f"what is faster lies below its interval: fast@1 with agreement {fast.agreement:.3f}" in choice.reason


def test_the_fastest_is_chosen_where_all_are_as_good() -> None:
    several = [
        seen("slow@1", noise=0.2, seconds=10),
        seen("fast@1", noise=0.3, seconds=0.1, width=12, seed=1),
        seen("middle@1", noise=0.25, seconds=1),
    ]
    choice = compare_embedders(several, SOFT)
    assert choice.embedder_id == "fast@1"
    assert [trial.embedder_id for trial in choice.trials] == ["slow@1", "fast@1", "middle@1"]
    assert ": the best, and the fastest." in choice.reason or "the fastest within the interval of the best" in choice.reason


def test_of_equals_the_faster_is_the_best() -> None:
    same = seen("one@1", noise=0.2, seconds=2)
    choice = compare_embedders([same, EmbeddedDocuments("two@1", same.vectors, 1)], SOFT)
    assert choice.embedder_id == "two@1"
    assert choice.reason.endswith(": the best, and the fastest.")


def test_one_alone_is_judged_and_chosen() -> None:
    choice = compare_embedders([seen("only@1", noise=0.2, seconds=1)], SOFT)
    assert choice.embedder_id == "only@1"
    assert choice.reason.endswith("It was the only one.")


def test_it_is_the_same_every_time_and_copies_stay_on_one_side() -> None:
    noisy = seen("noisy@1", noise=2.0, seconds=1, width=60)
    first, again = (compare_embedders([noisy], SOFT, seed=7) for _ in range(2))
    assert first == again
    copies = EmbeddedDocuments("copies@1", np.concatenate([noisy.vectors, noisy.vectors]), 1)
    soft = np.concatenate([SOFT, SOFT])
    kept_together = compare_embedders([copies], soft)
    parted = compare_embedders([copies], soft, groups=np.arange(len(soft)))
    assert parted.trials[0].agreement > kept_together.trials[0].agreement + 0.1


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="There is no embedder"):
        compare_embedders([], SOFT)
    short = EmbeddedDocuments("short@1", seen("x", noise=1, seconds=1).vectors[:-1], 1)
    with pytest.raises(ValueError, match="Expected 160 vectors, one for each label; short@1 has 159"):
        compare_embedders([seen("whole@1", noise=1, seconds=1), short], SOFT)
    one_category = np.tile(np.eye(CATEGORIES)[0], (len(TRUTH), 1))
    with pytest.raises(TrainingError):
        compare_embedders([seen("x", noise=1, seconds=1)], one_category)


def test_loading_is_not_timed() -> None:
    asked: list[int] = []

    class Counting(TinyEmbedder):
        def embed(self, texts: Sequence[str]) -> Matrix:
            asked.append(len(texts))
            return super().embed(texts)

    timed = embed_timed(Counting(), ["one parcel", "two refunds", "three logins"])
    assert asked == [1, 3]
    vectors: npt.NDArray[np.float32] = timed.vectors
    assert (timed.embedder_id, vectors.shape, timed.seconds > 0) == ("hashed-words@1", (3, 97), True)
    with pytest.raises(ValueError, match="There are no texts"):
        embed_timed(TinyEmbedder(), [])
