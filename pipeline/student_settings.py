"""The section `students` of a project file: the classifiers that are tried, of which the best one labels the corpus."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from pipeline.engine_settings import Settings

__all__ = ["FRACTIONS", "CertaintySettings", "StudentSettings", "usual_students"]

Kind = Literal["voices", "logistic_regression", "lightgbm", "mlp", "neighbours", "class_means"]
Feature = Literal["embedding", "words", "characters", "cards", "metadata"]
Value = Annotated[float | int, Field(gt=0)]
Penalty = Annotated[float, Field(gt=0, allow_inf_nan=False)]
PARAMETERS: Mapping[Kind, tuple[str, ...]] = {
    "voices": (),
    "logistic_regression": ("C",),
    "lightgbm": ("max_depth", "num_leaves", "n_estimators"),
    "mlp": ("hidden",),
    "neighbours": ("neighbours",),
    "class_means": ("sharpness",),
}
FRACTIONS = {"C", "sharpness"}  # parameters whose values need not be whole
LEAST_LEAVES = 2


class StudentSettings(Settings):
    """One candidate: what kind of classifier it is, what it looks at, and what it may learn from."""

    kind: Kind = Field(
        "voices",
        description="voices: a classifier for each feature and one that follows the unlabelled documents, added up with fitted weights. "
        "The others are one classifier each.",
    )
    features: tuple[Feature, ...] = Field(
        ("embedding", "words", "cards"),
        min_length=1,
        description="What it looks at: the embedding, words and word pairs, character groups, the likeness to the category cards, metadata.",
    )
    penalties: tuple[Penalty, ...] = Field((1.0, 3.0, 10.0), min_length=1, description="Values of C to choose from, for logistic regressions.")
    grid: Mapping[str, tuple[Value, ...]] = Field(
        {}, description="Values of other parameters to choose from, as {max_depth: [3, 5]}: lightgbm, mlp (hidden), neighbours, class_means."
    )
    folds: int = Field(5, ge=2, le=20, description="Folds of the cross-validation; those of the first student serve all.")
    widened: Literal["none", "spread", "self_training", "label_spreading"] = Field(
        "spread",
        description="How unlabelled documents teach it: by clusters seeded with the labels, by its own surest predictions as long as they help, "
        "by the graph of nearest neighbours, or not. Of voices it is one voice that does.",
    )
    unlabelled: int = Field(5_000, ge=0, description="Unlabelled documents that it learns from as well; 0 for none.")

    @model_validator(mode="before")
    @classmethod
    def _features_of_its_kind(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and "features" not in given and given.get("kind", "voices") != "voices":
            return {**given, "features": ("embedding",)}
        return given

    @model_validator(mode="after")
    def _grid_of_its_kind(self) -> "StudentSettings":
        allowed = PARAMETERS[self.kind]
        if unknown := [name for name in self.grid if name not in allowed]:
            there = f"it has {', '.join(allowed)}" if allowed else "it has none"
            raise ValueError(f"grid names {', '.join(unknown)}, which is no parameter of {self.kind}; {there}")
        if empty := [name for name, values in self.grid.items() if not values]:
            raise ValueError(f"grid gives no value for {', '.join(empty)}; give at least one, or leave it out")
        if wrong := [f"{value} for {name}" for name, values in self.grid.items() for value in values if not _fits(name, value)]:
            raise ValueError(
                f"grid gives {', '.join(wrong)}; give numbers that are whole, but for {' and '.join(sorted(FRACTIONS))}; num_leaves from 2"
            )
        if "C" in self.grid and "penalties" in self.model_fields_set:
            raise ValueError("penalties and grid both give values of C; leave one of them out")
        return self

    @model_validator(mode="after")
    def _each_feature_once(self) -> "StudentSettings":
        if twice := sorted({feature for feature in self.features if self.features.count(feature) > 1}):
            raise ValueError(f"features names {', '.join(twice)} more than once; name each once")
        return self

    @model_validator(mode="after")
    def _embedding_where_documents_are_compared(self) -> "StudentSettings":
        if self.kind in {"neighbours", "class_means"} and self.features != ("embedding",):
            raise ValueError(f"a student of kind {self.kind} compares embeddings alone; leave features out, or give [embedding]")
        return self


def _fits(name: str, value: float) -> bool:
    return math.isfinite(value) and (name in FRACTIONS or value == int(value)) and not (name == "num_leaves" and value < LEAST_LEAVES)


class CertaintySettings(Settings):
    """What is promised of a student's predictions."""

    level: float = Field(0.9, ge=0.5, lt=1, description="Share of documents whose set of categories (predictions.members) holds the right one.")
    risk: float = Field(
        0.1, gt=0, lt=1, description="Share of errors allowed among the predictions that are not marked predictions.abstained, with 95 % confidence."
    )


def usual_students() -> tuple[StudentSettings, ...]:
    """Give the candidates of a project that names none."""
    return (
        StudentSettings(),
        StudentSettings(kind="logistic_regression", features=("embedding",), widened="none"),
        StudentSettings(kind="class_means", features=("embedding",)),
    )
