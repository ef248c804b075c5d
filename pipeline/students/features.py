"""Features: what is computed from a document's vector, words and metadata before a classifier sees it.

Each is a scikit-learn transformer over `Inputs`, so that a student is one Pipeline: a FeatureUnion, then a classifier.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from numbers import Real
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import MaxAbsScaler

from pipeline.embedding import Matrix
from pipeline.students.inputs import Inputs
from pipeline.students.products import products

__all__ = ["FEATURES", "READ_FEATURES", "TEXT_FEATURES", "CardLikeness", "MetadataColumns", "TextColumn", "Texts", "Vectors", "feature_step"]

FEATURES = ("embedding", "words", "characters", "cards", "metadata")
TEXT_FEATURES = ("words", "characters")
READ_FEATURES = ("text", *TEXT_FEATURES)  # what needs the texts; `text` is no feature of its own, but hands texts on to a classifier that reads
MOST_TERMS = 60_000  # of one vocabulary: memory stays flat however large the corpus
YEAR, WEEK, DAY = 366.0, 7.0, 24.0
# Thai to Khmer, kana, Han: no spaces between words, so that each letter counts as a word, and with the next as a pair.
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# Vowel signs and points of Hebrew, Arabic and the scripts of India, and accents by themselves: within words, but no letters to Python.
SIGNS = "\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0ddf\u200c\u200d"
WORD = rf"[{UNSPACED}]|[^\W{UNSPACED}]+(?:[{SIGNS}]+[^\W{UNSPACED}]*)*"
PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d+)?")  # not 007, which is a name
DATED = re.compile(r"\d{4}-\d\d-\d\d(?!\d)")


class Vectors(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The embedding, as it is."""

    def fit(self, inputs: Inputs, y: object = None) -> Self:
        """Learn nothing."""
        return self

    def transform(self, inputs: Inputs) -> Matrix:
        """Give the vectors (n, d)."""
        return inputs.vectors


class Texts(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The texts, for a vectorizer after it."""

    def fit(self, inputs: Inputs, y: object = None) -> Self:
        """Learn nothing."""
        return self

    def transform(self, inputs: Inputs) -> Sequence[str]:
        """Give the texts.

        :raises ValueError: where there are vectors alone.
        """
        if len(inputs.texts) != len(inputs):
            raise ValueError(f"This student reads words: it needs the texts of all {len(inputs)} documents, and has {len(inputs.texts)}.")
        return inputs.texts


class TextColumn(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The texts as a column, for a classifier that reads them."""

    def fit(self, inputs: Inputs, y: object = None) -> Self:
        """Learn nothing."""
        return self

    def transform(self, inputs: Inputs) -> npt.NDArray[np.object_]:
        """Give the texts (n, 1).

        :raises ValueError: where there are vectors alone.
        """
        found = np.empty((len(inputs), 1), dtype=object)
        found[:, 0] = Texts().transform(inputs)
        return found


class CardLikeness(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The cosine of a document and each category's card.

    :param cards: vectors of the cards, (k, d), unit length, as nested lists or an array.
    """

    def __init__(self, cards: npt.ArrayLike) -> None:
        """Keep the cards."""
        self.cards = cards

    def fit(self, inputs: Inputs, y: object = None) -> Self:
        """Learn nothing."""
        return self

    def transform(self, inputs: Inputs) -> npt.NDArray[np.float64]:
        """Give the cosines (n, k)."""
        return products(inputs.vectors, self.cards)


class MetadataColumns(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Columns beside the text as named values: numbers and flags as they are, times by season, weekday and hour, all else by value.

    A number that is written as text, as all values of a CSV file are, counts as both: it may be an amount or a name.
    """

    def fit(self, inputs: Inputs, y: object = None) -> Self:
        """Learn nothing.

        :raises ValueError: where no document has any.
        """
        if not any(self.transform(inputs)):
            raise ValueError(f"This student looks at metadata: none of the {len(inputs)} documents has any.")
        return self

    def transform(self, inputs: Inputs) -> list[dict[str, Any]]:
        """Give one mapping a document, as DictVectorizer reads it; an empty one where there is no metadata.

        :raises ValueError: where some documents come with metadata and others without.
        """
        if not inputs.metadata:
            return [{} for _ in range(len(inputs))]
        if len(inputs.metadata) != len(inputs):
            raise ValueError(f"This student looks at metadata: it needs that of all {len(inputs)} documents, and has {len(inputs.metadata)}.")
        return [dict(part for column, value in row.items() for part in _column_parts(column, value)) for row in inputs.metadata]


def _column_parts(column: str, value: Any) -> list[tuple[str, Any]]:
    if value is None or (isinstance(value, str) and not value.strip()):
        return []
    if isinstance(value, Real | Decimal | np.bool_):
        number = _number(value)
        return [] if number is None else [(column, number)]
    if (moment := _moment(value)) is not None:
        turns = {"year": moment.timetuple().tm_yday / YEAR, "week": moment.weekday() / WEEK, "day": moment.hour / DAY}
        return [(f"{column} {name} {axis}", float(turn(2 * np.pi * part))) for name, part in turns.items() for axis, turn in AXES]
    text = str(value)  # becomes a column of its own
    return [(column, float(text)), (f"{column} as text", text)] if PLAIN_NUMBER.fullmatch(text) else [(column, text)]


AXES = (("x", np.cos), ("y", np.sin))


def _number(value: Any) -> float | None:
    """Give a number that is one, None for what is not a number or too large to be one."""
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if np.isfinite(number) else None


def _moment(value: Any) -> datetime | None:
    if isinstance(value, date):
        return value if isinstance(value, datetime) else datetime.combine(value, time())
    if not isinstance(value, str) or not DATED.match(value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def feature_step(features: Sequence[str], *, cards: Matrix | None = None) -> FeatureUnion:
    """Join features side by side.

    :raises ValueError: where one is none of FEATURES, or cards are asked for and there are none.
    """
    if "cards" in features and cards is None:
        raise ValueError("The feature cards needs the vectors of the category cards.")
    return FeatureUnion([(name, _feature(name, cards)) for name in features])


def _feature(name: str, cards: Matrix | None) -> Any:
    if name == "embedding":
        return Vectors()
    if name == "text":
        return TextColumn()
    usual: dict[str, Any] = {"sublinear_tf": True, "max_features": MOST_TERMS, "dtype": np.float32}
    if name == "words":
        words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, token_pattern=WORD, **usual)
        return Pipeline([("texts", Texts()), ("tfidf", words)])
    if name == "characters":
        grams = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=3, **usual)
        return Pipeline([("texts", Texts()), ("tfidf", grams)])
    if name == "cards" and cards is not None:
        return CardLikeness(cards)
    if name == "metadata":
        return Pipeline([("columns", MetadataColumns()), ("values", DictVectorizer(dtype=np.float32)), ("scale", MaxAbsScaler())])
    raise ValueError(f"no feature is called {name!r}; the features are {', '.join(FEATURES)}")
