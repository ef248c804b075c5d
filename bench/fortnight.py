"""Runs a fortnight of daily drops by schedule and sensor alone, with the real model and three faults planted, and shows what became of each day.

Each day a file of real documents arrives. The clock is moved on, the schedule and the sensor are asked as Dagster's daemon asks them, and
every run that they request is run. On the fifth day the file is half-written when the night begins; on the eighth the model server is down; the
eleventh brings broken rows, and documents that belong to the ninth. At the end each document must have one label, and each fault must be seen.

`fortnight.py --data FOLDER --out FOLDER [--documents N --day N]`
"""

import argparse
import json
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from bench.corpora import add_data_option, read_corpus

DAYS = 14
HALF, DOWN, BROKEN, LATE_FOR = 5, 8, 11, 9
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def main(options: argparse.Namespace) -> int:
    """Run the fortnight; 1 where a document or a fault is missing."""
    shutil.rmtree(options.out, ignore_errors=True)
    drops = options.out / "projects" / "drops"
    drops.mkdir(parents=True)
    corpus = read_corpus(options.data, "hwu64")
    rows: Iterator[tuple[str, str, str]] = iter(zip(corpus.ids, corpus.texts, corpus.gold, strict=True))
    first = date(2026, 1, 1)
    project_file = options.out / "projects" / "fortnight.yaml"
    _write_project(project_file, first)
    os.environ |= {"LINNAEUS_HOME": str(options.out), "LINNAEUS_STATE": str(options.out / ".linnaeus")}
    from assets.definitions import build_definitions  # after the workspace is known

    (options.out / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(options.out / "dagster")) as instance:
        clock = _Clock(build_definitions, options.out, instance)
        _drop(drops / f"{first}.jsonl", first, [next(rows) for _ in range(options.documents)])
        clock.run("fortnight", f"{first}", {"dagster/asset_partition_range_start": str(first), "dagster/asset_partition_range_end": str(first)})
        for number in range(1, DAYS + 1):
            day = first + timedelta(days=number)
            _day(number, day, drops, [next(rows) for _ in range(options.day)], clock, project_file, first)
        return _verdict(clock, options.documents + DAYS * options.day)


class _Clock:
    """Asks schedule and sensor as the daemon does, and runs what they request."""

    def __init__(self, build: Any, workspace: Path, instance: dg.DagsterInstance) -> None:
        self.build, self.workspace, self.instance = build, workspace, instance
        self.cursor: str | None = None
        self.keys: set[str] = set()
        self.seen: list[str] = []

    def sensor(self) -> list[dg.RunRequest]:
        """Let the sensor for arriving files look once."""
        definitions = self.build(self.workspace)
        sensor = definitions.resolve_sensor_def("fortnight_arrivals")
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor, repository_def=definitions.get_repository_def())
        found = sensor.evaluate_tick(context)
        self.cursor = found.cursor
        return self._new(found.run_requests)

    def night(self, day: date) -> list[dg.RunRequest]:
        """Let the schedule tick at three in the morning after a day."""
        definitions = self.build(self.workspace)
        schedule = definitions.resolve_schedule_def("fortnight_label_schedule")
        at = datetime(day.year, day.month, day.day, 3, tzinfo=UTC) + timedelta(days=1)
        context = dg.build_schedule_context(instance=self.instance, scheduled_execution_time=at, repository_def=definitions.get_repository_def())
        return self._new(schedule.evaluate_tick(context).run_requests)

    def answer(self, requests: list[dg.RunRequest]) -> list[tuple[str, bool]]:
        """Run what was requested, one after the other."""
        return [
            (one.partition_key or "", self.run("fortnight_label", one.partition_key or "", dict(one.tags), one.partition_key)) for one in requests
        ]

    def run(self, job: str, what: str, tags: dict[str, str], partition: str | None = None) -> bool:
        """Run a job, and note what failed of it."""
        from assets.resources import close_all

        wishes = {**QUIET, "resources": {"sessions": {"config": {"retries": 0}}}}
        definition, began = self.build(self.workspace).resolve_job_def(job), time.monotonic()
        tags = {key: value for key, value in tags.items() if key != "dagster/partition"}
        result = definition.execute_in_process(instance=self.instance, tags=tags, partition_key=partition, run_config=wishes, raise_on_error=False)
        close_all(result.success)
        for event in result.all_events:
            if event.is_step_failure:
                self.seen.append(f"{what}: {event.node_name.split('__')[-1]} failed: {event.step_failure_data.user_failure_data.description}")
        for check in result.get_asset_check_evaluations():
            if not check.passed:
                self.seen.append(f"{what}: check {check.check_name}: {check.metadata['found'].value}")
        print(f"    {job} {what}: {'done' if result.success else 'failed'} in {time.monotonic() - began:.0f} s", flush=True)
        return bool(result.success)

    def _new(self, requests: Any) -> list[dg.RunRequest]:
        found = [one for one in requests or () if one.run_key not in self.keys]
        self.keys |= {one.run_key for one in found}
        return found


def _day(number: int, day: date, drops: Path, rows: list[Any], clock: _Clock, project_file: Path, first: date) -> None:
    path = drops / f"{day}.jsonl"
    print(f"day {number}, {day}", flush=True)
    if number == HALF:
        _drop(path, day, rows[: len(rows) // 2], age=1.0)  # still being written
        clock.answer(clock.sensor() + clock.sensor())
        print("    half-written: the sensor waits", flush=True)
        _drop(path, day, rows)
    elif number == BROKEN:
        late = day - timedelta(days=number - LATE_FOR)
        _drop(
            path,
            day,
            rows[:-5],
            more=[json.dumps({"id": row[0], "text": row[1], "at": str(late)}) for row in rows[-5:]] + ["{broken", '{"id": "x9"}'],
        )
    else:
        _drop(path, day, rows)
    if number == DOWN:
        _write_project(project_file, first, engine={"kind": "url", "model": "gone", "base_url": "http://127.0.0.1:9/v1"})
    clock.answer(clock.sensor() + clock.sensor())
    clock.answer(clock.night(day))
    if number == DOWN:
        _write_project(project_file, first)


def _drop(path: Path, day: date, rows: list[Any], *, age: float = 3600, more: list[str] | None = None) -> None:
    lines = [json.dumps({"id": one, "text": text, "at": str(day)}) for one, text, _ in rows]
    path.write_text("".join(f"{line}\n" for line in [*lines, *(more or [])]), encoding="utf-8")
    os.utime(path, (time.time() - age,) * 2)


def _write_project(path: Path, first: date, engine: dict[str, Any] | None = None) -> None:
    given = {
        "name": "fortnight", "use_case": "what does the user want the assistant to do",
        "corpus": {"path": "drops", "format": "jsonl", "id": "id"}, **({"engine": engine} if engine else {}), "exam": "off",
        "taxonomy": {"sample": 100, "size": {"min": 6, "max": 12}, "passes": 1, "validation": 10}, "annotation": {"sample": 120, "reordered": 0},
        "evaluation": {"baseline": False}, "partitions": {"by": "day", "column": "at", "start": str(first), "labelled": 3},
        "schedule": {"label": "0 3 * * *", "arrivals": True, "days": 400}, "alerts": {"file": "alerts.jsonl"},
    }  # fmt: skip
    path.write_text(yaml.safe_dump(given, sort_keys=False), encoding="utf-8")


def _verdict(clock: _Clock, documents: int) -> int:
    from pipeline.store import Store

    store = Store.open(clock.workspace / ".linnaeus" / "projects" / "fortnight")
    per_document = Counter(row[0] for row in store.rows("select doc_id from labelled_documents where category is not null"))
    days = store.rows("select partition, count(*) from documents where active group by 1 order by 1")
    rejects = store.rows("select reason, count(*) from rejects group by 1 order by 1")
    twice = store.rows("select count(*) from (select text_hash from predictions group by text_hash, classifier_id having count(*) > 1)")[0][0]
    print("\ndocuments by day:", ", ".join(f"{day} {count}" for day, count in days))
    print("rejects:", rejects)
    print("seen:\n  " + "\n  ".join(clock.seen))
    whole = len(per_document) == documents and set(per_document.values()) == {1} and not twice
    faults = any("annotations failed" in line for line in clock.seen) and bool(rejects)
    print(f"{len(per_document)} of {documents} documents labelled, each once: {whole}; every fault seen: {faults}")
    return 0 if whole and faults else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_option(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder of the workspace; emptied first")
    parser.add_argument("--documents", type=int, default=300, help="documents of the first day")
    parser.add_argument("--day", type=int, default=40, help="documents of each further day")
    sys.exit(main(parser.parse_args()))
