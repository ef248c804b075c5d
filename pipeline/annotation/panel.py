"""The votes of several annotators side by side, and how far they agree beyond chance."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from sklearn.metrics import cohen_kappa_score

from pipeline.choosing import NONE_FITS
from pipeline.intervals import wilson
from pipeline.records import Label

__all__ = ["Kappa", "Panel", "corrected", "pairwise_kappas", "panel_of"]


@dataclass(frozen=True)
class Kappa:
    """An agreement from which chance was taken: 1 is perfect, 0 what chance gives, below 0 less than that; a 95 % interval."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Panel:
    """What each annotator says of each text, as the place of an option; where it abstains there is nothing.

    The options are the categories in order and, last, that none fits.
    """

    options: tuple[str, ...]
    said: Mapping[str, Mapping[str, int]]  # by annotator and text hash, both in order

    @property
    def texts(self) -> tuple[str, ...]:
        """List the texts that somebody voted on, in order."""
        return tuple(sorted({text for row in self.said.values() for text in row}))

    def votes(self) -> dict[str, dict[str, int]]:
        """Give the votes on each text, by annotator; everything in order."""
        found: dict[str, dict[str, int]] = {text: {} for text in self.texts}
        for annotator, row in self.said.items():
            for text, option in row.items():
                found[text][annotator] = option
        return found

    def without(self, annotators: Collection[str]) -> "Panel":
        """Leave annotators out."""
        return replace(self, said={annotator: row for annotator, row in self.said.items() if annotator not in annotators})


def panel_of(votes: Sequence[Label], categories: Sequence[str]) -> Panel:
    """Lay votes out; a label without a category is a vote only where its reason is that none fits.

    :param categories: ids of all categories that may be given, in the taxonomy's order.
    :raises ValueError: for a category that is none of them, or two votes of one annotator on one text.
    """
    options = (*categories, NONE_FITS.category_id)
    places = {option: place for place, option in enumerate(options)}
    said: dict[str, dict[str, int]] = {}
    for vote in sorted(votes, key=lambda vote: (vote.annotator_id, vote.text_hash)):
        option = vote.category_id or (NONE_FITS.category_id if vote.reason == "none_fits" else None)
        if option is None:
            continue
        if option not in places:
            raise ValueError(f"{vote.annotator_id} gives {vote.text_hash} the category {option}, which is none of the {len(categories)} given")
        row = said.setdefault(vote.annotator_id, {})
        if vote.text_hash in row:
            raise ValueError(f"{vote.annotator_id} votes twice on {vote.text_hash}; give one label of each annotator a text")
        row[vote.text_hash] = places[option]
    return Panel(options, said)


def corrected(share: float, chance: float, n: int) -> Kappa | None:
    """Take chance from a share of n cases, and from its interval; None where chance explains everything."""
    if n == 0 or chance >= 1:
        return None
    low, high = wilson(share, n)
    return Kappa((share - chance) / (1 - chance), (low - chance) / (1 - chance), (high - chance) / (1 - chance), n)


def pairwise_kappas(panel: Panel) -> dict[tuple[str, str], Kappa]:
    """Measure Cohen's kappa of each two annotators on the texts that both labelled.

    A pair is missing where it shares no text, or says one and the same thing throughout, so that nothing can be told from chance.
    """
    found: dict[tuple[str, str], Kappa] = {}
    for first, second in combinations(panel.said, 2):
        shared = [text for text in panel.said[first] if text in panel.said[second]]
        one, other = [panel.said[first][text] for text in shared], [panel.said[second][text] for text in shared]
        used = sorted({*one, *other})
        if len(used) < 2:
            continue
        n, often, also = len(shared), Counter(one), Counter(other)
        same = sum(left == right for left, right in zip(one, other, strict=True)) / n
        ends = corrected(same, sum(often[option] * also[option] for option in used) / n**2, n)
        if ends is not None:
            found[first, second] = replace(ends, value=float(cohen_kappa_score(one, other, labels=used)))
    return found
