"""Two sets of labels of the same texts held against one another, and each against known labels where there are any."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.evaluation.agreement import cohen_kappa
from pipeline.evaluation.metrics import Figure, share
from pipeline.evaluation.paired import gain, mcnemar
from pipeline.gold import gold_labels

__all__ = ["Changed", "Named", "SideBySide", "side_by_side"]


@dataclass(frozen=True)
class Named:
    """Labels as category ids by text, with the names of the categories; None where none fits."""

    labels: Mapping[str, str | None]
    names: Mapping[str, str]

    def name(self, text: str) -> str | None:
        """Give the name of a text's label; None where it has none."""
        label = self.labels[text]
        return None if label is None else self.names.get(label)


@dataclass(frozen=True)
class Changed:
    """How many texts bear one label on the one side and another on the other; None where they bear none."""

    before: str | None
    after: str | None
    n: int


@dataclass(frozen=True)
class SideBySide:
    """What two sets of labels say of the texts that both have labelled.

    A label is the same where its category is, by id or by name. `gain` is the share that the second has right less that of the first,
    with its interval by paired bootstrap, and `p` McNemar's; None where gold labels are no names of categories on both sides.
    """

    n: int
    agreement: Figure
    kappa: float | None
    changed: Sequence[Changed]
    right: tuple[Figure, Figure] | None = None
    gain: Figure | None = None
    p: float | None = None


def side_by_side(one: Named, other: Named, gold: Mapping[str, str], *, resamples: int, seed: int) -> SideBySide | None:
    """Compare two sets of labels on the texts that both have; None where they share none."""
    texts = sorted(one.labels.keys() & other.labels.keys())
    if not texts:
        return None
    first, second = _tokens(one, other.names, texts), _tokens(other, one.names, texts)
    same = [first[text] == second[text] for text in texts]
    moved = Counter((one.name(text), other.name(text)) for text, alike in zip(texts, same, strict=True) if not alike)
    changed = [Changed(*pair, n) for pair, n in sorted(moved.items(), key=lambda item: (-item[1], str(item[0])))]
    found = SideBySide(len(texts), share(same), cohen_kappa(first, second), changed)
    known = [text for text in texts if text in gold]
    if not known or not _alike(gold, known, one) or not _alike(gold, known, other):
        return found
    hits = [[side.name(text) in gold_labels(gold[text]) for text in known] for side in (one, other)]
    better = gain(hits[1], hits[0], resamples=resamples, seed=seed)
    return SideBySide(found.n, found.agreement, found.kappa, changed, (share(hits[0]), share(hits[1])), better, mcnemar(*hits))


def _tokens(side: Named, others: Mapping[str, str], texts: Sequence[str]) -> dict[str, str | None]:
    """Spell the labels so that those of both sides can be compared: by id where both know it, else by name."""
    spelled = {label: label if label in others else f"name:{name}" for label, name in side.names.items()}
    return {text: None if (label := side.labels[text]) is None else spelled.get(label, label) for text in texts}


def _alike(gold: Mapping[str, str], texts: Sequence[str], side: Named) -> bool:
    return {name for text in texts for name in gold_labels(gold[text])} <= set(side.names.values())
