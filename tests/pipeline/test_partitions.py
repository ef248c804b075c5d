"""Documents by day or by batch: each goes to its own part, late ones too, and what was read in is not read in twice."""

import json
import os
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpus import Unparted, partition_of, partition_of_file
from pipeline.errors import ProjectError
from pipeline.schedule_settings import PartitionSettings, ScheduleSettings
from pipeline.settings import Project, load_project
from pipeline.stages import Session, run_stage
from pipeline.stages.arrivals import FileVersion, Waiting, file_versions, settled_files, waiting_partitions
from tests.tiny import run_all, tiny_rows, tiny_session, write_project

MakeProject = Callable[..., Project]
TODAY = date(2026, 6, 15)
BY_COLUMN = PartitionSettings(by="day", column="at", start=date(2026, 1, 1))
BY_NAME = PartitionSettings(by="day", start=date(2026, 1, 1))
BATCHES = PartitionSettings(by="batch")


def day_of_row(value: Any, timezone: str = "UTC") -> str:
    return partition_of("any.jsonl", {"at": value}, BY_COLUMN, timezone, today=TODAY)


# --- which part ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "timezone", "expected"),
    [
        ("2026-03-01", "UTC", "2026-03-01"),
        (" 2026-03-01T23:59:59 ", "Europe/Berlin", "2026-03-01"),
        ("2026-03-01T23:30:00Z", "Europe/Berlin", "2026-03-02"),
        ("2026-03-01T01:00:00+09:00", "UTC", "2026-02-28"),
        (datetime(2026, 3, 1, 4), "UTC", "2026-03-01"),
        (date(2026, 3, 1), "UTC", "2026-03-01"),
        ("2026-03-28T23:30:00+00:00", "Europe/Berlin", "2026-03-29"),  # the night before the clocks change
        ("2026-03-29T22:30:00+00:00", "Europe/Berlin", "2026-03-30"),  # the day that has 23 hours
        ("2025-10-26T23:30:00+00:00", "Europe/Berlin", None),  # before the first day
    ],
)
def test_the_day_is_that_of_the_projects_time_zone(value: Any, timezone: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(Unparted, match="lies before the first one, 2026-01-01"):
            day_of_row(value, timezone)
    else:
        assert day_of_row(value, timezone) == expected


@pytest.mark.parametrize("value", [None, "", "yesterday", "2026-02-30", 20260301, 1.5, True, ["2026-03-01"]])
def test_what_is_no_day_is_said(value: Any) -> None:
    with pytest.raises(Unparted, match="which is no day"):
        day_of_row(value)


def test_tomorrow_may_have_begun_elsewhere_and_the_day_after_has_not() -> None:
    assert day_of_row("2026-06-16") == "2026-06-16"
    with pytest.raises(Unparted, match="lies in the future: today is 2026-06-15"):
        day_of_row("2026-06-17")


@given(st.dates(date(2026, 1, 1), TODAY), st.sampled_from(["{}.jsonl", "in/{}/part-7.jsonl", "tickets_{}_export99.csv", "v12-{}.txt"]), st.booleans())
def test_a_day_is_found_in_any_file_name(day: date, name: str, short: bool) -> None:
    written = day.strftime("%Y%m%d") if short else day.isoformat()
    assert partition_of_file(name.format(written), BY_NAME, TODAY) == day.isoformat()


@pytest.mark.parametrize("name", ["a.jsonl", "2026-13-01.jsonl", "920260301.jsonl", "2026-02-3.jsonl"])
def test_a_name_without_a_day_is_said(name: str) -> None:
    with pytest.raises(Unparted, match="holds no day"):
        partition_of_file(name, BY_NAME, TODAY)


def test_a_batch_is_its_file() -> None:
    assert partition_of_file("shop/export.7.jsonl", BATCHES, TODAY) == "shop/export.7"
    assert partition_of_file("shop/export.7.jsonl.gz", BATCHES, TODAY) == "shop/export.7"


# --- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_settings", "said"),
    [
        ({"partitions": {"by": "day"}}, "partitions by day need a first day"),
        ({"partitions": {"by": "batch", "column": "at"}}, "partitions by batch are files"),
        ({"partitions": {"by": "week"}}, "'day' or 'batch'"),
        ({"schedule": {"timezone": "Mars/Olympus"}}, "schedule.timezone: is no time zone"),
        ({"schedule": {"label": "every day"}}, "schedule.label: is no cron line"),
        ({"schedule": {"label": "0 25 * * *"}}, r"schedule.label: has the hour '25'; expected numbers from 0 to 23"),
        ({"schedule": {"label": "0 3 * * someday"}}, "the day of the week 'someday'"),
        ({"checks": {"drift": 1.5}}, "checks.drift"),
        ({"checks": {"drfit": 0.5}}, "checks.drfit: unknown key; the keys here are .*summarised"),
    ],
)
def test_mistakes_of_a_schedule_name_their_key(tmp_path: Path, given_settings: dict[str, Any], said: str) -> None:
    (tmp_path / "projects").mkdir()
    path = write_project(tmp_path, **given_settings)
    with pytest.raises(ProjectError, match=said):
        load_project(path)


@pytest.mark.parametrize("line", ["0 3 * * *", "*/15 * * * *", "0 5 * * mon", "30 2 1,15 * 1-5", "0 0 1 jan,jul *", "0 22-23/2 * * 0,7"])
def test_cron_lines_are_taken(line: str) -> None:
    assert ScheduleSettings(label=line).label == line


# --- reading in ------------------------------------------------------------------------------------------------------


def write_day(folder: Path, name: str, rows: list[dict[str, Any]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def rows_of(day: str, first: int, count: int) -> list[dict[str, Any]]:
    return [row | {"at": f"{day}T12:00:00"} for row in tiny_rows()[first : first + count]]


@pytest.fixture(name="parted")
def _parted(make_project: MakeProject, tmp_path: Path) -> Project:
    """Three days in three files, the third with two documents of the first day."""
    drops = tmp_path / "projects" / "data" / "drops"
    write_day(drops, "a.jsonl", rows_of("2026-01-01", 0, 20))
    write_day(drops, "b.jsonl", rows_of("2026-01-02", 20, 20))
    write_day(drops, "c.jsonl", [*rows_of("2026-01-03", 40, 20), *rows_of("2026-01-01", 60, 2)])
    corpus = {"path": "data/drops", "format": "jsonl", "id": "id", "text": "text"}
    return make_project(corpus=corpus, partitions={"by": "day", "column": "at", "start": "2026-01-01"})


def reading(project: Project, tmp_path: Path, *partitions: str) -> Session:
    session = tiny_session(project, tmp_path / "state")
    session.partitions = partitions
    return session


def read_in(project: Project, tmp_path: Path, *partitions: str) -> dict[str, int]:
    with reading(project, tmp_path, *partitions) as session:
        run_stage("documents", session)
        return session.store.partition_counts()


def waits(project: Project, tmp_path: Path) -> list[str]:
    with reading(project, tmp_path) as session:
        return [one.partition for one in waiting_partitions(project, session.store)]


def test_a_part_is_read_in_by_itself_and_what_waits_is_known(parted: Project, tmp_path: Path) -> None:
    assert waits(parted, tmp_path) == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert read_in(parted, tmp_path, "2026-01-02") == {"2026-01-02": 20}
    assert waits(parted, tmp_path) == ["2026-01-01", "2026-01-03"]
    assert read_in(parted, tmp_path, "2026-01-01", "2026-01-03") == {"2026-01-01": 22, "2026-01-02": 20, "2026-01-03": 20}
    assert waits(parted, tmp_path) == []


def test_all_at_once_is_the_same_as_part_by_part(parted: Project, tmp_path: Path) -> None:
    assert read_in(parted, tmp_path) == {"2026-01-01": 22, "2026-01-02": 20, "2026-01-03": 20}
    assert waits(parted, tmp_path) == []


def test_late_documents_wait_under_their_own_day(parted: Project, tmp_path: Path) -> None:
    read_in(parted, tmp_path)
    drops = parted.corpus_path
    write_day(drops, "d.jsonl", [*rows_of("2026-01-04", 80, 5), *rows_of("2026-01-02", 90, 3)])
    assert waits(parted, tmp_path) == ["2026-01-02", "2026-01-04"]
    assert read_in(parted, tmp_path, "2026-01-02")["2026-01-02"] == 23
    assert waits(parted, tmp_path) == ["2026-01-04"]


def test_a_file_that_changed_waits_again_and_drops_what_it_no_longer_holds(parted: Project, tmp_path: Path) -> None:
    read_in(parted, tmp_path)
    write_day(parted.corpus_path, "b.jsonl", rows_of("2026-01-02", 20, 15))
    assert waits(parted, tmp_path) == ["2026-01-02"]
    assert read_in(parted, tmp_path, "2026-01-02")["2026-01-02"] == 15


def test_a_file_that_was_moved_away_leaves_its_documents(parted: Project, tmp_path: Path) -> None:
    before = read_in(parted, tmp_path)
    (parted.corpus_path / "a.jsonl").unlink()
    assert read_in(parted, tmp_path) == before
    assert read_in(parted, tmp_path, "2026-01-01") == before


def test_files_that_hold_nothing_of_a_part_are_not_opened(parted: Project, tmp_path: Path) -> None:
    read_in(parted, tmp_path)
    stat = (parted.corpus_path / "b.jsonl").stat()
    (parted.corpus_path / "b.jsonl").write_bytes(b"\xff" * stat.st_size)  # would be rejects if it were read
    os.utime(parted.corpus_path / "b.jsonl", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with reading(parted, tmp_path, "2026-01-03") as session:
        run_stage("documents", session)
        assert session.store.count("rejects") == 0


def test_a_row_without_a_day_is_a_reject_and_a_file_of_such_rows_does_not_wait_for_ever(parted: Project, tmp_path: Path) -> None:
    read_in(parted, tmp_path)
    write_day(parted.corpus_path, "e.jsonl", [{"id": "x1", "text": "where is my parcel", "at": "soon"}])
    assert waits(parted, tmp_path) == []
    with reading(parted, tmp_path) as session:
        run_stage("documents", session)
        rows = session.store.rows("select reason, message from rejects")
    assert rows == [("no_partition", "column 'at' holds 'soon', which is no day; expected one as 2026-01-31 or a time")]


def test_a_day_without_documents_passes(parted: Project, tmp_path: Path) -> None:
    before = read_in(parted, tmp_path)
    assert read_in(parted, tmp_path, "2026-01-09") == before


def test_without_an_id_column_documents_are_the_same_however_they_are_read(make_project: MakeProject, tmp_path: Path) -> None:
    drops = tmp_path / "projects" / "data" / "drops"
    same = {"text": "where is my parcel"}
    for day in (1, 2):
        write_day(drops, f"2026-01-0{day}.jsonl", [same, same, {"text": f"what are your opening hours on day {day}"}])
    project = make_project(corpus={"path": "data/drops", "format": "jsonl"}, partitions={"by": "day", "start": "2026-01-01"})
    whole = read_in(project, tmp_path / "whole")
    read_in(project, tmp_path / "parts", "2026-01-01")
    assert read_in(project, tmp_path / "parts", "2026-01-02") == whole == {"2026-01-01": 3, "2026-01-02": 3}


def test_embeddings_and_predictions_of_a_part_leave_the_others_waiting(parted: Project, tmp_path: Path) -> None:
    with reading(parted, tmp_path) as session:
        run_all(session, until="predictions")
        student = session.store.current("classifier_id")
        assert student is not None
    write_day(parted.corpus_path, "d.jsonl", [*rows_of("2026-01-04", 80, 5), *rows_of("2026-01-05", 90, 3)])
    with reading(parted, tmp_path, "2026-01-04") as session:
        for stage in ("documents", "embeddings", "predictions"):
            run_stage(stage, session)
        assert [one.partition for one in waiting_partitions(parted, session.store)] == ["2026-01-05"]
    with reading(parted, tmp_path, "2026-01-05") as session:
        run_stage("documents", session)
        assert waiting_partitions(parted, session.store) == [Waiting("2026-01-05", "documents without a prediction")]
        for stage in ("embeddings", "predictions"):
            run_stage(stage, session)
        assert waiting_partitions(parted, session.store) == []


def test_only_files_that_are_whole_count(parted: Project, tmp_path: Path) -> None:
    stat = (parted.corpus_path / "a.jsonl").stat()
    with reading(parted, tmp_path) as session:
        whole = FileVersion("a.jsonl", stat.st_size, stat.st_mtime_ns)
        assert waiting_partitions(parted, session.store, settled=[whole]) == [Waiting("2026-01-01", "a.jsonl not read in", (whole,))]


def test_a_file_is_whole_when_it_has_stayed_as_it_was_for_long_enough(parted: Project) -> None:
    first = file_versions(parted)
    newest = max(version.modified for version in first.values()) / 1e9
    assert settled_files(parted, first, first, newest + 29) == {}
    assert settled_files(parted, first, first, newest + 31) == first
    assert settled_files(parted, first, {}, newest + 31) == {}, "it has to be looked at twice"
    with (parted.corpus_path / "b.jsonl").open("a") as handle:
        handle.write("{}\n")
    assert set(settled_files(parted, file_versions(parted), first, newest + 3600)) == {"a.jsonl", "c.jsonl"}
    for name in (".d.jsonl", "d.jsonl.part"):
        (parted.corpus_path / name).write_text("{}\n")
    (parted.corpus_path / "empty.jsonl").touch()
    assert set(settled_files(parted, file_versions(parted), file_versions(parted), newest + 7200)) == {"a.jsonl", "b.jsonl", "c.jsonl"}


def test_some_documents_of_each_part_are_labelled_by_the_model(parted: Project, tmp_path: Path) -> None:
    project = parted.model_copy(
        update={
            "partitions": parted.partitions and parted.partitions.model_copy(update={"labelled": 6}),
            "annotation": parted.annotation.model_copy(update={"sample": 12}),
        }
    )
    with reading(project, tmp_path) as session:
        run_all(session, until="labels")
        counts = dict(
            session.store.rows(
                "select partition, count(distinct text_hash) from documents where text_hash in (select text_hash from labels) group by 1"
            )
        )
    assert min(counts.values()) >= 6 and sum(counts.values()) > 12
