"""A run that is broken off goes on where it stopped: nothing is paid for twice and no row is made twice."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import EngineError
from pipeline.serving.contract import Question
from pipeline.settings import Project, load_project
from pipeline.store import Store
from pipeline.testing import ScriptedChat
from tests.tiny import knowing_reply, run_all, tiny_session, write_project

ROOT = Path(__file__).parent.parent.parent
ROWS = {
    "summaries": "select text_hash, summary_spec, created_at from summaries",
    "labels": "select text_hash, taxonomy_id, annotator_id, created_at from labels",
    "taxonomies": "select taxonomy_id, created_at from taxonomies",
    "llm_calls": "select call_key, created_at from llm_calls",
}
SLOW = "import sys; from tests.tiny import run_slowly; run_slowly(sys.argv[1], sys.argv[2], float(sys.argv[3]))"


def breaking_after(count: int) -> ScriptedChat:
    left = [count]

    def reply(question: Question) -> str:
        if not left[0]:
            raise EngineError("the server is gone")
        left[0] -= 1
        return knowing_reply(question)

    return ScriptedChat(reply)


@pytest.mark.parametrize("count", [7, 70])
def test_a_run_whose_model_dies_asks_only_the_rest_when_it_goes_on(make_project: Callable[..., Project], tmp_path: Path, count: int) -> None:
    project, folder = make_project(), tmp_path / "store"
    with tiny_session(project, folder, chat=breaking_after(count), run_id="first") as first, pytest.raises(EngineError):
        run_all(first, until="annotations")
    with tiny_session(project, folder, run_id="second") as second:
        run_all(second, until="annotations")
        calls, keys = second.store.query("select count(*), count(distinct call_key) from llm_calls")[1][0]
    assert calls == keys, "no question was asked twice"
    assert first.generator.asked == count  # type: ignore[attr-defined]
    assert second.generator.asked == calls - count  # type: ignore[attr-defined]


def rows(folder: Path) -> dict[str, set[tuple[Any, ...]]]:
    store = Store.open(folder)
    return {name: set(store.rows(sql)) for name, sql in ROWS.items()}


def test_a_killed_run_goes_on_without_making_a_row_twice(tmp_path: Path) -> None:
    path, folder = write_project(tmp_path), tmp_path / "store"
    Store.open(folder)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen([sys.executable, "-c", SLOW, str(path), str(folder), "0.01"], env=environment, cwd=ROOT)
    try:
        deadline = time.monotonic() + 120
        while len(Store.open(folder).rows(ROWS["labels"])) < 16:
            assert child.poll() is None, "the child ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    before = rows(folder)
    with tiny_session(load_project(path), folder, run_id="second") as session:
        run_all(session)
        assert session.store.query("select count(*) from labelled_documents where category is not null")[1] == [(120,)]
    after = rows(folder)
    assert len(before["llm_calls"]) >= 16
    for name in ROWS:
        assert before[name] <= after[name], f"rows of {name} were made again"
    assert len({key for key, _ in after["llm_calls"]}) == len(after["llm_calls"]), "no recorded question was asked again"
