"""What can be wrong with an annotator, found by holding its labels against what others say; each finding is put in words.

Nothing is said on fewer than 20 labels. A rule that knows one category alone is not flagged for saying nothing else as long
as it is right more often than the category is common.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from scipy.optimize import linear_sum_assignment

from pipeline.annotation.panel import Kappa, Panel, corrected, pairwise_kappas
from pipeline.intervals import wilson

__all__ = ["Comparison", "Flag", "flag_of"]

LEAST = 20  # labels
NEARLY_ALL = 0.9  # share of an annotator's labels that are one option
FAIR = 0.4  # kappa that agreement worth the name reaches
SLIGHT = 0.2  # kappa that guessing at random may come near by luck
HALF = 0.5  # of the others' agreement among themselves, below which an annotator is unlike them
SPREADS = 3 * 1.4826  # median distances from the median: three standard deviations of a normal distribution


@dataclass(frozen=True)
class Comparison:
    """An annotator's labels and what others make of the same and further texts, both as places of options."""

    annotator: str
    own: Mapping[str, int]
    held: Mapping[str, int]  # by text

    @property
    def shared(self) -> list[tuple[int, int]]:
        """Pair what it says with what the others say, text by text in order."""
        return [(option, self.held[text]) for text, option in sorted(self.own.items()) if text in self.held]

    @property
    def accuracy(self) -> float:
        """Give the share of its labels that the others have as well."""
        return sum(own == held for own, held in self.shared) / len(self.shared)

    @property
    def kappa(self) -> Kappa | None:
        """Take from the accuracy what its labels would reach by chance, over all texts that the others labelled."""
        shared, common = self.shared, Counter(self.held.values())
        own = Counter(option for option, _ in shared)
        chance = sum(count / len(shared) * common[option] / len(self.held) for option, count in own.items())
        return corrected(self.accuracy, chance, len(shared))

    @property
    def favourite(self) -> tuple[int, float]:
        """Give the option that it says most, and the share of its labels."""
        option, count = max(Counter(option for option, _ in self.shared).items(), key=lambda item: item[1])
        return option, count / len(self.shared)


@dataclass(frozen=True)
class Flag:
    """What is wrong: how bad a kind, 0 the worst, how little it agrees, and words."""

    kind: int
    kappa: float
    words: str


def flag_of(comparison: Comparison, *, panel: Panel, names: Mapping[str, str]) -> Flag | None:
    """Find the worst that is wrong with an annotator; None where nothing is.

    :param panel: the annotator among those that it is compared with.
    """
    kappa = comparison.kappa if len(comparison.shared) >= LEAST else None
    if kappa is None:
        return None
    told = [names.get(option, option) for option in panel.options]
    findings = (_always(comparison, told), _exchanges(comparison, told), _chance(kappa), _unlike(comparison.annotator, panel))
    return next((Flag(kind, kappa.value, words) for kind, words in enumerate(findings) if words), None)


def _always(comparison: Comparison, told: Sequence[str]) -> str:
    """Find that it says one thing nearly always, while the others do not, and is right with it no more often than it is common."""
    option, share = comparison.favourite
    common = sum(held == option for held in comparison.held.values()) / len(comparison.held)
    right = [held == option for own, held in comparison.shared if own == option]
    if share < NEARLY_ALL or wilson(common, len(comparison.held))[1] >= wilson(share, len(comparison.shared))[0]:
        return ""
    if wilson(sum(right) / len(right), len(right))[0] > common:
        return ""
    return f"always says {told[option]}: {share:.0%} of its {len(comparison.shared)} labels, and {common:.0%} of the others'"


def _exchanges(comparison: Comparison, told: Sequence[str]) -> str:
    """Find that its labels would be right under other names: a relabelling learnt on one half holds on the other."""
    shared = comparison.shared
    halves = shared[::2], shared[1::2]
    renamings = _renamed(halves[1]), _renamed(halves[0])
    renamed = [(renaming.get(own, own), held) for renaming, half in zip(renamings, halves, strict=True) for own, held in half]
    share = sum(own == held for own, held in renamed) / len(renamed)
    kappa = corrected(share, _by_chance(renamed), len(renamed))
    if kappa is None or kappa.low <= SLIGHT or wilson(share, len(renamed))[0] <= max(0.5, wilson(comparison.accuracy, len(shared))[1]):
        return ""
    seen = Counter(shared)
    moved = [(own, held) for own, held in _renamed(shared).items() if own != held]
    first = sorted(moved, key=lambda pair: (-seen[pair], pair))[:3]
    pairs = ", ".join(f"{told[own]} for {told[held]}" for own, held in first)
    return f"systematically wrong: it gives {pairs}; with its labels renamed {share:.0%} agree, as they are {comparison.accuracy:.0%}"


def _by_chance(pairs: Sequence[tuple[int, int]]) -> float:
    first, second = Counter(own for own, _ in pairs), Counter(held for _, held in pairs)
    return sum(count * second[option] for option, count in first.items()) / len(pairs) ** 2


def _renamed(shared: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Pair each option that is said with one that others say, so that most agrees."""
    used = sorted({option for pair in shared for option in pair})
    places = {option: place for place, option in enumerate(used)}
    counts = np.zeros((len(used), len(used)))
    for own, held in shared:
        counts[places[own], places[held]] += 1
    # An option keeps its name unless there is something to gain.
    rows, columns = linear_sum_assignment(-(counts + 0.5 * np.eye(len(used))))
    return {used[row]: used[column] for row, column in zip(rows, columns, strict=True)}


def _chance(kappa: Kappa) -> str:
    """Find that chance explains its agreement, or nearly all of it, and that this is no matter of too few labels."""
    if kappa.high >= (FAIR if kappa.low <= 0 else SLIGHT):
        return ""
    told = f"kappa {kappa.value:.2f}, {kappa.low:.2f} to {kappa.high:.2f}, on {kappa.n} labels"
    if kappa.high < 0:
        return f"worse than chance: it avoids what the others say ({told})"
    return f"{'no' if kappa.low <= 0 else 'hardly'} better than chance ({told})"


def _unlike(annotator: str, panel: Panel) -> str:
    """Find that it agrees with each of the others far less than they do with one another.

    Kappa tells nothing of an annotator that hardly ever says a second thing, as a rule: those are left out.
    """
    varied = {name for name, row in panel.said.items() if max(Counter(row.values()).values()) < NEARLY_ALL * len(row)}
    kappas = {pair: kappa for pair, kappa in pairwise_kappas(panel).items() if kappa.n >= LEAST and varied.issuperset(pair)}
    own = [kappa for pair, kappa in kappas.items() if annotator in pair]
    among = [kappa.value for pair, kappa in kappas.items() if annotator not in pair]
    if len(own) < 2 or not among:
        return ""
    middle = median(among)
    spread = median(abs(value - middle) for value in among)
    if max(kappa.high for kappa in own) >= min(HALF * middle, middle - SPREADS * spread):
        return ""
    values = [kappa.value for kappa in own]
    return f"unlike all others: kappa {min(values):.2f} to {max(values):.2f} with them, and {middle:.2f} among themselves"
