"""Holds the answers of filled sheets against what was asked: which can be kept, and what is wrong with each of the others.

Nothing is guessed. A name that no category has is refused with the nearest names there are; a document is known by its id, or where
a spreadsheet has changed that, by its text if only one has it. A text that belongs to another document shows that columns were
sorted apart from one another, and that the answer may be that of another document.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from pipeline.choosing import NONE_FITS
from pipeline.ids import text_hash
from pipeline.records import Category
from pipeline.review_records import Rating, ReviewItem

__all__ = ["Asked", "Checked", "Fault", "Given", "check_answers"]

NEAREST = 3  # names that are shown
ENOUGH = 0.6  # of the letters and digits of a text
NOT_PLAIN = re.compile(r"[^a-z0-9]+")  # what encodings and spreadsheets change


@dataclass(frozen=True)
class Given:
    """One answer of a file: spellings of one cell are as it stands, and without the ' that keeps it from being a formula."""

    source: str
    sha256: str
    position: int
    rater: str
    documents: Sequence[str]
    texts: Sequence[str]  # none where the file has no texts
    labels: Sequence[Sequence[str]]
    comment: str
    raw: str = ""


@dataclass(frozen=True)
class Asked:
    """What one sheet asked: its texts by hash, those that are still in the corpus, the categories by which it is answered.

    `lost` says of categories that the present taxonomy does not have what became of them.
    """

    sheet_id: str
    items: Mapping[str, ReviewItem]
    texts: Mapping[str, str]
    categories: Sequence[Category]
    lost: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """Why an answer cannot be kept."""

    source: str
    position: int
    reason: str
    message: str
    raw: str


@dataclass(frozen=True)
class Checked:
    """What became of the answers: those to keep, texts left empty by rater, and faults."""

    ratings: Sequence[Rating]
    empty: Sequence[tuple[str, str]]  # rater and text hash
    faults: Sequence[Fault]
    by_text: int  # answers whose document was known by its text alone
    said_twice: int  # answers that repeat another one of the same rater


def check_answers(given: Sequence[Given], asked: Asked) -> Checked:
    """Check the answers to one sheet."""
    checks = _Checks(asked)
    found: dict[tuple[str, str], list[tuple[Given, Rating]]] = defaultdict(list)
    empty: list[tuple[str, str]] = []
    faults: list[Fault] = []
    for one in given:
        try:
            text = checks.text_of(one)
            if not one.labels:
                empty.append((one.rater, text))
                continue
            category, *also = (checks.category_of(label) for label in one.labels)
            rest = tuple(dict.fromkeys(other for other in also if other and other != category))
            rating = Rating(asked.sheet_id, text, one.rater, category, rest, one.comment, one.position, one.source, one.sha256)
            found[one.rater, text].append((one, rating))
        except _AnswerError as error:
            faults.append(Fault(one.source, one.position, error.reason, str(error), one.raw))
    ratings, repeated = list[Rating](), 0
    for answers in found.values():
        if len({(rating.category_id, frozenset(rating.also)) for _, rating in answers}) == 1:
            ratings.append(answers[0][1])
            repeated += len(answers) - 1
        else:
            faults += _two_answers([one for one, _ in answers])
    answered = {(rating.rater, rating.text_hash) for rating in ratings} | found.keys()
    faults.sort(key=lambda fault: (fault.source, fault.position))
    return Checked(ratings, [one for one in dict.fromkeys(empty) if one not in answered], faults, checks.by_text, repeated)


class _AnswerError(Exception):
    """Say what is wrong with an answer."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class _Checks:
    """Looks documents and categories up."""

    def __init__(self, asked: Asked) -> None:
        self.by_text = 0
        self._asked = asked
        self._documents = {item.doc_id: text for text, item in asked.items.items()}
        self._plain: dict[str, list[str]] = defaultdict(list)
        for key, text in asked.texts.items():
            self._plain[_plain(text)].append(key)
        self._names = {NONE_FITS.name: None, **{one.name: one.category_id for one in asked.categories}}
        self._ids = {one.category_id for one in asked.categories}
        self._folded: dict[str, list[str]] = defaultdict(list)
        for name in self._names:
            self._folded[_folded(name)].append(name)

    def text_of(self, one: Given) -> str:
        """Find the text that an answer is about."""
        found = next((self._documents[key] for key in one.documents if key in self._documents), None)
        alike = self._alike(one)
        if found is None and len(alike) == 1:
            self.by_text += 1
            found = alike[0]
        if found is None:
            raise _AnswerError("unknown_document", f"the sheet has no document {one.documents[0]!r}" if one.documents else "no document is named")
        if found not in self._asked.texts:
            raise _AnswerError("text_changed", f"the text of document {one.documents[0]!r} has changed in the corpus since; export a new sheet")
        if one.texts and found not in alike:
            others = [self._asked.items[text].doc_id for text in alike]
            wrong = f"belongs to document {others[0]!r}, as if columns had been sorted apart" if others else "is not the one that was asked about"
            raise _AnswerError("other_text", f"the text beside document {one.documents[0]!r} {wrong}; undo it and import again")
        return found

    def category_of(self, spellings: Sequence[str]) -> str | None:
        """Find the category of a label; None for none of them."""
        for label in spellings:
            if label in self._names:
                return self._kept(self._names[label])
            if label in self._ids:
                return self._kept(label)
        if NONE_FITS.category_id in spellings:
            return None
        folded = next((names for label in spellings if (names := self._folded.get(_folded(label)))), [])
        if len(folded) == 1:
            return self._kept(self._names[folded[0]])
        if folded:
            raise _AnswerError("ambiguous_label", f"{spellings[0]!r} may be {' or '.join(map(repr, folded))}; write it as one of these")
        raise _AnswerError("unknown_label", f"there is no category {spellings[0]!r}; the nearest names are {self._nearest(spellings[0])}")

    def _kept(self, category_id: str | None) -> str | None:
        if category_id in self._asked.lost:
            raise _AnswerError("lost_category", f"{self._asked.lost[category_id or '']} since the sheet was written; answer a new sheet")
        return category_id

    def _nearest(self, label: str) -> str:
        near = get_close_matches(_folded(label), self._folded, n=NEAREST, cutoff=0.0)
        return ", ".join(repr(self._folded[one][0]) for one in near)

    def _alike(self, one: Given) -> list[str]:
        """List the texts on the sheet that the text of an answer may be: the very one, or those that are the same but for what encodings lose."""
        exact = next((key for text in one.texts if (key := text_hash(text)) in self._asked.texts), None)
        if exact is not None:
            return [exact]
        return next((self._plain[key] for text in one.texts if (key := _plain(text)) and key in self._plain), [])


def _two_answers(answers: Sequence[Given]) -> list[Fault]:
    """Refuse all answers that one rater gave to one document, since nobody knows which is meant."""
    places = [f"{one.source} {one.position}" if len({other.source for other in answers}) > 1 else str(one.position) for one in answers]
    message = "{} answers one document differently in rows {}; keep one of them"
    return [Fault(one.source, one.position, "two_answers", message.format(one.rater, ", ".join(places)), one.raw) for one in answers]


def _plain(text: str) -> str:
    """Leave what every encoding has; empty where that is too little of a text to know it by."""
    letters = NOT_PLAIN.sub("", text.casefold())
    return letters if len(letters) >= ENOUGH * sum(map(str.isalnum, text)) else ""


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()
