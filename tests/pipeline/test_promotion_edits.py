"""A student of one version of the taxonomy labels by the next one as far as its categories are still there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import StudentError
from pipeline.stages import Session, load_current_student, run_stage
from pipeline.stages.promotion import compare, promote, roll_back
from pipeline.stages.taxonomy_edits import apply_file, export_taxonomy, make_current
from pipeline.testing import ScriptedChat
from tests.promotions import Heard, MakeProject, decisions, said
from tests.registry import current_id
from tests.tiny import run_all, tiny_session


@pytest.fixture(name="session")
def _session(make_project: MakeProject, copied: Path) -> Iterator[Session]:
    """The finished tiny project with its one student; no model can be asked, and what is said is kept."""
    with tiny_session(make_project(), copied, chat=ScriptedChat([]), run_id="later") as session:
        session.progress = Heard()
        yield session


def edited(session: Session, tmp_path: Path, *changes: tuple[str, str]) -> None:
    """Make an edited version of the taxonomy the current one."""
    file = tmp_path / "edited.yaml"
    export_taxonomy(session.store, file, replacing=True)
    text = file.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    make_current(session, apply_file(session, file))


def test_after_a_rename_a_student_labels_by_the_new_name_until_another_is_trained(make_project: MakeProject, copied: Path, tmp_path: Path) -> None:
    with tiny_session(make_project(), copied, run_id="edited") as session:
        session.progress = Heard()
        old = load_current_student(session)
        edited(session, tmp_path, ("Login Trouble", "Account Access"))
        renamed = load_current_student(session)
        assert renamed.categories == old.categories
        assert renamed.names == [name.replace("Login Trouble", "Account Access") for name in old.names]
        assert "4 are still there (Login Trouble is now called Account Access)" in said(session)[0]
        first = current_id(session)
        reports = run_all(session)
        second = current_id(session)
        assert (reports["taxonomy"].made, reports["annotations"].calls, reports["predictions"].made) == (0, 60, 120)
        assert load_current_student(session).categories == old.categories, "categories keep their ids"
        assert decisions(session)[0].reason.startswith("The present one labels by another version of the taxonomy.")
        assert session.store.query("select count(*) from labelled_documents where category is null")[1] == [(0,)]
        for refused in (lambda: compare(session, first, second), lambda: promote(session, first), lambda: roll_back(session)):
            with pytest.raises(StudentError, match=r"labels by the taxonomy tax:.*Login Trouble is now called Account Access"):
                refused()
        assert current_id(session) == second


def test_a_student_is_refused_where_a_category_of_it_is_lost(session: Session, tmp_path: Path) -> None:
    text = "name: Login Trouble\n"
    edited(session, tmp_path, (text, text + "    merged_into: Opening Hours\n"))
    with pytest.raises(StudentError, match=r"has moved on .* 1 lost \(Login Trouble was merged into Opening Hours\)\. Train one"):
        load_current_student(session)
    with pytest.raises(StudentError, match="has moved on"):
        run_stage("predictions", session)


def test_what_became_of_categories_is_said_for_each(session: Session, tmp_path: Path) -> None:
    below = "name: Late Parcels\n"
    edited(session, tmp_path, (below, below + "    children:\n      - name: Lost Parcels\n      - name: Slow Parcels\n"))
    with pytest.raises(StudentError, match="Late Parcels was parted into Lost Parcels, Slow Parcels") as caught:
        load_current_student(session)
    assert "It knows nothing of Lost Parcels, Slow Parcels." in str(caught.value)
