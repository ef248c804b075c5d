"""The part of a project file that says what is measured, and against what."""

from pydantic import Field

from pipeline.engine_settings import Settings, Text

__all__ = ["EvaluationSettings"]


class EvaluationSettings(Settings):
    """What is measured, and against what."""

    baseline: bool = Field(True, description="Also run k-means with model-given names at the same number of categories.")
    resamples: int = Field(1000, ge=100, description="Bootstrap resamples behind each interval.")
    slices: tuple[Text, ...] = Field((), description="Columns of corpus.metadata whose values are also measured each by itself, as [language].")
