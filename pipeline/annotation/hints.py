"""What rules say of a document, as log-likelihoods of the categories: by how often each rule is right where it speaks."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pipeline.records import Label

__all__ = ["rule_hints"]

Floats = npt.NDArray[np.float64]
PRIOR_RIGHT, PRIOR_WRONG = 4.0, 1.0  # a person wrote the rule: it is taken to be right four times in five until seen otherwise


def rule_hints(labels: Sequence[Label], rules: Sequence[Label], *, categories: Sequence[str]) -> dict[str, Floats]:
    """Give for each text that a rule speaks of the log-likelihood (k,) of what the rules said.

    A rule's precision is estimated from the model's labels of the same texts, smoothed by the prior; its errors are
    taken to fall evenly on the other categories, and rules to err independently of each other (naive Bayes).
    """
    places = {category: place for place, category in enumerate(categories)}
    chosen = {label.text_hash: label.category_id for label in labels}
    said = [rule for rule in rules if rule.category_id in places]
    precision = _precision(said, chosen)
    hints: dict[str, Floats] = {}
    for rule in said:
        right = precision[rule.annotator_id]
        row = np.full(len(categories), np.log((1 - right) / max(1, len(categories) - 1)))
        row[places[rule.category_id or ""]] = np.log(right)
        hints[rule.text_hash] = hints.get(rule.text_hash, np.zeros(len(categories))) + row
    return hints


def _precision(rules: Sequence[Label], chosen: Mapping[str, str | None]) -> dict[str, float]:
    counts: dict[str, list[float]] = {}
    for rule in rules:
        right, n = counts.setdefault(rule.annotator_id, [PRIOR_RIGHT, PRIOR_RIGHT + PRIOR_WRONG])
        counts[rule.annotator_id] = [right + (chosen.get(rule.text_hash) == rule.category_id), n + (rule.text_hash in chosen)]
    return {key: right / n for key, (right, n) in counts.items()}
