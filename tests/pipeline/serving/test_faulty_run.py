"""A whole run on a server that fails in every way one can, and one that is killed half-way."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.settings import Project, load_project
from pipeline.stages import Session
from pipeline.testing_server import serve_script
from tests.faulty import FAULTS, knowing_script
from tests.tiny import TinyEmbedder, run_all, tiny_rows, write_project

ROOT = Path(__file__).parents[3]
LABELS = """
select text_hash, categories.name from labels join annotators using (annotator_id) left join categories using (taxonomy_id, category_id)
where annotators.kind = 'llm'
"""
RUN = """
import sys
from pathlib import Path
from pipeline.settings import load_project
from pipeline.stages import Session
from tests.tiny import TinyEmbedder, run_all
with Session(load_project(Path(sys.argv[1])), folder=Path(sys.argv[2]), run_id=sys.argv[3], embedder=TinyEmbedder()) as session:
    run_all(session, until="annotations")
"""


def many_rows(copies: int) -> list[dict[str, Any]]:
    """Repeat the tiny corpus with other words that no topic has."""
    return [{**row, "id": f"{row['id']}-{copy}", "text": f"{row['text']} Case {copy}."} for copy in range(copies) for row in tiny_rows()]


def make_project(folder: Path, address: str, *, sample: int, copies: int, **engine: Any) -> Project:
    given = {"kind": "vllm", "model": "m", "base_url": address, "timeout_seconds": 0.8, "attempts": 4, **engine}
    return load_project(write_project(folder, many_rows(copies), engine=given, annotation={"sample": sample}))


def run(project: Project, folder: Path, run_id: str = "run") -> dict[str, str | None]:
    """Run all stages and give the model's label of each sampled document."""
    with Session(project, folder=folder, run_id=run_id, embedder=TinyEmbedder()) as session:
        run_all(session, until="evaluation")
        return dict(session.store.query(LABELS, limit=10_000)[1])


@pytest.mark.usefixtures("short_pauses")
def test_with_a_fifth_of_all_replies_spoilt_the_labels_are_those_of_a_clean_run(tmp_path: Path) -> None:
    told: list[str] = []
    with serve_script() as clean, serve_script() as faulty:
        clean.script = knowing_script(refused=("Case 3",))
        faulty.script = knowing_script(share=0.2, refused=("Case 3",), told=told)
        expected = run(make_project(tmp_path / "clean", clean.address, sample=300, copies=5), tmp_path / "one")
        project = make_project(tmp_path / "faulty", faulty.address, sample=300, copies=5)
        found = run(project, tmp_path / "two")
        asked, spoilt = len(faulty.requests), Counter(told)
    assert found.items() <= expected.items(), "no document has another label than a clean run gives it"
    assert len(found) >= 0.98 * len(expected)
    assert set(spoilt) == set(FAULTS), "every kind of fault came up"
    assert 0.15 <= sum(spoilt.values()) / asked <= 0.25
    with Session(project, folder=tmp_path / "two", run_id="look", embedder=TinyEmbedder()) as session:
        failures = dict(session.store.query("select text_hash, reason from failures where stage = 'annotations'", limit=1000)[1])
        calls, ok, named = session.store.query(
            "select count(*), count(*) filter (where outcome = 'ok'), count(*) filter (where outcome <> 'ok' and error is not null) from llm_calls"
        )[1][0]
    assert len(found) + len(failures) == 300, "each sampled document is labelled or listed with its reason"
    assert not found.keys() & failures.keys()
    assert set(failures.values()) <= {"refused", "timeout", "server_error"}
    assert calls == asked, "each attempt is a row of the ledger"
    assert ok + named == calls


def test_a_run_that_is_killed_half_way_pays_for_at_most_one_percent_again(tmp_path: Path) -> None:
    with serve_script() as server:
        server.script = knowing_script(seconds=0.03)
        whole = 60 + 4 + 20 + 900  # phrases, names, the second minibatch, labels: what one pass asks
        project = make_project(tmp_path / "project", server.address, sample=900, copies=9, concurrency=4, timeout_seconds=5.0)
        file, folder = project.folder / "tiny.yaml", tmp_path / "store"
        command = [sys.executable, "-c", RUN, str(file), str(folder)]
        with subprocess.Popen([*command, "first"], cwd=ROOT) as first:
            while len(server.requests) < whole / 2:
                assert first.poll() is None, "it is to be killed, and not to end"
                time.sleep(0.02)
            os.kill(first.pid, signal.SIGKILL)
            first.wait()
        subprocess.run([*command, "second"], cwd=ROOT, check=True, timeout=120)
        requests = len(server.requests)
        distinct = len({json.dumps(request, sort_keys=True) for request in server.requests})
        with Session(project, folder=folder, run_id="third", embedder=TinyEmbedder()) as session:
            reports = run_all(session, until="annotations")
        assert len(server.requests) == requests, "nothing is left to ask"
    assert sum(report.made for report in reports.values()) == 0
    assert requests <= distinct + 4, f"{requests} calls for {distinct} questions: more than were in flight are paid for twice"
    assert requests <= 1.01 * distinct
    assert distinct >= 960
