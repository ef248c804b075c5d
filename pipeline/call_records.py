"""Frozen records of what models are asked: calls, what a plan predicts of them, what an exam and a stage made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Call", "ExamResult", "PlannedStage", "StageServing"]


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
    texts: Sequence[str] = ()  # text hashes of the documents that the question showed


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
