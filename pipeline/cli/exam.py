"""How the command line shows what the exam says of a project's models."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape

from pipeline.call_records import ExamResult
from pipeline.cli.show import show_table
from pipeline.exam import NEEDS
from pipeline.settings import ROLES, Project
from pipeline.stages.exam import Verdict, explain, is_enough, rate

__all__ = ["exam_report", "show_exam"]


def exam_report(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Put verdicts into JSON: each result once, with its share and Wilson interval, and a line for each role."""
    return {"results": [_result(result) for result in _results(verdicts)], "roles": [_role(found) for found in verdicts]}


def show_exam(console: Console, verdicts: Sequence[Verdict], *, project: Project) -> None:
    """Write a table of the results of each model, then a line for each role: whether its model is fit for it, and why not."""
    for model in dict.fromkeys(found.model for found in verdicts):
        rows = [_row(result) for result in _results(verdicts) if result.model == model]
        columns = ["skill", "passed", "95 % interval", "needed", "verdict", "tokens/s", "needed by"]
        show_table(console, columns, rows, title=f"Exam of {model}")
    for found in verdicts:
        colour = "green" if found.state == "passed" else "yellow"
        console.print(f"[{colour}]{found.role}[/{colour}]: {escape(explain(found, project=project))}", soft_wrap=True)


def _results(verdicts: Sequence[Verdict]) -> list[ExamResult]:
    return list(dict.fromkeys(result for found in verdicts for result in found.results))


def _row(result: ExamResult) -> tuple[Any, ...]:
    share = rate(result)
    interval = f"{share.low:.2f} to {share.high:.2f}"
    speed = None if result.tokens_per_second is None else f"{result.tokens_per_second:.1f}"
    needed_by = ", ".join(role for role in ROLES if result.skill in NEEDS[role])
    said = "passed" if is_enough(result) else "failed"
    return (result.skill, f"{result.passed} of {result.asked}", interval, f"{result.needed:.2f}", said, speed, needed_by)


def _result(result: ExamResult) -> dict[str, Any]:
    share = rate(result)
    return asdict(result) | {"share": share.value, "low": share.low, "high": share.high, "good": is_enough(result)}


def _role(found: Verdict) -> dict[str, Any]:
    return {"role": found.role, "model": found.model, "fit": found.state == "passed", "failed": [result.skill for result in found.failed]}
