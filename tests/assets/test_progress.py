"""Live progress: the event log hears of a slow stage at a steady pace, and of a quick one nothing."""

import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.definitions import build_definitions
from assets.progress import LogProgress
from pipeline.serving.contract import Question
from pipeline.settings import Project
from pipeline.stages import Progress, Session, opening_sessions, project_state
from pipeline.testing import ScriptedChat
from tests.materialising import QUIET, TELLING_NOBODY
from tests.tiny import knowing_reply, tiny_session, write_project

STAGES_RUN = ("documents", "facets", "summaries")


def run(workspace: Path, progress: Progress | None, *, slow: dict[int, float]) -> tuple[dict[float, str], list[dict[str, Any]], bool]:
    """Run three stages with a model that takes its time with some of the summaries; give their log by time, and the observations."""
    asked: list[str] = []

    def reply(question: Question) -> str:
        if question.purpose == "summarise":
            asked.append(question.purpose)
            time.sleep(slow.get(len(asked), 0.0))
        return knowing_reply(question)

    def opened(project: Project, *, run_id: str | None = None, **_: object) -> Session:
        session = tiny_session(project, project_state(project), chat=ScriptedChat(reply), run_id=run_id or "run")
        if progress is not None:
            session.progress = progress
        return session

    write_project(workspace)
    with opening_sessions(opened), dg.DagsterInstance.ephemeral(settings=TELLING_NOBODY) as instance:
        job = build_definitions(workspace).resolve_job_def("tiny")
        selection = [dg.AssetKey(["tiny", stage]) for stage in STAGES_RUN]
        result = job.execute_in_process(instance=instance, asset_selection=selection, run_config=QUIET)
        records = [one for one in instance.all_logs(result.run_id) if one.step_key == "tiny__summaries" and not one.is_dagster_event]
        lines = {one.timestamp: one.user_message for one in records}
        observed = instance.fetch_observations(dg.AssetKey(["tiny", "summaries"]), limit=10).records
        figures = [
            {name: value.value for name, value in record.asset_observation.metadata.items()} for record in observed if record.asset_observation
        ]
    return lines, figures, result.success


@pytest.mark.alone
def test_a_slow_stage_is_heard_of_though_one_answer_takes_long(workspace: Path) -> None:
    lines, observed, success = run(workspace, LogProgress(every=0.2, observed_every=0.4), slow={40: 1.1})
    assert success
    told = {at: line for at, line in lines.items() if line.startswith("summaries: ") and " of 60 (" in line}
    assert len(told) >= 3, lines
    times = sorted(told)
    assert all(0.15 < after - before < 0.7 for before, after in itertools.pairwise(times)), "at a steady pace, whatever is asked"
    assert all("none is done after " in line or ("/s, " in line and " left" in line) for line in told.values())
    tracked = [figures for figures in observed if "what" in figures]
    assert tracked
    assert all((figures["what"], figures["total"]) == ("summaries", 60) and 0 <= figures["done"] < 60 for figures in tracked)


def test_a_quick_stage_says_only_what_came_of_it(workspace: Path) -> None:
    lines, observed, success = run(workspace, None, slow={})
    assert success
    assert [line for line in lines.values() if " of 60 (" in line] == []
    assert any(line.startswith("summaries: 60 made, 60 there") for line in lines.values())
    assert observed == []


def test_no_thread_outlives_its_stage(workspace: Path) -> None:
    run(workspace, LogProgress(every=0.05), slow={3: 0.2})
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("progress of ")] == []


class Own:
    """Shows progress elsewhere, as the command line does."""

    def track(self, items: Any, **_: Any) -> Any:
        yield from items

    def status(self, message: str) -> None:
        """Show nothing."""


def test_progress_that_is_shown_elsewhere_is_left_alone(workspace: Path) -> None:
    lines, observed, success = run(workspace, Own(), slow={3: 0.3})
    assert success
    assert (len(lines), observed) == (1, [])


class Log:
    """Collects what a step logs."""

    def __init__(self) -> None:
        self.log, self.lines = self, list[str]()
        self.asset_key = dg.AssetKey(["tiny", "labels"])

    def info(self, line: str) -> None:
        self.lines.append(line)


def test_what_is_said_names_pace_remaining_time_and_tokens() -> None:
    heard, progress = Log(), LogProgress(every=0.1)
    with progress.at(heard, lambda: 31_000):  # type: ignore[arg-type]
        progress.status("model server: starting")
        time.sleep(0.15)
        for _ in progress.track(range(4), total=8, what="labels", size=lambda _: 2):
            time.sleep(0.08)
    assert heard.lines[0] == "model server: starting; at work for 0 s; 31,000 tokens so far"
    assert heard.lines[1].startswith("labels: ")
    assert " of 8 (" in heard.lines[1]
    assert heard.lines[-1].endswith(" left; 31,000 tokens so far")
    before = list(heard.lines)
    time.sleep(0.15)
    assert heard.lines == before, "after the step nothing is said"


def test_the_tokens_of_a_run_that_goes_on_are_counted_from_its_first_call(make_project: Callable[..., Project], copied: Path) -> None:
    with tiny_session(make_project(), copied, chat=ScriptedChat([]), run_id="run") as session:
        _, tokens_in, tokens_out, _ = session.store.spent("run")
        assert session.tokens == tokens_in + tokens_out > 1000
