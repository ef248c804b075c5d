"""Drift: a part like those before it passes by chance only as rarely as is promised, and one that differs is found."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from pipeline.evaluation.drift import LEVEL, label_shift, share_by_chance
from pipeline.settings import Project, load_project
from pipeline.stages import Session, run_stage
from pipeline.stages.drift import drift_of, measure_drift
from pipeline.stages.drift_checks import few_strangers, labels_are_as_before
from tests.tiny import run_all, tiny_rows, tiny_session, write_project, write_rows

MakeProject = Callable[..., Project]
COUNTS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 60), min_size=1).filter(lambda counts: sum(counts.values()) > 0)


# --- laws ------------------------------------------------------------------------------------------------------------


def drawn(generator: np.random.Generator, documents: int, shares: list[float]) -> Counter[str]:
    return Counter({chr(97 + place): int(count) for place, count in enumerate(generator.multinomial(documents, shares))})


@pytest.mark.parametrize(("documents", "before"), [(30, 300), (30, 40), (400, 2000)])
def test_parts_of_the_same_mix_pass_the_distance_by_chance_as_rarely_as_is_promised(documents: int, before: int) -> None:
    generator, shares, times, level = np.random.default_rng(7), [0.3, 0.2, 0.2, 0.1, 0.1, 0.05, 0.05], 300, 0.05
    passed = 0
    for seed in range(times):
        found = label_shift(drawn(generator, documents, shares), drawn(generator, before, shares), seed=seed, level=level, draws=399)
        passed += found.distance > found.by_chance
    assert passed <= times * level + 3 * (times * level * (1 - level)) ** 0.5


def test_a_small_day_looks_far_off_and_does_not_alarm_and_a_real_change_does() -> None:
    generator, shares = np.random.default_rng(3), [0.1] * 10
    before = drawn(generator, 3000, shares)
    quiet = [label_shift(drawn(generator, 30, shares), before, seed=seed) for seed in range(60)]
    assert np.mean([found.distance for found in quiet]) > 0.12
    assert sum(found.distance > found.by_chance for found in quiet) <= 1
    changed = [label_shift(drawn(generator, 30, [0.7, *[0.3 / 9] * 9]), before, seed=seed) for seed in range(60)]
    assert sum(found.distance > found.by_chance for found in changed) >= 57
    assert all(next(iter(found.changes)) == "a" for found in changed)


@settings(max_examples=40, deadline=None)
@given(COUNTS, COUNTS, st.integers(0, 9))
def test_a_distance_is_a_share_the_same_both_ways_and_nothing_between_equal_mixes(part: dict[str, int], before: dict[str, int], seed: int) -> None:
    one, other = label_shift(part, before, seed=seed, draws=99), label_shift(before, part, seed=seed, draws=99)
    assert 0 <= one.distance <= 1
    assert 0 <= one.by_chance <= 1
    assert one.distance == pytest.approx(other.distance)
    assert label_shift(part, {name: 3 * count for name, count in part.items()}, seed=seed, draws=99).distance == pytest.approx(0)
    assert sum(now - was for was, now in one.changes.values()) == pytest.approx(0)
    assert one == label_shift(part, before, seed=seed, draws=99)


def test_new_and_gone_categories_count_and_empty_parts_are_refused() -> None:
    assert label_shift({"new": 40}, {"old": 40}, seed=1).distance == 1
    with pytest.raises(ValueError, match="0 documents to compare with 3"):
        label_shift({}, {"a": 3}, seed=1)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.floats(0.01, 0.5))
def test_the_share_by_chance_is_passed_as_rarely_as_is_promised_and_no_larger_than_it_must_be(documents: int, rate: float) -> None:
    hits = round(share_by_chance(documents, rate) * documents)
    assert binom.sf(hits, documents, rate) <= LEVEL
    assert hits == 0 or binom.sf(hits - 1, documents, rate) > LEVEL


# --- in a store ------------------------------------------------------------------------------------------------------

PARTS = {"2026-01-01": (0, 40), "2026-01-02": (40, 80)}


def dated(first: int, last: int, day: str, rows: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    return [row | {"at": f"{day}T10:00:00"} for row in (rows or tiny_rows())[first:last]]


def drops(tmp_path: Path) -> Path:
    return tmp_path / "projects" / "data" / "drops"


def write_parted(workspace: Path) -> Project:
    for day, (first, last) in PARTS.items():
        write_rows(drops(workspace) / f"{day}.jsonl", dated(first, last, day))
    corpus = {"path": "data/drops", "format": "jsonl", "id": "id", "text": "text"}
    return load_project(write_project(workspace, corpus=corpus, partitions={"by": "day", "column": "at", "start": "2026-01-01"}))


@pytest.fixture(scope="module")
def run_over(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of a project by day after a run up to the predictions; to copy, not to change."""
    root = tmp_path_factory.mktemp("run_over")
    with session_of(write_parted(root), root) as session:
        run_all(session, until="predictions")
    return root


@pytest.fixture(name="labelled")
def _labelled(run_over: Path, tmp_path: Path) -> Project:
    shutil.copytree(run_over, tmp_path, dirs_exist_ok=True)
    return load_project(tmp_path / "projects" / "tiny.yaml")


def session_of(project: Project, tmp_path: Path, *partitions: str) -> Session:
    session = tiny_session(project, tmp_path / "state")
    session.partitions = partitions
    return session


def only(topic: str) -> list[dict[str, Any]]:
    return [row | {"id": f"again {row['id']}", "text": f"once more: {row['text']}"} for row in tiny_rows() if row["topic"] == topic]


def add_day(project: Project, tmp_path: Path, day: str, rows: list[dict[str, Any]]) -> Session:
    write_rows(drops(tmp_path) / f"{day}.jsonl", dated(0, len(rows), day, rows))
    session = session_of(project, tmp_path, day)
    for stage in ("documents", "embeddings", "predictions"):
        run_stage(stage, session)
    return session


def test_each_day_is_compared_with_those_before_it_and_a_change_is_found(labelled: Project, tmp_path: Path) -> None:
    with session_of(labelled, tmp_path) as session:
        first, second = drift_of(session)
        assert (first.part, first.documents, first.before, first.distance) == ("2026-01-01", 40, 0, None)
        assert (second.part, second.documents, second.before) == ("2026-01-02", 40, 40)
        assert second.distance is not None and second.distance_by_chance is not None
        assert second.distance <= second.distance_by_chance
        assert labels_are_as_before(session).passed
    with add_day(labelled, tmp_path, "2026-01-03", only("delivery")) as session:
        third = drift_of(session)[-1]
        assert third.distance is not None and third.distance_by_chance is not None
        assert third.distance > third.distance_by_chance
        grown = next(iter(third.changes))
        names = {category.category_id: category.name for category in session.store.taxonomy(session.store.current("taxonomy_id") or "").categories}
        assert third.changes[grown][1] > third.changes[grown][0]
        assert names[grown] == "Late Parcels"
        warned = labels_are_as_before(session)
        assert not warned.passed
        assert warned.said.startswith("2026-01-03: a distance of ")
        assert "Late Parcels " in warned.said
        session.partitions = ("2026-01-02",)
        assert labels_are_as_before(session).passed


def test_strangers_are_counted_against_those_before(labelled: Project, tmp_path: Path) -> None:
    with session_of(labelled, tmp_path) as session:
        with session.store.writer() as connection:
            connection.execute("update predictions set novelty = 0.9")
            connection.execute(
                "update predictions set novelty = 0.97 where text_hash in (select text_hash from documents where partition = '2026-01-02')"
            )
        assert measure_drift(session) == 1
        first, second = drift_of(session)
        assert (first.strangers, first.strangers_by_chance) == (0, None)
        assert (second.strangers, second.strangers_before) == (1, 0)
        assert second.strangers_by_chance is not None and 0.05 < second.strangers_by_chance < 0.25
        assert few_strangers(session).said == "2026-01-02: 100 % of 40 documents are strangers; before 0 %"
        session.partitions = ("2026-01-01",)
        assert few_strangers(session).passed


def test_what_was_compared_is_not_compared_again_until_it_changes(labelled: Project, tmp_path: Path) -> None:
    with session_of(labelled, tmp_path) as session:
        before = drift_of(session)
        assert measure_drift(session) == 0
    late = [row | {"id": f"late {row['id']}", "text": f"also {row['text']}"} for row in tiny_rows()[80:90]]
    write_rows(drops(tmp_path) / "late.jsonl", dated(0, 10, "2026-01-02", late))
    with session_of(labelled, tmp_path) as session:
        for stage in ("documents", "embeddings", "predictions"):
            run_stage(stage, session)
        after = drift_of(session)
        assert after[0] == before[0]
        assert after[1].documents == before[1].documents + 10


def test_a_project_without_partitions_is_compared_by_the_day_on_which_documents_came(make_project: MakeProject, copied: Path) -> None:
    with tiny_session(make_project(), copied) as session:
        assert [(one.documents, one.before) for one in drift_of(session)] == [(120, 0)]
        with session.store.writer() as connection:
            connection.execute("update documents set first_seen = '2025-12-31 10:00:00' where order_key < (select median(order_key) from documents)")
        assert measure_drift(session) == 2
        assert drift_of(session)[0].part == "2025-12-31"
        assert drift_of(session)[-1].before > 30


def test_labels_that_the_student_learnt_from_judge_nothing(labelled: Project, tmp_path: Path) -> None:
    with session_of(labelled, tmp_path) as session:
        held_out = sum(one.judged for one in drift_of(session))
        assert 0 < held_out < session.store.count("labels")


def test_there_is_no_drift_before_there_is_a_student(tmp_path: Path) -> None:
    with session_of(write_parted(tmp_path), tmp_path) as session:
        run_stage("documents", session)
        assert (measure_drift(session), drift_of(session)) == (0, [])
        assert labels_are_as_before(session).passed
