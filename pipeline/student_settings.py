"""The section `students` of a project file: the classifiers that are tried, of which the best one labels the corpus."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from pipeline.engine_settings import Settings

__all__ = ["FRACTIONS", "CertaintySettings", "RareSettings", "StudentSettings", "usual_students"]

Kind = Literal["voices", "logistic_regression", "lightgbm", "mlp", "neighbours", "class_means", "fine_tuned"]
Feature = Literal["embedding", "words", "characters", "cards", "metadata", "text"]
Value = Annotated[float | int, Field(gt=0)]
Penalty = Annotated[float, Field(gt=0, allow_inf_nan=False)]
PARAMETERS: Mapping[Kind, tuple[str, ...]] = {
    "voices": ("shift",),
    "logistic_regression": ("C", "shift"),
    "lightgbm": ("max_depth", "num_leaves", "n_estimators"),
    "mlp": ("hidden",),
    "neighbours": ("neighbours",),
    "class_means": ("sharpness",),
    "fine_tuned": ("epochs", "layers"),
}
FRACTIONS = {"C", "shift", "sharpness"}  # parameters whose values need not be whole
LEAST_LEAVES = 2
MOST_LAYERS = 6  # of the encoder that is fine-tuned


class StudentSettings(Settings):
    """One candidate: what kind of classifier it is, what it looks at, and what it may learn from."""

    kind: Kind = Field(
        "voices",
        description="voices: a classifier for each feature and one that follows the unlabelled documents, added up with fitted weights. "
        "The others are one classifier each; fine_tuned teaches the last layers of a sentence model, which takes minutes.",
    )
    features: tuple[Feature, ...] = Field(
        ("embedding", "words", "cards"),
        min_length=1,
        description="What it looks at: the embedding, words and word pairs, character groups, the likeness to the category cards, metadata; "
        "the text itself for fine_tuned.",
    )
    penalties: tuple[Penalty, ...] = Field((1.0, 3.0, 10.0), min_length=1, description="Values of C to choose from, for logistic regressions.")
    grid: Mapping[str, tuple[Value, ...]] = Field(
        {},
        description="Values of other parameters to choose from, as {max_depth: [3, 5]}: lightgbm, mlp (hidden), neighbours, class_means; shift, of "
        "logistic regressions, frees them of how frequent categories are (1 altogether) where balanced weights are usual.",
    )
    folds: int = Field(5, ge=2, le=20, description="Folds of the cross-validation; those of the first student serve all.")
    widened: Literal["none", "spread", "self_training", "label_spreading"] = Field(
        "spread",
        description="How unlabelled documents teach it: by clusters seeded with the labels, by its own surest predictions as long as they help, "
        "by the graph of nearest neighbours, or not. Of voices it is one voice that does.",
    )
    unlabelled: int = Field(5_000, ge=0, description="Unlabelled documents that it learns from as well; 0 for none.")
    mixes: int = Field(
        0, ge=0, description="Labels up to which logistic regressions see each category filled, with mixes of two of its documents; 0 for none."
    )

    @model_validator(mode="before")
    @classmethod
    def _features_of_its_kind(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and given.get("kind") == "fine_tuned":
            return {"features": ("text",), "widened": "none", **given}  # each unlabelled document takes as long to learn from as a label
        if isinstance(given, Mapping) and "features" not in given and given.get("kind", "voices") != "voices":
            return {**given, "features": ("embedding",)}
        return given

    @model_validator(mode="after")
    def _grid_of_its_kind(self) -> "StudentSettings":
        allowed = PARAMETERS[self.kind]
        if unknown := [name for name in self.grid if name not in allowed]:
            raise ValueError(f"grid names {', '.join(unknown)}, which is no parameter of {self.kind}; it has {', '.join(allowed)}")
        if empty := [name for name, values in self.grid.items() if not values]:
            raise ValueError(f"grid gives no value for {', '.join(empty)}; give at least one, or leave it out")
        if wrong := [f"{value} for {name}" for name, values in self.grid.items() for value in values if not _fits(name, value)]:
            fractions = ", ".join(sorted(FRACTIONS))
            raise ValueError(f"grid gives {', '.join(wrong)}; give numbers that are whole, but for {fractions}; num_leaves from 2, layers to 6")
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

    @model_validator(mode="after")
    def _text_where_it_is_read(self) -> "StudentSettings":
        if self.kind == "fine_tuned" and self.features != ("text",):
            raise ValueError("a student of kind fine_tuned reads the text itself; leave features out")
        if self.kind != "fine_tuned" and "text" in self.features:
            raise ValueError(f"a student of kind {self.kind} does not read text; the feature text is that of fine_tuned, and others have words")
        return self


def _fits(name: str, value: float) -> bool:
    out_of_range = (name == "num_leaves" and value < LEAST_LEAVES) or (name == "layers" and value > MOST_LAYERS)
    return math.isfinite(value) and (name in FRACTIONS or value == int(value)) and not out_of_range


class CertaintySettings(Settings):
    """What is promised of a student's predictions."""

    level: float = Field(0.9, ge=0.5, lt=1, description="Share of documents whose set of categories (predictions.members) holds the right one.")
    risk: float = Field(
        0.1, gt=0, lt=1, description="Share of errors allowed among the predictions that are not marked predictions.abstained, with 95 % confidence."
    )


class RareSettings(Settings):
    """What is done for categories with few labels."""

    least: int = Field(10, ge=2, description="Labels below which a category counts as rare.")
    fewest: int = Field(1, ge=1, description="Labels below which students do not learn a category, and so never give it; 1 for all that have any.")
    written: int = Field(
        0, ge=0, le=100, description="Examples that the generator writes for each rare category; students learn from them where it helps. 0 for none."
    )


def usual_students() -> tuple[StudentSettings, ...]:
    """Give the candidates of a project that names none."""
    return (
        StudentSettings(),
        StudentSettings(kind="logistic_regression", features=("embedding",), widened="none"),
        StudentSettings(kind="class_means", features=("embedding",)),
    )
