"""Reads short documents into the tables, beside DuckDB reading the same file and hashing the texts in SQL, each in a process of its own.

`ingest.py --data FOLDER --work FOLDER [--documents N] [--format jsonl|csv|parquet] [--broken] [--rounds N]`. The texts are those of the
corpora with a word of each exchanged for one of another, so that few are the same. Both take turns; peak memory is that of the process.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import numpy as np

from bench.corpora import add_data_option, find_corpora, read_corpus, what_is_missing
from pipeline.settings import CorpusSettings, Project
from pipeline.stages import Session
from pipeline.stages.corpus import documents

SEED = 42
USUAL = ("banking77", "hwu64", "trec_questions", "ag_news")
KINDS = (  # of broken rows, one in a hundred in all
    lambda line: line[: len(line) // 2],
    lambda line: line[:-1] + b",}",
    lambda line: line[:12] + b"\xff" + line[12:],
    lambda line: b"[" + line + b"]",
    lambda line: b"null",
    lambda line: line + b" " + line,
    lambda line: line[:-1] + b', "text": null}',
    lambda line: line[:-1] + b', "text": "  "}',
    lambda line: line[:-1] + b', "text": true}',
    lambda line: line[:-1] + b', "id": ""}',
    lambda line: line[:-1] + b', "id": "d0"}',
    lambda line: line[:12] + b"\t" + line[12:],
)
READERS = {
    "jsonl": "read_json(?)",
    "csv": "read_csv(?, header = true, all_varchar = true)",
    "parquet": "read_parquet(?)",
}

LENIENT = """read_json(?, format = 'newline_delimited', ignore_errors = true,
    columns = {'id': 'varchar', 'text': 'varchar', 'label': 'varchar', 'day': 'varchar'})"""


def main(options: argparse.Namespace) -> None:
    """Make the file, read it both ways in turns, print what came out."""
    options.work.mkdir(parents=True, exist_ok=True)
    path = options.work / f"{options.documents}{'_broken' if options.broken else ''}.{options.format}"
    if not path.exists():
        make_file(path, options)
    kind = f"{options.format}, one in a hundred broken" if options.broken else options.format
    print(f"{options.documents} documents, {path.stat().st_size / 1e6:.0f} MB of {kind}", flush=True)
    found: dict[str, list[dict[str, Any]]] = {"duckdb": [], "linnaeus": [], "again": []}
    for _ in range(options.rounds):
        for way in ("duckdb", "linnaeus", *(["again"] if options.again else [])):
            if way != "again":
                shutil.rmtree(options.work / "state", ignore_errors=True)
            found[way].append(measured(way, path, options.work / "state"))
            one = found[way][-1]
            said = f"{one['seconds']:6.2f} s, {one['cpu']:6.2f} s of processors, {one['rows']} rows, {one['rejects']} rejects"
            print(f"  {way:8} {said}, {one['memory']:.0f} MB", flush=True)
    own, other = found["linnaeus"], found["duckdb"]
    ratio = median(there["seconds"] / here["seconds"] for here, there in zip(own, other, strict=True))
    print(f"throughput beside DuckDB: {ratio:.2f} (median of {options.rounds}); peak memory {max(one['memory'] for one in own):.0f} MB")


def measured(way: str, path: Path, state: Path) -> dict[str, Any]:
    """Read the file in a process of its own."""
    command = [sys.executable, "-m", "bench.ingest", "--one", way, "--file", str(path), "--work", str(state)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return dict(json.loads(done.stdout.splitlines()[-1]))


def read_once(options: argparse.Namespace) -> None:
    """Read the file, and print what it took."""
    options.work.mkdir(parents=True, exist_ok=True)
    read = read_by_duckdb if options.one == "duckdb" else read_by_linnaeus
    rows, rejects, seconds, cpu = read(options.file, options.work)
    print(json.dumps({"rows": rows, "rejects": rejects, "seconds": seconds, "cpu": cpu, "memory": peak_memory()}))


def peak_memory() -> float:
    """Give the most memory that this program had, in MB; `getrusage` counts what the one that started it had as well."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def read_by_duckdb(path: Path, work: Path) -> tuple[int, int, float, float]:
    """Read into a table of a database file, with a hash of each text."""
    reader = READERS[path.suffix[1:]]
    if "broken" in path.stem:
        reader = LENIENT
    began, cpu = time.monotonic(), time.process_time()
    with duckdb.connect(str(work / "bare.duckdb")) as connection:
        connection.execute(f"create table read as select *, sha256(text) as text_hash from {reader}", [str(path)])  # noqa: S608 - a constant
        rows = connection.execute("select count(*) from read").fetchall()[0][0]
    return rows, 0, time.monotonic() - began, time.process_time() - cpu


def read_by_linnaeus(path: Path, work: Path) -> tuple[int, int, float, float]:
    """Read by the stage of the pipeline, without publishing."""
    corpus = CorpusSettings(path=path.name, id="id", gold="label", metadata=("day",))
    session = Session(Project(name="ingest", use_case="what it is about", corpus=corpus, folder=path.parent), folder=work / "tables")
    began, cpu = time.monotonic(), time.process_time()
    documents(session)
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    counts = session.store.counts()
    return counts["documents"], counts["rejects"], seconds, cpu


def make_file(path: Path, options: argparse.Namespace) -> None:
    """Write the documents; other formats than JSON lines by way of it."""
    lines = path.with_suffix(".jsonl")
    if not lines.exists():
        with lines.open("wb") as file:
            file.writelines(broken(rows(options)) if options.broken else rows(options))
    if path != lines:
        kind = "(header true)" if path.suffix == ".csv" else "(format parquet)"
        duckdb.connect().execute(f"copy (from read_json('{lines}')) to '{path}' {kind}")


def rows(options: argparse.Namespace) -> Iterator[bytes]:
    """Write documents of the corpora, each with a word of another."""
    names, missing = find_corpora(options.data, options.corpora or USUAL)
    print(what_is_missing(options.data, missing) or f"texts of {', '.join(names)}")
    words = [text.split() for name in names for text in read_corpus(options.data, name).texts]
    random = np.random.default_rng(SEED)
    for start in range(0, options.documents, len(words)):
        others = random.integers(len(words), size=len(words))
        for number, other in zip(range(start, min(start + len(words), options.documents)), others, strict=False):
            own, taken = list(words[number - start]), words[other]
            own[int(other) % len(own)] = taken[number % len(taken)]
            row = {"id": f"d{number}", "text": f"{' '.join(own)} {number}", "label": f"label {number % 40}", "day": f"2026-01-{number % 28 + 1:02}"}
            yield json.dumps(row, ensure_ascii=False).encode() + b"\n"


def broken(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Break one line in a hundred, in twelve ways."""
    for number, line in enumerate(lines):
        yield KINDS[number // 100 % len(KINDS)](line[:-1]) + b"\n" if number % 100 == 50 else line


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    if "--one" in sys.argv:
        parser.add_argument("--one", choices=["duckdb", "linnaeus", "again"])
        parser.add_argument("--file", type=Path)
        parser.add_argument("--work", type=Path)
        read_once(parser.parse_args())
    else:
        add_data_option(parser)
        parser.add_argument("--work", type=Path, required=True, help="folder for the file and the tables")
        parser.add_argument("--documents", type=int, default=1_000_000)
        parser.add_argument("--format", choices=list(READERS), default="jsonl")
        parser.add_argument("--broken", action="store_true", help="break one line in a hundred, in twelve ways; JSON lines only")
        parser.add_argument("--again", action="store_true", help="read the file a second time into the same tables")
        parser.add_argument("--rounds", type=int, default=3)
        main(parser.parse_args())
