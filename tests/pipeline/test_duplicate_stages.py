"""Near copies in a project: found once, kept on one side of splits, labelled once where labels are shared."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.ids import text_hash
from pipeline.records import Annotator, Label
from pipeline.settings import Project, load_project
from pipeline.stages import Session, run_stage
from pipeline.stages.asking import annotation_sample, current_taxonomy, is_held_out
from pipeline.stages.duplicates import cluster_of, find_pairs, near_spec, try_thresholds
from pipeline.stages.learning import lesson_of, material_of
from pipeline.stages.sharing import share_labels
from tests.tiny import run_all, tiny_rows, tiny_session, write_project, write_rows

TAIL = " Thank you for your help, and have a pleasant day wherever this message may find you, dear people of the service."


def with_copies(every: int = 3) -> list[dict[str, Any]]:
    """Give the tiny corpus with a near copy of every third text: long enough, and one word longer than it."""
    rows = tiny_rows()
    long = [row | {"text": row["text"] + TAIL} for row in rows]
    return long + [row | {"id": f"{row['id']}-copy", "text": row["text"] + " Bye."} for row in long[::every]]


@pytest.fixture
def project_of(make_project: Callable[..., Project], tmp_path: Path) -> Callable[..., Project]:
    """Make a project of texts with near copies; by 0.8 copies are copies, and texts with a common ending are not."""

    def make(rows: list[dict[str, Any]] | None = None, **near: Any) -> Project:
        path = write_rows(tmp_path / "projects" / "copies.jsonl", with_copies() if rows is None else rows)
        project = make_project()
        corpus = project.corpus.model_copy(update={"path": str(path)}).model_dump() | ({"near_duplicates": near} if near else {})
        return project.model_copy(update={"corpus": type(project.corpus).model_validate(corpus)})

    return make


@pytest.fixture(scope="module")
def shared_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Path]:
    """A project that shares labels, after a run as far as the labels, to read from and to copy, not to change."""
    root = tmp_path_factory.mktemp("shared")
    project = load_project(write_project(root, with_copies()))
    corpus = type(project.corpus).model_validate(project.corpus.model_dump() | {"near_duplicates": {"threshold": 0.9, "act": "share"}})
    project = project.model_copy(update={"corpus": corpus})
    with tiny_session(project, root / "state") as session:
        run_all(session, until="labels")
    return project, root / "state"


def opened(project: Project, tmp_path: Path, **more: Any) -> Session:
    return tiny_session(project, tmp_path / "state", **more)


def test_a_project_that_does_not_ask_marks_nothing(project_of: Callable[..., Project], tmp_path: Path) -> None:
    with opened(project_of(), tmp_path) as session:
        run_stage("documents", session)
        assert session.store.count("near_signatures") == 0
        assert session.store.whole_current("near_spec") is None


def test_marked_copies_are_beside_their_originals(project_of: Callable[..., Project], tmp_path: Path) -> None:
    with opened(project_of(threshold=0.9, act="mark"), tmp_path) as session:
        run_stage("documents", session)
        rows = session.store.rows("select doc_id, text, original, similarity from near_copies")
        assert len(rows) == 40
        for _, text, original, likeness in rows:
            assert {len(text) - len(original), len(original) - len(text)} == {5, -5}
            assert likeness >= 0.9


def test_new_texts_alone_are_signed_and_compared(project_of: Callable[..., Project], tmp_path: Path) -> None:
    rows = with_copies()
    with opened(project_of(rows[:130], threshold=0.9), tmp_path) as session:
        run_stage("documents", session)
        before = session.store.count("near_signatures")
        assert find_pairs(session) == 0
    with opened(project_of(rows, threshold=0.9), tmp_path) as session:
        run_stage("documents", session)
        assert session.store.count("near_signatures") == before + len(rows) - 130
        grown = {tuple(row) for row in session.store.near_duplicates(near_spec(0.9))}
    with opened(project_of(rows, threshold=0.9), tmp_path / "at_once") as session:
        run_stage("documents", session)
        at_once = {tuple(row) for row in session.store.near_duplicates(near_spec(0.9))}
    assert {frozenset(row[:2]) for row in grown} >= {frozenset(row[:2]) for row in at_once if row[0] != row[1]}
    assert len(grown) == len(at_once)


def test_a_copy_whose_original_has_vanished_is_an_original(project_of: Callable[..., Project], tmp_path: Path) -> None:
    rows = with_copies()
    with opened(project_of(rows, threshold=0.9), tmp_path) as session:
        run_stage("documents", session)
        assert len(session.store.copies(near_spec(0.9))) == 40
    with opened(project_of(rows[:1] + rows[3:], threshold=0.9), tmp_path) as session:
        run_stage("documents", session)
        assert len(session.store.copies(near_spec(0.9))) == 40
    without_first = [row for row in rows if row["id"] != rows[0]["id"]]
    with opened(project_of(without_first, threshold=0.9), tmp_path) as session:
        run_stage("documents", session)
        copies = session.store.copies(near_spec(0.9))
        assert len(copies) == 39
        assert text_hash(rows[120]["text"]) not in {*copies, *copies.values()}


def test_shared_labels_ask_the_originals_alone_and_say_so(shared_run: tuple[Project, Path]) -> None:
    with tiny_session(*shared_run, run_id="reader") as session:
        store, copies, present = session.store, session.store.copies(near_spec(0.9)), current_taxonomy(session)
        assert not copies.keys() & {document.text_hash for document in annotation_sample(session)}
        shared, teacher = (
            {label.text_hash: label for label in store.labels(present.taxonomy_id, store.current(f"{who}_annotator_id") or "")}
            for who in ("shared", "teacher")
        )
        assert shared
        assert shared.keys() == {copy for copy, original in copies.items() if original in teacher and teacher[original].category_id}
        assert all(label.category_id == teacher[copies[copy]].category_id for copy, label in shared.items())
        by = Counter(row[0] for row in store.rows("select labelled_by from labelled_documents"))
        assert by["shared"] == len(shared)
        assert store.rows("select sum(by_shared) from label_counts") == [(len(shared),)]
        assert store.annotator(store.current("shared_annotator_id") or "").kind == "shared"


def test_what_a_person_says_of_an_original_is_shared_before_the_teachers_word(shared_run: tuple[Project, Path], tmp_path: Path) -> None:
    shutil.copytree(shared_run[1], tmp_path / "state")
    with tiny_session(shared_run[0], tmp_path / "state", run_id="second") as session:
        store, present = session.store, current_taxonomy(session)
        before = store.labels(present.taxonomy_id, store.current("shared_annotator_id") or "")
        copy = before[0]
        other = next(one.category_id for one in present.leaves if one.category_id != copy.category_id)
        person = Annotator("annotator:ann", "human", None, None, {})
        store.save([person, Label(store.copies(near_spec(0.9))[copy.text_hash], present.taxonomy_id, person.annotator_id, other, None)])
        share_labels(session, present, store.current("teacher_annotator_id") or "")
        after = {label.text_hash: label.category_id for label in store.labels(present.taxonomy_id, store.current("shared_annotator_id") or "")}
        assert after[copy.text_hash] == other
        assert len(after) == len(before)


def test_a_second_run_with_shared_labels_makes_nothing_and_giving_it_up_keeps_copies_on_one_side(
    shared_run: tuple[Project, Path], project_of: Callable[..., Project], tmp_path: Path
) -> None:
    shutil.copytree(shared_run[1], tmp_path / "state")
    with tiny_session(shared_run[0], tmp_path / "state", run_id="second") as session:
        before = session.store.rows("select count(*), max(created_at) from labels")
        for stage in ("documents", "annotations", "labels"):
            assert run_stage(stage, session).calls == 0
        assert session.store.rows("select count(*), max(created_at) from labels") == before
    with opened(project_of(threshold=0.9, act="mark"), tmp_path, run_id="third") as session:
        for stage in ("documents", "embeddings", "annotations", "labels"):
            run_stage(stage, session)
        assert session.store.rows("select count(*) from labelled_documents where labelled_by = 'shared'") == [(0,)]
        _copies_are_never_parted(session)


def _copies_are_never_parted(session: Session) -> None:
    copies = session.store.copies(near_spec(0.9))
    assert all(is_held_out(session, copy) == is_held_out(session, original) for copy, original in copies.items())
    assert len({is_held_out(session, copy) for copy in copies}) == 2
    lesson = lesson_of(session)
    groups = dict(zip((label.text_hash for label in lesson.taught), material_of(session, lesson).groups.tolist(), strict=True))
    both = [(copy, original) for copy, original in copies.items() if copy in groups and original in groups]
    assert both
    assert all(groups[copy] == groups[original] for copy, original in both)
    assert len(set(groups.values())) == len({cluster_of(session, text) for text in groups})


def test_thresholds_are_shown_on_the_pairs_nearest_to_them(project_of: Callable[..., Project], tmp_path: Path) -> None:
    with opened(project_of(), tmp_path) as session:
        run_stage("documents", session)
        find_pairs(session)
        lax, strict = try_thresholds(session, [0.6, 0.95], examples=2)
        assert lax.count.copies >= 40 > strict.count.copies or strict.count.copies == 40
        assert all(pair.similarity >= 0.6 for pair in lax.above)
        assert all(pair.similarity < 0.95 for pair in strict.below)
        assert [pair.similarity for pair in strict.below] == sorted((pair.similarity for pair in strict.below), reverse=True)


def test_a_killed_comparison_is_made_again(project_of: Callable[..., Project], tmp_path: Path) -> None:
    with opened(project_of(), tmp_path) as session:
        run_stage("documents", session)
        find_pairs(session)
        before = session.store.rows("select * from near_pairs order by all")
        with session.store.writer() as connection:
            connection.execute("update near_signatures set compared = false where position > 100")
            connection.execute("delete from near_pairs where text_hash in (select text_hash from near_signatures where position > 120)")
        assert find_pairs(session) == len(with_copies()) - 101
        assert session.store.rows("select * from near_pairs order by all") == before


def test_signatures_lie_in_the_order_in_which_texts_were_signed(project_of: Callable[..., Project], tmp_path: Path) -> None:
    with opened(project_of(), tmp_path) as session:
        run_stage("documents", session)
        find_pairs(session)
        signed = session.store.signatures(session.store.rows("select any_value(signature_spec) from near_signatures")[0][0])
        assert len(signed.hashes) == len(with_copies())
        assert signed.names(np.array([3, 1])) == [signed.hashes[3].as_py(), signed.hashes[1].as_py()]
        assert not signed.fresh.any()
