"""What a report tells of, as it was read from the tables: nothing here is worked out from anything else than rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.records import Evaluation
from pipeline.trust_records import CurvePoint, Drift

__all__ = ["Asked", "Branch", "Confusion", "Contents", "Example", "FacetPart", "Mistake", "Nutrition", "Provenance", "Spent", "TieBreaker", "Timed"]

Counts = Mapping[str, int]


@dataclass(frozen=True)
class Example:
    """A labelled document as it is shown; the text may be cut."""

    text: str
    probability: float | None
    labelled_by: str


@dataclass(frozen=True)
class Branch:
    """A category in tree order, with the active documents that bear it, those below it not counted."""

    category_id: str
    name: str
    description: str
    depth: int
    documents: int
    probability: float | None = None  # mean, of its labels
    examples: Sequence[Example] = ()
    is_leaf: bool = True


@dataclass(frozen=True)
class FacetPart:
    """Another taxonomy on the same corpus, of which nothing is measured."""

    name: str
    use_case: str
    branches: Sequence[Branch]


@dataclass(frozen=True)
class Confusion:
    """How many documents that `judge` calls one thing bear a label."""

    truth: str
    label: str
    n: int


@dataclass(frozen=True)
class Mistake:
    """A label that is suspected or known to be wrong, the worst first by rank."""

    subject: str
    kind: str
    text: str
    label: str | None
    gold: str | None
    probability: float | None
    suspicion: float | None
    evidence: str = ""


@dataclass(frozen=True)
class TieBreaker:
    """A sentence that would tell two categories apart which are taken for one another."""

    category: str
    other: str
    confusions: int
    n: int
    sentence: str


@dataclass(frozen=True)
class Spent:
    """What one model was asked for one purpose, over all runs."""

    purpose: str
    model: str
    calls: int
    failed: int
    tokens_in: int
    tokens_cached: int
    tokens_out: int
    seconds: float
    money: float | None


@dataclass(frozen=True)
class Timed:
    """What a stage made in the latest run in which it made anything."""

    stage: str
    made: int
    seconds: float


@dataclass(frozen=True)
class Nutrition:
    """What the data set is made of."""

    sources: Sequence[str]
    documents: int
    texts: int
    inactive: int
    rejected: Counts  # by reason
    languages: Counts  # documents by language; "" where nobody is sure
    near_copies: int | None  # None where nobody looked for them
    words: Mapping[str, float]  # least, quarter, median, mean, three quarters, most
    lengths: Sequence[tuple[int, int, int]]  # from, to (words, below), documents
    first: str | None
    last: str | None
    gold: Counts  # documents by known label
    licence: str | None
    limits: str | None


@dataclass(frozen=True)
class Asked:
    """A prompt that was used, with its fingerprint."""

    purpose: str
    prompt: str


@dataclass(frozen=True)
class Provenance:
    """What made the labels, as ids, versions and times."""

    ids: Mapping[str, str]
    models: Sequence[Mapping[str, str]]
    prompts: Sequence[Asked]
    settings: str  # hash
    versions: Mapping[str, str]
    times: Mapping[str, str]
    runs: int


@dataclass(frozen=True)
class Contents:
    """All that a report tells of.

    `truth` says what the rows of `confusions` go by: gold labels, or the teacher where there is no gold.
    """

    project: str
    use_case: str
    figures: Sequence[Evaluation]
    curves: Sequence[CurvePoint]
    branches: Sequence[Branch]
    labelled_by: Counts  # active documents; "" where there is no label
    unlabelled: Counts  # active documents without a label by reason
    nutrition: Nutrition
    provenance: Provenance
    facets: Sequence[FacetPart] = ()
    confusions: Sequence[Confusion] = ()
    truth: str = ""
    same_names: bool = False  # whether truth and labels are of one list, so that one off the diagonal is wrong
    mistakes: Sequence[Mistake] = ()
    mistake_kinds: Counts = field(default_factory=dict)
    tie_breakers: Sequence[TieBreaker] = ()
    drift: Sequence[Drift] = ()
    spent: Sequence[Spent] = ()
    timed: Sequence[Timed] = ()
    forecast: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # by who labels: seconds, and money where it has a price
    tables: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)  # rows of further tables, by name
    status: str = ""  # of the last run
    unmeasured: bool = False  # whether the labels have changed since they were measured
