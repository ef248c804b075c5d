"""Reads a million rows into a store by the command that a user gives, killed by `kill -9` at five random moments, and checks every row.

`store_kill.py [--rows 1000000] [--kills 5] [--seed 1] [--work FOLDER]`. One line in a thousand is broken and one in a hundred holds the text
of the line before it, so that rejects and duplicates must come out right as well.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import duckdb

from pipeline.store import Store

__all__ = ["COMMAND", "Rows", "end_by_kills", "found_rows", "right_rows", "write_corpus"]

BROKEN, TWICE = 1_000, 100  # one line in so many
COMMAND = [sys.executable, "-m", "pipeline.cli", "run", "kill", "--only", "documents"]
PROJECT = """
name: kill
use_case: what is the ticket about
corpus: {path: tickets.jsonl, id: id, text: text}
engine: {kind: url, base_url: "http://127.0.0.1:9/v1", model: none}
"""
Rows = dict[str, int]


def write_corpus(workspace: Path, rows: int) -> Path:
    """Write the project and its corpus, and give the folder of its tables."""
    (workspace / "projects").mkdir(parents=True, exist_ok=True)
    (workspace / "dagster.yaml").touch()
    (workspace / "projects" / "kill.yaml").write_text(PROJECT, encoding="utf-8")
    with (workspace / "projects" / "tickets.jsonl").open("w", encoding="utf-8") as file:
        for number in range(rows):
            line = json.dumps({"id": f"d{number}", "text": _text(number)})
            file.write((line[:-3] if _is_broken(number) else line) + "\n")
    return workspace / ".linnaeus" / "projects" / "kill"


def _is_broken(number: int) -> bool:
    return number % BROKEN == BROKEN // 2


def _text(number: int) -> str:
    number -= number % TWICE == 1
    return f"ticket {number}: the parcel of order {number * 7919 % 1_000_003} came {number % 97} days late, and nobody answers"


def right_rows(rows: int) -> Rows:
    """Give what has to be in the tables at the end."""
    kept = [number for number in range(rows) if not _is_broken(number)]
    return {"documents": len(kept), "texts": len({_text(number) for number in kept}), "rejects": rows - len(kept), "right": len(kept), "inactive": 0}


def found_rows(folder: Path, workspace: Path) -> Rows:
    """Count what the tables hold; `right` are the rows whose id and text are those of a line of the corpus, each once."""
    counts = Store.open(folder).counts()
    corpus = str(workspace / "projects" / "tickets.jsonl")
    with duckdb.connect(str(folder / "labels.duckdb"), read_only=True) as connection:
        right = connection.execute(RIGHT, [corpus]).fetchall()[0][0]
    return {name: counts[name] for name in ("documents", "texts", "rejects")} | {"right": right, "inactive": counts["inactive"]}


RIGHT = """
select count(distinct doc_id)
from documents join read_json(?, format = 'newline_delimited', columns = {id: 'varchar', text: 'varchar'}, ignore_errors = true) as line
    on documents.doc_id = line.id and documents.text = line.text
where documents.active
"""


def end_by_kills(
    command: Sequence[str], folder: Path, *, kills: int, shortest: float, longest: float, seed: int, environment: dict[str, str]
) -> None:
    """Start a command again and again, kill it after a random time, and let it end at last; print what is there after each."""
    moments, killed = random.Random(seed), 0
    while True:
        moment = moments.uniform(shortest, longest) if killed < kills else None
        began = time.monotonic()
        process = subprocess.Popen(
            command, env=os.environ | environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        try:
            _, errors = process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            killed += 1
            print(f"killed -9 after {time.monotonic() - began:5.1f} s; {_after(folder)}")
            continue
        assert process.returncode == 0, errors
        print(f"ended {'before it was killed, ' if moment else ''}after {time.monotonic() - began:.1f} s; {_after(folder)}")
        if moment is None:
            return
        longest = shortest + (longest - shortest) / 2


def _after(folder: Path) -> str:
    """Say what a kill left: the rows in the tables, and in the copy that everybody reads."""
    if not (folder / "warehouse.duckdb").exists():
        return "no tables yet"
    began = time.monotonic()
    store = Store.open(folder)
    rows, opened = store.count("documents"), time.monotonic() - began
    published = store.query("select count(*) from documents")[1][0][0]
    return f"the tables open in {opened:.2f} s with {rows:,} documents, the copy has {published:,}"


def main() -> None:
    """Kill, end, check."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, usual in (("rows", 1_000_000), ("kills", 5), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument(
        "--shortest", type=float, default=2.5, help="seconds before which no run is killed; a million rows take some five, after three of starting"
    )
    parser.add_argument("--longest", type=float, default=9.0)
    parser.add_argument("--work", type=Path)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        workspace = wanted.work or Path(made)
        folder = write_corpus(workspace, wanted.rows)
        places = {"LINNAEUS_HOME": str(workspace), "LINNAEUS_STATE": str(workspace / ".linnaeus"), "PYTHONPATH": str(Path(__file__).parents[1])}
        end_by_kills(COMMAND, folder, kills=wanted.kills, shortest=wanted.shortest, longest=wanted.longest, seed=wanted.seed, environment=places)
        found, right = found_rows(folder, workspace), right_rows(wanted.rows)
        print(f"expected {right}\nfound    {found}\n{'every row is right' if found == right else 'WRONG'}")
    if found != right:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
