"""The part of a project file that says what is measured, against what, and who judges."""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from pipeline.engine_settings import EngineSettings, Settings, Text

__all__ = ["EvaluationSettings", "JudgeSettings"]

JUDGE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._/ -]{0,59}$"


class JudgeSettings(EngineSettings):
    """A model that judges labels: the keys of `engine`, and a name."""

    name: Annotated[str, StringConstraints(pattern=JUDGE_NAME)] | None = Field(
        None, description="What reports call the judge; the name of its model when absent."
    )

    @property
    def engine(self) -> EngineSettings:
        """Give the engine without the name, as another role may have it too."""
        return EngineSettings(**{key: value for key, value in self if key != "name"})

    @property
    def called(self) -> str:
        """Give the name that reports use."""
        return self.name or self.model


class EvaluationSettings(Settings):
    """What is measured, and against what."""

    baseline: bool = Field(True, description="Also ask a model for baselines: names of as many k-means clusters, and labels with the gold names.")
    told_sample: int = Field(
        100, ge=0, description="Documents that the annotator also labels with the gold names, to tell poor labels from a poor taxonomy; 0: none."
    )
    resamples: int = Field(1000, ge=100, description="Bootstrap resamples behind each interval.")
    slices: tuple[Text, ...] = Field((), description="Columns of corpus.metadata whose values are also measured each by itself, as [language].")
    judges: tuple[JudgeSettings, ...] = Field(
        (), description="Models that judge labels, each with the keys of engine and a name; the annotator's own, marked self-judged, when empty."
    )
    judge_sample: int = Field(10, ge=0, le=10_000, description="Documents whose labels are judged, 6 to 12 questions each; 0 for no judging.")
    judge_repeats: int = Field(1, ge=1, le=10, description="Wrong labels of each kind, drawn and nearest, that each label is held against.")
    definition_sample: int = Field(10, ge=0, description="Documents that single definitions are held against, for gaps and overlap; 0 for none.")
    repeat_sample: int = Field(12, ge=0, description="Labelled documents that the annotator labels again, to see how often it flips; 0 for none.")

    @property
    def judge_models(self) -> tuple[str, ...]:
        """Name the models that judge: all of a judge that its judgements depend on."""
        return tuple(judge.model for judge in self.judges)

    @model_validator(mode="after")
    def _judges_apart(self) -> "EvaluationSettings":
        if twice := _twice(judge.called for judge in self.judges):
            raise ValueError(f"two judges are called {', '.join(twice)}; give each another name, as {{name: second, model: ...}}")
        if twice := _twice(judge.model for judge in self.judges):
            raise ValueError(f"two judges are the model {', '.join(twice)}, which would judge everything twice; leave one of them out")
        return self


def _twice(names: Iterable[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)
