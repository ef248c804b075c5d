"""Novelty: even for text like that learnt from, high for text from elsewhere, cheap, and kept as arrays."""

import json
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.metrics import roc_auc_score

from pipeline.students.novelty import Novelty, fit_novelty

ROOT = Path(__file__).parents[2]
Vectors = npt.NDArray[np.float32]


def unit(rows: Any) -> Vectors:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def drawn(n: int, seed: int, *, d: int = 24, topics: int = 6, at: int = 0) -> Vectors:
    """Draw documents around a few topics; another `at` gives other topics."""
    centres = np.random.default_rng(1000 + at).normal(size=(topics, d))
    source = np.random.default_rng(seed)
    return unit(centres[source.integers(0, topics, n)] + 0.5 * source.normal(size=(n, d)))


def auroc(old: Vectors, new: Vectors) -> float:
    return float(roc_auc_score(np.r_[np.zeros(len(old)), np.ones(len(new))], np.r_[old, new]))


# --- real text -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def utterances() -> list[str]:
    lines = (ROOT / "projects/data/hwu64.jsonl").read_text(encoding="utf-8").splitlines()
    return [str(json.loads(line)["text"]) for line in lines]


def pieces(texts: list[str]) -> Vectors:
    """Embed texts by their hashed pieces of words, as no model is at hand in tests."""
    return unit(HashingVectorizer(analyzer="char_wb", ngram_range=(2, 4), n_features=384).transform(texts).toarray() + 1e-9)


def test_text_from_elsewhere_scores_high_and_text_like_that_learnt_from_evenly(utterances: list[str]) -> None:
    novelty = fit_novelty(pieces(utterances[:1000]), seed=0)
    known = novelty.score(pieces(utterances[1000:]))
    assert kstest(known, "uniform").statistic < 0.06
    assert (known > 0.95).mean() == pytest.approx(0.05, abs=0.025)
    source = random.Random(3)
    letters = ["".join(source.choice("abcdefghijklmnopqrstuvwxyz  ") for _ in range(40)) for _ in range(200)]
    other = [line for line in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines() if len(line) > 40][:200]
    foreign = [
        "Wann fährt der nächste Zug nach Nürnberg, und muss ich umsteigen?", "Der Vertrag kann zum Ende eines Quartals gekündigt werden.",
        "Où puis-je acheter un billet pour le concert de ce soir ?", "Il faut que nous partions avant que la nuit ne tombe.",
        "Dov'è la fermata dell'autobus più vicina alla stazione?", "Queremos reservar una mesa para cuatro personas esta noche.",
        "Musíme si pospíšit, jinak zmeškáme poslední vlak domů.", "Kunt u mij vertellen hoe laat de winkel morgen opengaat?",
    ]  # fmt: skip
    scores = {name: auroc(known, novelty.score(pieces(texts))) for name, texts in (("letters", letters), ("other", other), ("foreign", foreign))}
    assert scores["letters"] > 0.95
    assert scores["foreign"] > 0.9
    assert scores["other"] > 0.7, "the same language, of which pieces of words say little"


# --- laws ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [60, 300, 2000])
def test_scores_of_documents_alike_are_even(n: int) -> None:
    scores = np.concatenate([fit_novelty(drawn(n, seed), seed=0).score(drawn(500, seed + 50)) for seed in range(6)])
    assert kstest(scores, "uniform").statistic < 0.12
    assert (scores > 0.9).mean() == pytest.approx(0.1, abs=0.05)


def test_other_topics_score_high() -> None:
    novelty = fit_novelty(drawn(500, 1), seed=0)
    assert auroc(novelty.score(drawn(500, 2)), novelty.score(drawn(500, 3, at=1))) > 0.95


@given(st.integers(0, 1000), st.integers(1, 40))
@settings(deadline=None, max_examples=15)
def test_scores_are_from_0_to_1_and_the_same_again(seed: int, n: int) -> None:
    vectors = drawn(n, seed)
    novelty = fit_novelty(vectors, seed=seed)
    scores = novelty.score(np.concatenate([vectors, drawn(20, seed + 1, at=seed)]))
    assert scores.dtype == np.float32
    assert ((scores >= 0) & (scores <= 1)).all()
    assert np.array_equal(scores, fit_novelty(vectors, seed=seed).score(np.concatenate([vectors, drawn(20, seed + 1, at=seed)])))


@given(st.integers(0, 1000))
@settings(deadline=None, max_examples=5)
def test_arrays_bring_it_back(seed: int) -> None:
    novelty = fit_novelty(drawn(80, seed), seed=0)
    arrays = novelty.as_arrays()
    assert all(array.dtype == np.float32 for array in arrays.values())
    assert len(arrays["centres"]) <= 64
    assert np.array_equal(Novelty.from_arrays(arrays).score(drawn(30, seed + 1)), novelty.score(drawn(30, seed + 1)))


def test_farther_than_all_still_counts() -> None:
    novelty = fit_novelty(unit(np.eye(8)[np.zeros(50, dtype=int)] + 0.01 * np.random.default_rng(0).normal(size=(50, 8))), seed=0)
    near, far = novelty.score(unit(np.array([[1.0, 0.4, 0, 0, 0, 0, 0, 0], [-1.0, 0.4, 0, 0, 0, 0, 0, 0]])))
    assert 0.98 < near < far <= 1


# --- edges -----------------------------------------------------------------------------------------------------------


def test_one_document_and_equal_documents_can_be_learnt_from() -> None:
    for n in (1, 2, 30):
        same = unit(np.ones((n, 6)))
        novelty = fit_novelty(same, seed=0)
        assert novelty.score(same).max() <= novelty.score(unit(np.eye(6)[:1])).min()


def test_what_is_no_vector_is_refused() -> None:
    vectors = drawn(20, 1)
    broken = vectors.copy()
    broken[[3, 7], 0] = np.nan, np.inf
    with pytest.raises(ValueError, match="2 of 20 vectors, as row 3, are not finite"):
        fit_novelty(broken, seed=0)
    with pytest.raises(ValueError, match="2 of 20 vectors, as row 3, are not finite"):
        fit_novelty(vectors, seed=0).score(broken)
    with pytest.raises(ValueError, match=r"expected \(n, 24\)"):
        fit_novelty(vectors, seed=0).score(vectors[:, :10])
    with pytest.raises(ValueError, match="at least 1 document"):
        fit_novelty(vectors[:0], seed=0)
    assert len(fit_novelty(vectors, seed=0).score(vectors[:0])) == 0


def test_scoring_is_cheap() -> None:
    vectors = drawn(20_000, 1, d=384, topics=40)
    novelty, took = fit_novelty(vectors[:2000], seed=0), []
    for _ in range(3):
        began = time.perf_counter()
        novelty.score(vectors)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.4, "0.03 s on two cores that have nothing else to do; 50,000 vectors a second are 0.4 s"
