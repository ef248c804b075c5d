"""Frozen records of what was measured when: which run measured what, and which labels were confused."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Confused", "EvaluationRun", "PageWritten"]


@dataclass(frozen=True)
class EvaluationRun:
    """What one run measured: the evaluation, and the taxonomy, labels, student, models and prompts that it is about."""

    evaluation_id: str
    run_id: str
    facet: str
    taxonomy_id: str | None
    teacher_annotator_id: str | None
    classifier_id: str | None
    baseline_id: str | None
    models: Mapping[str, str]  # by what they are for: generator, annotator, embedder
    prompts: Mapping[str, str]  # fingerprint by name


@dataclass(frozen=True)
class Confused:
    """How many texts that the judge calls one thing bear a label by the subject; an empty label is none."""

    evaluation_id: str
    subject: str
    judge: str
    truth: str
    label: str
    n: int


@dataclass(frozen=True)
class PageWritten:
    """A report that a run wrote; the next one at the same place replaces it."""

    path: str  # below the project's state
    evaluation_id: str  # empty where nothing had been measured
    sha256: str
    bytes: int
