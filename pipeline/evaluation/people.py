"""What people agree on: the answer that most of them gave, or that of whoever settled their difference."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.review_records import Rating

__all__ = ["Verdict", "consensus", "differing"]


@dataclass(frozen=True)
class Verdict:
    """What people say of one text; `category_id` is None where they say that no category fits, and where nothing is decided."""

    category_id: str | None
    decided: bool
    votes: Mapping[str | None, int]
    also: Sequence[str] = ()
    adjudicated: bool = False

    @property
    def unanimous(self) -> bool:
        """Say whether all gave one answer."""
        return len(self.votes) == 1


def consensus(ratings: Sequence[Rating], ruled: Sequence[Rating] = ()) -> dict[str, Verdict]:
    """Give what people say of each text: the answer that more of them gave than any other; a tie is not decided.

    Categories apply beside it where more than half of the raters named them in any place.

    :param ratings: one of each rater for a text at the most.
    :param ruled: answers of those who settled what raters differ on; they count alone where they are decided.
    """
    verdicts = {text: _verdict(own) for text, own in _by_text(ratings).items()}
    for text, own in _by_text(ruled).items():
        found = _verdict(own, adjudicated=True)
        if found.decided or text not in verdicts:
            verdicts[text] = found
    return verdicts


def differing(verdicts: Mapping[str, Verdict]) -> list[str]:
    """List the texts on which raters differ and that nobody has settled, those without any majority first."""
    open_ones = [text for text, one in verdicts.items() if not one.unanimous and not one.adjudicated]
    return sorted(open_ones, key=lambda text: (verdicts[text].decided, text))


def _by_text(ratings: Sequence[Rating]) -> dict[str, list[Rating]]:
    found: dict[str, list[Rating]] = {}
    for rating in ratings:
        found.setdefault(rating.text_hash, []).append(rating)
    return found


def _verdict(ratings: Sequence[Rating], *, adjudicated: bool = False) -> Verdict:
    votes = Counter(rating.category_id for rating in ratings)
    (first, most), *others = votes.most_common(2)
    decided = not others or others[0][1] < most
    named = Counter(category for rating in ratings for category in {*rating.also, rating.category_id} - {None})
    also = tuple(sorted(category for category, count in named.items() if category and category != first and 2 * count > len(ratings)))
    return Verdict(first if decided else None, decided, dict(votes), also if decided else (), adjudicated)
