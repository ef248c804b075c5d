"""What a project file says of its labels: `annotation`, with its rules and its promise."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from pipeline.engine_settings import Settings, Text
from pipeline.text import Keep

__all__ = ["AnnotationSettings", "PromiseSettings", "RuleSettings"]

RuleName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class RuleSettings(Settings):
    """A labelling function: an annotator that is a rule."""

    name: RuleName = Field(description="Name of the rule, lower case, digits and _.")
    category: Text | None = Field(None, description="Category that the rule gives where its SQL holds.")
    sql: Text | None = Field(None, description="Condition on a row of documents, as: text ilike '%refund%'.")
    python: Text | None = Field(None, description="file.py:function beside this file: of text and metadata, gives a category's name or None.")

    @model_validator(mode="after")
    def _one_kind(self) -> "RuleSettings":
        if (self.sql is None) == (self.python is None):
            raise ValueError(f"rule {self.name}: give one of sql and python")
        if (self.sql is None) != (self.category is None):
            raise ValueError(f"rule {self.name}: category belongs to sql, which has to name the category that it gives")
        return self


class PromiseSettings(Settings):
    """An accuracy that is promised, and what may be spent on checking it."""

    accuracy: float = Field(0.9, gt=0, lt=1, description="Least accuracy of the labels that are taken without a further look.")
    delta: float = Field(0.05, gt=0, lt=1, description="Chance at most that the promise is broken.")
    checks: int = Field(200, ge=20, description="Labels that are checked to learn the threshold, a call each.")
    asked: int = Field(200, ge=0, description="Documents below the threshold that the annotator labels, the least sure first.")


class AnnotationSettings(Settings):
    """How documents are labelled."""

    mode: Literal["primary", "all"] = Field("primary", description="primary: one category a document; all: beside it all others that apply.")
    sample: int = Field(400, ge=10, description="Documents that the model labels.")
    selection: Literal["random", "active"] = Field(
        "random", description="random: in the seeded order; active: spread, balanced and unsure ones first, in rounds."
    )
    held_out: float = Field(0.4, gt=0, lt=1, description="Share of them kept from the students, to measure them on.")
    max_words: int = Field(300, ge=10, description="Words of a document shown to the model; longer ones are cut and flagged.")
    long_documents: Keep = Field(
        "head",
        description="What is shown of a longer one: head, tail, or both_ends (two thirds and one third); windows labels overlapping parts of it,"
        " a question each, and averages.",
    )
    windows: int = Field(4, ge=2, le=64, description="Most windows of a document, spread evenly where it has more.")
    levels: Literal["flat", "top_down"] = Field("flat", description="Of a taxonomy with levels: all leaves at once, or level by level.")
    shortlist: Literal["auto", "off"] | Annotated[int, Field(ge=2)] = Field(
        "auto", description="Categories shown for a document: auto shortens a list that is longer than shortlist_tokens; off shows all."
    )
    shortlist_tokens: int = Field(1500, ge=100, description="Tokens of categories beyond which auto shows a shortlist.")
    recall: float = Field(0.97, gt=0, lt=1, description="Share of documents whose category the shortlist must hold.")
    demonstrations: Literal["auto", "off"] | Annotated[int, Field(ge=1, le=16)] = Field(
        "off", description="Labelled documents shown beside a document; auto measures whether they help."
    )
    evidence: bool = Field(False, description="Ask for the words of the document that support its label, and check them.")
    rationale: bool = Field(False, description="Ask why, too; costs several times as many tokens.")
    votes: int = Field(0, ge=0, le=9, description="Further votes on each document that the model is unsure of.")
    reordered: float = Field(0.1, ge=0, le=1, description="Share of them asked with the categories in reverse as well, to see what order does.")
    unsure: float = Field(0.6, gt=0, lt=1, description="Probability below which a label counts as unsure.")
    abstain: float | None = Field(None, gt=0, lt=1, description="Probability below which no category is given.")
    known: int = Field(200, ge=0, description="Gold or human labels that probabilities are calibrated on; evaluation leaves them out. 0 for none.")
    promise: PromiseSettings | None = Field(None, description="Promise an accuracy: surer labels are taken, others go up the cascade.")
    rules: tuple[RuleSettings, ...] = Field((), description="Labelling functions, as [{name: refunds, category: Refund, sql: ...}].")

    @property
    def shown(self) -> list[Any]:
        """List what determines which part of a document is shown: part of the key of every row made from documents."""
        if self.long_documents == "windows":
            return [self.max_words, self.long_documents, self.windows]
        return [self.max_words] if self.long_documents == "head" else [self.max_words, self.long_documents]

    @model_validator(mode="after")
    def _rules_differ(self) -> "AnnotationSettings":
        names = [rule.name for rule in self.rules]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"annotation.rules: two rules are named {', '.join(repeated)}")
        return self
