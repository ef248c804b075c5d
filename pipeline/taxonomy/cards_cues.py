"""Cues: the words and two-word phrases that a category's members have and its siblings have not.

They are found by the log-odds ratio with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008, "Fightin'
Words"): the counts of the whole sample are the prior, so that a word that is rare everywhere proves little, and a word
that is common everywhere proves nothing. A document counts a word once, whether its text or its phrase has it.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

from pipeline.taxonomy.sample import Group, Sample
from pipeline.text import STOP_WORDS, content_words

__all__ = ["ASKING", "Terms", "words_of"]

Counts = npt.NDArray[np.float64]

MOST_CUES = 6
PRIOR = 0.1  # weight of the prior, as a share of all that was counted
SURE = 1.645  # standard deviations above nothing: one in twenty by chance
SURE_ASKING = 2.576  # for words such as "who" alone, which all kinds of texts have: one in two hundred
FEWEST_WITH_IT = 3  # members whose text has a cue, where a category has enough of them
TIMES_AS_OFTEN = 2.0  # among members as among siblings' members
SAME_DOCUMENTS = 0.7  # share of a word's documents from which the longer cue takes its place
WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
ASKING = frozenset("how what when where which who whom whose why".split())  # they say what kind of answer is wanted
AUXILIARIES = frozenset("ain aren couldn didn does doesn don hadn hasn haven isn let shouldn wasn weren won wouldn".split())  # as in "don't"
PARTICLES = frozenset("down off out up".split())  # half of a verb
LITTLE_WORDS = frozenset("also did does just like okay please really".split())
FUNCTION_WORDS = (ENGLISH_STOP_WORDS | STOP_WORDS | LITTLE_WORDS) - ASKING - {"many", "much"}


def words_of(text: str) -> list[str]:
    """List the words of a text in lower case."""
    return WORD.findall(text.lower())


class Terms:
    """The words and two-word phrases of a sample's texts and phrases, counted once a document."""

    def __init__(self, sample: Sample) -> None:
        """Count; a sample without a word has no terms."""
        self.names: tuple[str, ...] = ()
        if any(map(_terms, [*sample.texts, *sample.phrases])):
            vectorizer = CountVectorizer(analyzer=_terms, binary=True, dtype=np.int32).fit([*sample.texts, *sample.phrases])
            self.names = tuple(vectorizer.get_feature_names_out())
            self._said = vectorizer.transform(sample.texts)
            self._has = self._said.maximum(vectorizer.transform(sample.phrases))
            self._prior = PRIOR * self._count(self._has, range(len(sample)))
        self._floors = np.array([SURE_ASKING if _only_asks(name) else SURE for name in self.names])
        self._places = {name: place for place, name in enumerate(self.names)}

    def cues(self, group: Group, others: Group, *, most: int = MOST_CUES) -> list[str]:
        """Give the terms that tell a group from others, the surest first; each is in the texts of several members.

        Of two terms that share a telling word one is given: the longer, where it stands for nearly the same documents.
        """
        if not len(group) or not len(others) or not self.names:
            return []
        inside, outside = self._count(self._has, group.indices), self._count(self._has, others.indices)
        sureness = self._sureness(inside, outside)
        enough = self._count(self._said, group.indices) >= min(FEWEST_WITH_IT, max(1, len(group) // 4))
        often = inside / len(group) >= TIMES_AS_OFTEN * outside / len(others)
        telling = np.flatnonzero(enough & often & (sureness >= self._floors))
        order = telling[np.argsort(-sureness[telling], kind="stable")]
        return [self.names[place] for place in self._distinct(order.tolist(), inside)[:most]]

    def shared(self, cues: Sequence[str], group: Group) -> list[str]:
        """Keep the cues that the texts of a group have as well, in their order."""
        known = [cue for cue in cues if cue in self._places]
        if not known or not len(group):
            return []
        said = self._count(self._said, group.indices)
        return [cue for cue in known if said[self._places[cue]]]

    def _count(self, table: Any, indices: Sequence[int]) -> Counts:
        return np.asarray(table[list(indices)].sum(axis=0)).ravel()

    def _sureness(self, inside: Counts, outside: Counts) -> Counts:
        """Divide the difference of the smoothed log-odds by its standard deviation, term by term."""
        first, second = inside + self._prior, outside + self._prior
        unseen = PRIOR  # the weight of all other words: the logarithm of the rest must not be that of nothing
        odds = [np.log(count) - np.log(unseen + count.sum() - count) for count in (first, second)]
        return np.asarray((odds[0] - odds[1]) / np.sqrt(1 / first + 1 / second))

    def _distinct(self, order: Sequence[int], inside: Counts) -> list[int]:
        kept: list[int] = []
        for place in order:
            rivals = [other for other in kept if _overlap(self.names[place], self.names[other])]
            if not rivals:
                kept.append(place)
            elif all(self._stands_for(place, other, inside) for other in rivals):
                kept = [place if other == rivals[0] else other for other in kept if other not in rivals[1:]]
        return kept

    def _stands_for(self, longer: int, shorter: int, inside: Counts) -> bool:
        """Say whether a term has another one in it, adds a telling word and stands for nearly the same documents."""
        words, fewer = set(self.names[longer].split()), set(self.names[shorter].split())
        return bool(fewer < words and not words - fewer <= FUNCTION_WORDS and inside[longer] >= SAME_DOCUMENTS * inside[shorter])


def _terms(text: str) -> list[str]:
    """List the words of a text that tell something, and the pairs of neighbours that can stand alone."""
    words = words_of(text)
    pairs = pairwise(words)
    return [*(word for word in words if not _is_filler(word)), *(f"{one} {two}" for one, two in pairs if _stand_together(one, two))]


def _stand_together(one: str, two: str) -> bool:
    if one in ASKING:
        return len(two) > 1
    return one != two and not _is_filler(one) and (two in PARTICLES or not _is_filler(two))


def _only_asks(term: str) -> bool:
    """Say whether a term is "who" or the like, alone or with a word that tells nothing."""
    words = set(term.split())
    return not words.isdisjoint(ASKING) and words <= ASKING | FUNCTION_WORDS


def _is_filler(word: str) -> bool:
    stem = re.split("['\u2019]", word)[0]  # of "it's" and "don't"
    return word in FUNCTION_WORDS or stem in FUNCTION_WORDS or stem in AUXILIARIES or (len(word) == 1 and word.isascii())


def _overlap(one: str, other: str) -> bool:
    stems = [content_words(term) - FUNCTION_WORDS or set(term.split()) & ASKING or {term} for term in (one, other)]
    return not stems[0].isdisjoint(stems[1])
