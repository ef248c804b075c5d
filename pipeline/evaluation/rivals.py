"""Baselines that ask no model: what labels would score that nobody thought about.

`majority` gives every text the teacher's most frequent category, `random` any category alike, `random_by_share` each as often as
the teacher gives it. They learn from the labels that students learn from, and from nothing else. Beside them stand the rivals that
were made before: `tfidf`, and `told_names` where the gold names were told.
"""

from collections import Counter

import numpy as np

from pipeline.evaluation.judged import Judged, Labels

__all__ = ["BASELINES", "guesses", "rivals_of"]

BASELINES = ("baseline", "majority", "random", "random_by_share", "tfidf", "told_names")


def rivals_of(judged: Judged, *, seed: int) -> dict[str, Labels]:
    """Give the labels of every baseline but the clusters, by its name, for all texts that anything is measured on."""
    return {**guesses(judged, seed=seed), **judged.rivals}


def guesses(judged: Judged, *, seed: int) -> dict[str, Labels]:
    """Guess a category for each text; nothing where the teacher gave none to learn from. Of equally frequent categories the first id is taken."""
    learnt = Counter(label for text, label in sorted(judged.taught.items()) if label is not None and text not in judged.held_out)
    if not learnt:
        return {}
    texts = sorted({*judged.asked, *judged.gold})
    common = sorted(learnt)
    categories = sorted({*judged.names, *common})
    draws = np.random.default_rng(seed)
    shares = np.array([learnt[one] for one in common]) / learnt.total()
    return {
        "majority": dict.fromkeys(texts, max(common, key=lambda one: learnt[one])),
        "random": dict(zip(texts, draws.choice(categories, len(texts)).tolist(), strict=True)),
        "random_by_share": dict(zip(texts, draws.choice(common, len(texts), p=shares).tolist(), strict=True)),
    }
