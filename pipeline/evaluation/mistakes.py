"""Sorts labels that differ from gold by what is most probably at fault, by measured evidence.

The first rule that holds gives the kind; each is checked on numbers that are kept as evidence:

1. `gold wrong`: confident learning (Northcutt et al., JAIR 2021) flags the gold label, by classifiers that did not see it, and at least
   half of the nearest documents with other gold labels or the classifiers' own guess speak for the label that was given.
2. `several right`: gold names several labels or the labeller itself gives the gold category beside its own, or holds it at least half as
   probable as its own.
3. `document unclear`: neither the labeller nor the classifiers on gold hold any category as probable as 0.5; of three words or fewer, one of
   them does not.
4. `definition unclear`: the two categories are confused both ways, more often than chance has it (see `confused_pairs`).
5. `model slip`: another witness says what gold says - the other labeller, most of the nearest documents, or a vote of the same model - and
   the labeller was unsure (below 0.5) or its own repeated answers differ.
6. `label wrong`: everything else: the labeller is sure, and gold, as far as can be seen, is right.

Where gold labels are not names of categories, a gold label's category is the one that is matched to it one to one, else the one that most
of its documents bear, and beside it each category that more than half consists of its documents: a taxonomy that is coarser or finer than
gold makes no mistakes by that. Gold trains classifiers here to be judged
itself, in evaluation and nowhere else.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import poisson

from pipeline.gold import gold_labels
from pipeline.mistake_records import Kind, Mistake

__all__ = ["METHOD", "ConfusedPair", "GoldDoubt", "Witness", "confused_pairs", "gold_categories", "sort_mistakes"]

METHOD = 1  # raise it whenever the same labels would be sorted otherwise
UNSURE = 0.5  # probability below which a label is unsure
NEXT = 0.5  # of the label's probability, from which the gold category is as good as right
FEW_WORDS = 3
CHANCE = 0.01  # of as many confusions or more, below which a pair is confused more than by chance
FEWEST = 3  # confusions of a pair, and at least one each way
UNLIKELY = 0.05  # share of a suspicion that ranks behind


@dataclass(frozen=True)
class GoldDoubt:
    """What classifiers that did not see a document's gold label make of it."""

    quality: float  # probability that the gold label is right, 0 to 1
    flagged: bool
    guess: str  # gold label that they expect
    sure: float  # probability of the guess
    neighbours: Sequence[tuple[str, str]] = ()  # nearest other documents: text hash and gold label


@dataclass(frozen=True)
class Witness:
    """What a labeller says of a text: its category, how probable it is, what comes next, and what votes of the same model say."""

    category_id: str | None
    probability: float | None = None
    next: Mapping[str, float] = field(default_factory=dict)  # probabilities by category id
    also: Sequence[str] = ()
    votes: Sequence[str | None] = ()


@dataclass(frozen=True)
class ConfusedPair:
    """Two categories that stand for one another's gold labels, the one id before the other."""

    category_id: str
    other_id: str
    confusions: int
    by_chance: float
    n: int
    both_ways: bool
    texts: Sequence[str]

    @property
    def clear(self) -> bool:
        """Say whether the pair is confused both ways, and more than chance has it."""
        return self.both_ways and self.confusions >= FEWEST and float(poisson.sf(self.confusions - 1, self.by_chance)) < CHANCE


def gold_categories(labels: Mapping[str, str | None], gold: Mapping[str, str], names: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Say which categories stand for each gold label, the first most of all: that of its name where all are such names, else matched ones."""
    by_name = {name: key for key, name in names.items()}
    wanted = sorted({name for one in gold.values() for name in gold_labels(one)})
    if set(wanted) <= set(by_name):
        return {name: (by_name[name],) for name in wanted}
    seen = Counter((gold_labels(gold[text])[0], label) for text, label in labels.items() if text in gold and label is not None)
    rows, columns = sorted({name for name, _ in seen}), sorted({label for _, label in seen})
    table = np.array([[seen[name, label] for label in columns] for name in rows]).reshape(len(rows), len(columns))
    first = {name: columns[int(row.argmax())] for name, row in zip(rows, table, strict=True)}
    matched = zip(*linear_sum_assignment(-table), strict=True)
    first |= {rows[row]: columns[column] for row, column in matched if table[row, column]}
    mostly = {label: rows[int(column.argmax())] for label, column in zip(columns, table.T, strict=True) if 2 * column.max() > column.sum()}
    return {name: (one, *(label for label in columns if mostly.get(label) == name and label != one)) for name, one in first.items()}


def confused_pairs(labels: Mapping[str, str | None], right: Mapping[str, str]) -> list[ConfusedPair]:
    """List the pairs of categories of which one was given for the other, the most confused first.

    By chance, wrong labels of a category would fall on the others by the shares these have of all wrong labels.

    :param right: category id that gold stands for, by text.
    """
    wrong = {text: (right[text], label) for text, label in sorted(labels.items()) if text in right and label not in {None, right[text]}}
    ways = Counter(wrong.values())
    sizes, leaving, entering = Counter(right[text] for text in labels if text in right), Counter[str](), Counter[str]()
    for (truth, given), count in ways.items():
        leaving[truth] += count
        entering[given or ""] += count
    total = max(1, len(wrong))
    found = []
    for one, other in sorted({tuple(sorted((truth, given or ""))) for truth, given in ways}):
        counts = ways[one, other], ways[other, one]
        chance = (leaving[one] * entering[other] + leaving[other] * entering[one]) / total
        texts = [text for text, pair in wrong.items() if set(pair) == {one, other}]
        found.append(ConfusedPair(one, other, sum(counts), chance, sizes[one] + sizes[other], min(counts) > 0, texts))
    return sorted(found, key=lambda pair: (-pair.confusions, pair.by_chance, pair.category_id, pair.other_id))


def sort_mistakes(
    subject: str,
    said: Mapping[str, Witness],
    *,
    others: Mapping[str, Mapping[str, Witness]],
    gold: Mapping[str, str],
    doubts: Mapping[str, GoldDoubt],
    names: Mapping[str, str],
    words: Mapping[str, int],
    evaluation_id: str,
) -> list[Mistake]:
    """Sort a labeller's mistakes by kind, and rank them: gold that is most probably right, and a labeller that was surest, come first.

    A document without a label is a mistake as well. Suspicions of gold come by how strong they are among the first, because every one
    of them is a figure that is wrong.

    :param others: what other labellers say, by their name and text.
    :param doubts: of gold, by text; where one is missing, gold is taken to be right.
    :param words: number of words by text.
    """
    labels = {text: witness.category_id for text, witness in said.items()}
    stands_for = gold_categories(labels, gold, names)
    right = {text: [label for name in gold_labels(gold[text]) for label in stands_for.get(name, ())] for text in labels if text in gold}
    first = {text: found[0] for text, found in right.items() if found}
    held = {text: labels[text] if labels[text] in right[text] else one for text, one in first.items()}
    pairs = {(one.category_id, one.other_id) for one in confused_pairs(labels, {text: one for text, one in held.items() if one}) if one.clear}
    sorter = _Sorter(said, others, gold, doubts, words, right, stands_for, pairs)
    wrong = [text for text in sorted(labels) if text in right and labels[text] not in right[text]]
    found = [(text, *sorter.kind(text)) for text in wrong]
    order = sorted(found, key=lambda one: (-sorter.weight(one[0], one[1]), one[0]))
    return [
        Mistake(
            evaluation_id, subject, text, kind, labels[text], gold[text], next(iter(right[text]), None), said[text].probability,
            round(1 - doubts[text].quality, 6) if text in doubts else 0.0, rank, evidence,
        )
        for rank, (text, kind, evidence) in enumerate(order, 1)
    ]  # fmt: skip


@dataclass(frozen=True)
class _Sorter:
    said: Mapping[str, Witness]
    others: Mapping[str, Mapping[str, Witness]]
    gold: Mapping[str, str]
    doubts: Mapping[str, GoldDoubt]
    words: Mapping[str, int]
    right: Mapping[str, Sequence[str]]
    stands_for: Mapping[str, Sequence[str]]
    pairs: set[tuple[str, str]]

    def kind(self, text: str) -> tuple[Kind, dict[str, Any]]:
        """Apply the rules in their order."""
        said, doubt, right = self.said[text], self.doubts.get(text), self.right[text]
        sure = said.probability or 0.0
        held = max((said.next.get(one, 0.0) for one in right), default=0.0)
        near = Counter(label for _, name in doubt.neighbours for label in self.stands_for.get(name, ())) if doubt else Counter[str]()
        around = len(doubt.neighbours) if doubt else 0
        others = {name: row[text].category_id for name, row in self.others.items() if text in row}
        agree = sorted(name for name, label in others.items() if label in right)
        evidence: dict[str, Any] = {
            "probability": said.probability, "gold_probability": round(held, 4), "others": others, "votes": list(said.votes),
            "neighbours": [list(one) for one in doubt.neighbours] if doubt else [], "words": self.words.get(text),
        }  # fmt: skip
        if doubt:
            evidence |= {"gold_quality": round(doubt.quality, 4), "expected": doubt.guess, "expected_probability": round(doubt.sure, 4)}
        guessed = self.stands_for.get(doubt.guess, ()) if doubt else ()
        for_label = near[said.category_id or ""] * 2 >= max(1, around) or said.category_id in guessed
        if doubt and doubt.flagged and for_label and said.category_id is not None:
            return "gold wrong", evidence
        if set(right) & set(said.also) or len(gold_labels(self.gold[text])) > 1 or (held > 0 and held >= NEXT * sure):
            return "several right", evidence
        unsure = [sure < UNSURE, doubt is None or doubt.sure < UNSURE]
        if all(unsure) or (any(unsure) and doubt is not None and self.words.get(text, FEW_WORDS + 1) <= FEW_WORDS):
            return "document unclear", evidence
        if any(_pair(said.category_id, one) in self.pairs for one in right):
            return "definition unclear", evidence
        split = len({said.category_id, *said.votes}) > 1
        for_gold = agree or any(near[one] * 2 >= around > 0 for one in right) or set(right) & set(said.votes)
        return ("model slip", evidence) if for_gold and (sure < UNSURE or split) else ("label wrong", evidence)

    def weight(self, text: str, kind: Kind) -> float:
        """Say how bad a mistake is, 0 to 1: that of gold by the suspicion, others by how sure the labeller was and how right gold is."""
        doubt = self.doubts.get(text)
        quality = doubt.quality if doubt else 1.0
        return 1 - quality if kind == "gold wrong" else (self.said[text].probability or UNLIKELY) * quality


def _pair(one: str | None, other: str) -> tuple[str, str]:
    first, second = sorted((one or "", other))
    return first, second
