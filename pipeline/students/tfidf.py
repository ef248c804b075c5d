"""The cheap student that others are held against: words by TF-IDF and logistic regression, with no embedder and nothing chosen."""

from collections.abc import Sequence

import numpy as np

from pipeline.students.estimators import make_estimator
from pipeline.students.features import feature_step
from pipeline.students.inputs import Inputs

__all__ = ["tfidf_labels"]

PENALTY = 10.0  # C; from 3 to 30 it makes no difference


def tfidf_labels(texts: Sequence[str], labels: Sequence[str], wanted: Sequence[str], *, seed: int) -> tuple[list[str], list[float]]:
    """Learn labels from words alone, and give some texts a label each, with its probability, which is not calibrated.

    The vocabulary is that of all texts: words are no labels. Where no word is in two texts, or all labels are one, every text gets the
    most frequent label; its probability is then its share.
    """
    everything = Inputs(np.zeros((len(texts) + len(wanted), 0), dtype=np.float32), [*texts, *wanted])
    names, counts = np.unique(labels, return_counts=True)
    try:
        features = feature_step(("words",)).fit_transform(everything)
    except ValueError:  # an empty vocabulary
        features = None
    if features is None or len(names) < 2:
        best = int(counts.argmax())
        return [str(names[best])] * len(wanted), [float(counts[best] / counts.sum())] * len(wanted)
    model = make_estimator("logistic_regression", {"C": PENALTY}, seed=seed).fit(features[: len(texts)], labels)
    found = model.predict_proba(features[len(texts) :])
    return [str(model.classes_[place]) for place in found.argmax(axis=1)], found.max(axis=1).tolist()
