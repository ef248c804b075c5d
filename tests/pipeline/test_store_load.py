"""Crowds and kills: what many processes write at once is all there and read all the while, and what a kill broke off is finished by the next run."""

import random
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from bench.store_kill import found_rows, right_rows, write_corpus
from bench.store_load import load

ROOT = Path(__file__).parents[2]
ROWS = 30_000
DOCUMENTS = """
import pathlib, sys
from pipeline.settings import load_project
from pipeline.stages import Session, run_stage

class Said:
    def track(self, items, *, total, what, size):
        for item in items:
            print("batch", flush=True)
            yield item

    def status(self, message):
        pass

workspace = pathlib.Path(sys.argv[1])
session = Session(load_project(workspace / "projects" / "kill.yaml"), folder=pathlib.Path(sys.argv[2]), progress=Said())
run_stage("documents", session)
session.close()
"""


@pytest.mark.alone
def test_steps_that_write_at_once_lose_nothing_and_readers_see_every_state_whole(tmp_path: Path) -> None:
    shown = load(tmp_path, writers=2, rows=500, batch=100, readers=2, model_seconds=0.05)
    assert shown.rows == shown.expected == 1000
    assert (shown.errors, shown.wrong) == ([], 0)
    assert all(one[-1].rows == 1000 for one in shown.looks), "every reader has seen all in the end"
    assert shown.longest_gap < 2


def reading(workspace: Path, folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", DOCUMENTS, str(workspace), str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_corpus_whose_reading_is_killed_again_and_again_is_read_in_whole(tmp_path: Path) -> None:
    folder, moments = write_corpus(tmp_path, ROWS), random.Random(9)
    for _ in range(2):
        with reading(tmp_path, folder) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "batch\n"
            time.sleep(moments.uniform(0.0, 0.2))  # while it is written
            process.kill()
        assert process.returncode == -9, "it was still at work"
        with duckdb.connect(str(folder / "labels.duckdb"), read_only=True) as reader:
            assert reader.execute("select count(*) from label_counts").fetchall() in ([(0,)], [(1,)])
    with reading(tmp_path, folder) as process:
        process.communicate()
    assert process.returncode == 0
    assert found_rows(folder, tmp_path) == right_rows(ROWS)
