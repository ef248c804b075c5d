"""Frozen records that the layers hand to one another: data and derived properties, no client and no I/O.

A *document* is one row of a corpus; documents with the same `text_hash` are exact duplicates and share every derived
row (summary, label, prediction). An *annotator* is whoever gives a label: a model with a prompt, a rule, a person.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal, TypedDict, TypeVar

__all__ = [
    "AbstainReason",
    "Annotator",
    "AnnotatorKind",
    "Category",
    "CategoryStatus",
    "Change",
    "ChangeKind",
    "Document",
    "Evaluation",
    "Facet",
    "FacetExample",
    "FacetSource",
    "Failure",
    "Label",
    "Measure",
    "Outcome",
    "Prediction",
    "Reject",
    "Student",
    "Summary",
    "Taxonomy",
    "TaxonomyStage",
    "Vector",
]

T = TypeVar("T")
Vector = Sequence[float]
AnnotatorKind = Literal["llm", "teacher", "human", "rule", "vote", "shared", "repeat", "checker"]
AbstainReason = Literal["none_fits", "unsure"]
ChangeKind = Literal["add", "rename", "merge", "split", "drop", "move"]
FacetSource = Literal["user", "generator", "use_case"]
CategoryStatus = Literal["open", "seed", "locked", "frozen"]
TaxonomyStage = Literal["generate", "update", "review", "select", "deepen", "describe", "apply", "given", "propose", "baseline"]


@dataclass(frozen=True)
class Document:
    """One version of a text of the corpus; where it has a title, the text is the title, an empty line and the body."""

    doc_id: str
    text_hash: str
    text: str
    source: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    gold: str | None = None  # read by evaluation alone
    partition: str | None = None  # its day or batch, where the project has partitions
    title: str | None = None
    language: str | None = None  # as the corpus names it
    written_at: datetime | None = None  # in UTC, without zone

    @property
    def body(self) -> str:
        """Give the text without its title."""
        return self.text if self.title is None else self.text[len(self.title) + 2 :]

    @property
    def words(self) -> int:
        """Count the words of the text."""
        return len(self.text.split())


@dataclass(frozen=True)
class Reject:
    """One raw record that could not be used, with the stage and the reason."""

    stage: str
    reason: str
    message: str
    record: str
    source: str
    position: int  # line or row of the source, from 1


@dataclass(frozen=True)
class Failure:
    """One text that the model could not answer for."""

    text_hash: str
    reason: str
    message: str
    attempts: int


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What a step made of its rows: records, and a failure for each row it could not make one of."""

    records: Sequence[T] = ()
    failures: Sequence[Failure] = ()

    def counts(self) -> dict[str, int]:
        """Count records, and failures by reason."""
        return {"records": len(self.records), **Counter(f"failed_{failure.reason}" for failure in self.failures)}


class FacetExample(TypedDict):
    """A text, and the answer to a facet's question about it."""

    text: str
    answer: str


@dataclass(frozen=True)
class Facet:
    """A use case as the question that is asked of each text, with examples; `source` says who wrote it."""

    facet_id: str
    name: str
    use_case: str
    question: str
    examples: Sequence[FacetExample]
    source: FacetSource


@dataclass(frozen=True)
class Summary:
    """A text's summary and topic phrase for one use case."""

    text_hash: str
    summary_spec: str
    summary: str
    phrase: str
    truncated: bool


@dataclass(frozen=True)
class Category:
    """One category of a taxonomy; `category_id` stays the same through renames and updates.

    An `open` category may become anything. A `seed` was given by a person to start from and may change all the same. A
    `locked` one keeps its name, description and place, while documents come and go. A `frozen` one keeps its members too.
    """

    category_id: str
    name: str
    description: str
    parent_id: str | None = None
    members: Sequence[str] = ()  # text hashes that the category cites, surest first
    cues: Sequence[str] = ()  # what a text says that belongs here
    exclusions: Sequence[str] = ()  # what belongs elsewhere, and where
    examples: Sequence[str] = ()  # text hashes of clear members
    near_misses: Sequence[str] = ()  # text hashes of texts that look like members and belong elsewhere
    status: CategoryStatus = "open"

    @property
    def kept(self) -> bool:
        """Say whether only a person may rename, merge, move or drop it."""
        return self.status in {"locked", "frozen"}


@dataclass(frozen=True)
class Taxonomy:
    """An immutable version of the categories, with what it was made from."""

    taxonomy_id: str
    stage: TaxonomyStage
    step: int
    parent_id: str | None
    use_case: str
    method: str
    categories: Sequence[Category]
    rating: float | None = None  # share of the minibatch that the parent version already covered, 0 to 1
    facet: str = "main"
    candidate: int = 0  # which of the passes made side by side
    guide: str = ""  # how to label by it, in words
    note: str = ""  # why this version, in words

    @property
    def leaves(self) -> Sequence[Category]:
        """List the categories that labels are given in: those with none below them, in order."""
        above = {category.parent_id for category in self.categories}
        return tuple(category for category in self.categories if category.category_id not in above)

    def names(self) -> list[str]:
        """List the category names in order."""
        return [category.name for category in self.categories]

    def by_name(self, name: str) -> Category:
        """Find the category with exactly this name; KeyError where there is none."""
        return {category.name: category for category in self.categories}[name]


@dataclass(frozen=True)
class Measure:
    """One figure about a version of a taxonomy; `size` is the number of categories it was measured at, where it was measured at several."""

    taxonomy_id: str
    metric: str
    value: float
    n: int
    size: float = -1.0  # -1 where the figure is about the version as it is
    low: float | None = None
    high: float | None = None
    judge: str = ""


@dataclass(frozen=True)
class Change:
    """One edit between a version and its parent, with the reason."""

    taxonomy_id: str
    kind: ChangeKind
    category_id: str
    before: str | None
    after: str | None
    reason: str


@dataclass(frozen=True)
class Annotator:
    """Whoever gives labels."""

    annotator_id: str
    kind: AnnotatorKind
    model: str | None
    prompt: str | None
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Label:
    """One text's label by one annotator; `category_id` is None where none is given, and `reason` says why.

    `also` are the categories that apply beside the primary one. `calibration` names what made the probability of the
    annotator's scores; one that ends in "uncalibrated" was fitted on no known label. The evidence is a quote of the text.
    """

    text_hash: str
    taxonomy_id: str
    annotator_id: str
    category_id: str | None
    probability: float | None  # measured, 0 to 1; None where nothing measured it
    scores: Mapping[str, float] | None = None  # log-probability of each option, by category id
    truncated: bool = False
    also: Sequence[str] = ()
    reason: AbstainReason | None = None
    calibration: str | None = None
    evidence: str | None = None
    evidence_start: int | None = None  # characters of the text before the quote
    rationale: str | None = None
    windows: int | None = None  # of a long text, that were asked about and averaged
    window_start: int | None = None  # characters of the text before the window that speaks most for the label


@dataclass(frozen=True)
class Student:
    """A trained classifier: where it lies, what it learnt from and how it was chosen."""

    classifier_id: str
    taxonomy_id: str
    annotator_id: str
    embedder_id: str
    path: str
    sha256: str
    settings: Mapping[str, Any]
    metrics: Mapping[str, float]
    trained_on: int


@dataclass(frozen=True)
class Prediction:
    """One text's category by one student, with the calibrated probability; the members are a set with a promised coverage."""

    text_hash: str
    classifier_id: str
    category_id: str
    probability: float
    alternatives: Mapping[str, float] | None = None  # the next likeliest, by category id
    also: Sequence[str] = ()
    members: Sequence[str] = ()
    abstained: bool = False
    novelty: float | None = None  # 0 to 1


@dataclass(frozen=True)
class Evaluation:
    """One figure: its value, its 95 % interval, its n and who judged."""

    evaluation_id: str
    subject: str  # "teacher", "student", "baseline", "taxonomy"
    metric: str
    slice: str
    value: float
    low: float | None
    high: float | None
    n: int
    judge: str
