"""Frozen records that the layers hand to one another: data and derived properties, no client and no I/O.

A *document* is one row of a corpus; documents with the same `text_hash` are exact duplicates and share every derived
row (summary, label, prediction). An *annotator* is whoever gives a label: a model with a prompt, a rule, a person.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

__all__ = [
    "Annotator",
    "AnnotatorKind",
    "Call",
    "Category",
    "Change",
    "ChangeKind",
    "Document",
    "Evaluation",
    "ExamResult",
    "Failure",
    "Label",
    "Outcome",
    "PlannedStage",
    "Prediction",
    "Reject",
    "StageServing",
    "Student",
    "Summary",
    "Taxonomy",
    "Vector",
]

T = TypeVar("T")
Vector = Sequence[float]
AnnotatorKind = Literal["llm", "teacher", "human"]
ChangeKind = Literal["add", "rename", "merge", "split", "drop", "move"]


@dataclass(frozen=True)
class Document:
    """One version of a text of the corpus."""

    doc_id: str
    text_hash: str
    text: str
    source: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    gold: str | None = None  # read by evaluation alone

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
    """One category of a taxonomy; `category_id` stays the same through renames and updates."""

    category_id: str
    name: str
    description: str
    parent_id: str | None = None
    members: Sequence[str] = ()  # text hashes that the category cites, surest first


@dataclass(frozen=True)
class Taxonomy:
    """An immutable version of the categories, with what it was made from."""

    taxonomy_id: str
    stage: Literal["generate", "update", "review", "baseline"]
    step: int
    parent_id: str | None
    use_case: str
    method: str
    categories: Sequence[Category]
    rating: float | None = None  # share of the minibatch that the parent version already covered, 0 to 1

    def names(self) -> list[str]:
        """List the category names in order."""
        return [category.name for category in self.categories]

    def by_name(self, name: str) -> Category:
        """Find the category with exactly this name; KeyError where there is none."""
        return {category.name: category for category in self.categories}[name]


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
    """One text's label by one annotator; `category_id` is None where no category fits."""

    text_hash: str
    taxonomy_id: str
    annotator_id: str
    category_id: str | None
    probability: float | None  # measured, 0 to 1; None where nothing measured it
    scores: Mapping[str, float] | None = None  # log-probability of each option, by category id
    truncated: bool = False


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
    """One text's category by one student, with the calibrated probability."""

    text_hash: str
    classifier_id: str
    category_id: str
    probability: float


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


@dataclass(frozen=True)
class Call:
    """One attempt at one question to a model: a row of the ledger."""

    call_key: str
    run_id: str
    purpose: str
    model: str
    prompt: str
    attempt: int
    tokens_in: int
    tokens_cached: int
    tokens_out: int
    milliseconds: float
    finish_reason: str | None
    outcome: str  # "ok", or the name of what went wrong
    error: str | None
    answer: str | None  # JSON of the answer, with option scores; None where the call failed
    raw: str | None  # the server's text, kept where the answer could not be used, or always by engine.keep_answers
    server: str | None = None  # software and version
    answer_form: str | None = None  # kind@hash of the options or the schema
    parameters: Mapping[str, Any] | None = None
    seed: int | None = None
    cost: float | None = None  # by engine.prices


@dataclass(frozen=True)
class PlannedStage:
    """What a plan predicts of one stage."""

    plan_id: str
    stage: str
    rows: int
    calls: int
    tokens_in: int
    tokens_out: int
    seconds: float
    cost: float | None = None
    note: str = ""


@dataclass(frozen=True)
class ExamResult:
    """How a model did in one skill."""

    exam_id: str
    model: str
    skill: str
    passed: int
    asked: int
    needed: float  # share from which the skill counts as passed, 0 to 1
    tokens_per_second: float | None


@dataclass(frozen=True)
class StageServing:
    """What one stage asked of one model, and how busy it kept the server."""

    run_id: str
    stage: str
    model: str
    server: str | None
    questions: int
    from_ledger: int
    calls: int
    failed_calls: int
    tokens_in: int
    tokens_cached: int
    tokens_out: int
    cost: float | None
    seconds: float  # from the first question to the last answer
    busy_seconds: float  # of them with at least one call in flight
    in_flight: float  # mean over the busy time
    most_in_flight: int
    queued: float | None  # in the server's own queue, mean over its reports
    most_queued: float | None
