"""Two states of a project are held against one another: what is typed is found or refused, what differs is told, the same documents are paired."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ProjectError
from pipeline.evaluation.side_by_side import Changed, Named, side_by_side
from pipeline.settings import Project, load_project
from pipeline.stages import run_stage
from pipeline.stages.comparison import hold_together
from pipeline.stages.comparison_sides import find_side
from pipeline.store import Store
from tests.tiny import tiny_session, write_project

Tell = Callable[..., tuple[int, str, str]]
NAMES = {"cat:1": "Refunds", "cat:2": "Parcels"}
CHANGED = {"students": [{"kind": "class_means"}], "evaluation": {"resamples": 120}}


@pytest.fixture(scope="module")
def twice(finished: tuple[Project, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Path]:
    """The finished project after a second run with another student."""
    root = tmp_path_factory.mktemp("twice")
    shutil.copytree(finished[1] / ".linnaeus", root / ".linnaeus")
    project = load_project(write_project(root, **CHANGED))
    with tiny_session(project, root / ".linnaeus" / "projects" / "tiny", run_id="second") as session:
        session.store.start_run(session.run_id, project.name)
        for stage in ("classifier", "predictions", "evaluation"):
            run_stage(stage, session)
        session.store.end_run(session.run_id, status="done", seconds=1.0)
        session.store.publish()
    return project, root


@pytest.fixture(name="store")
def _store(twice: tuple[Project, Path]) -> Iterator[Store]:
    yield Store.open(twice[1] / ".linnaeus" / "projects" / "tiny")


def test_the_previous_and_the_current_evaluation_are_held_together(store: Store, twice: tuple[Project, Path]) -> None:
    found = hold_together(store, twice[0], "previous", "current")
    assert (found.before.run_id, found.after.run_id) == ("run", "second")
    assert {one.what for one in found.differences} >= {"student", "evaluation"}
    assert not {"taxonomy", "labels by"} & {one.what for one in found.differences}
    (pair,) = [one for one in found.figures if (one.subject, one.metric, one.slice) == ("student", "accuracy", "all")]
    assert pair.before is not None and pair.after is not None
    assert pair.difference == pair.after.value - pair.before.value
    assert set(found.labels) == {"student"}
    held = found.labels["student"]
    assert held.n == 120
    assert sum(one.n for one in held.changed) == round(120 * (1 - held.agreement.value))


@pytest.mark.parametrize(
    ("asked", "what"),
    [("run", "run"), ("second", "run"), ("#1", "student"), ("#2", "student"), ("scripted", "model"), ("current", "current evaluation")],
)
def test_what_is_typed_is_found(asked: str, what: str, store: Store) -> None:
    if len(asked) < 4 and asked[0] != "#":
        asked = "secon"
    assert find_side(store, asked).what == what


def test_ids_are_found_by_their_beginning(store: Store) -> None:
    evaluation, student, taxonomy = (store.current(f"{kind}_id") or "" for kind in ("evaluation", "classifier", "taxonomy"))
    assert find_side(store, evaluation[:14]).evaluation_id == evaluation
    assert find_side(store, student.removeprefix("student:")[:8]).classifier_id == student
    assert find_side(store, taxonomy[:12]).taxonomy_id == taxonomy
    number = store.rows("select version from taxonomy_versions where taxonomy_id = ?", [taxonomy])[0][0]
    assert find_side(store, f"v{number}").taxonomy_id == taxonomy


@pytest.mark.parametrize("asked", ["nothing", "", "x", "#9", "v999", "#0"])
def test_what_is_not_there_is_refused_with_what_there_is(asked: str, store: Store) -> None:
    with pytest.raises(ProjectError, match=r"There are: evaluations eval:\w+ \(run run\).*students #1 .*models scripted.*current and previous"):
        find_side(store, asked)


def test_what_may_be_several_things_is_refused_with_all_of_them(store: Store) -> None:
    with pytest.raises(ProjectError, match=r"may be any of 2 things: .*Type more"):
        find_side(store, "eval:")


def test_a_store_without_evaluations_says_so(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="nothing that was measured yet; run the project"):
        find_side(Store.open(tmp_path), "current")


def test_labels_are_paired_on_the_documents_of_both_and_held_against_gold() -> None:
    one = Named({"a": "cat:1", "b": "cat:1", "c": "cat:2", "d": None, "x": "cat:1"}, NAMES)
    other = Named({"a": "cat:1", "b": "cat:2", "c": "cat:2", "d": "cat:1"}, NAMES)
    found = side_by_side(one, other, {"a": "Refunds", "b": "Parcels", "d": "Parcels"}, resamples=100, seed=1)
    assert found is not None
    assert (found.n, found.agreement.value) == (4, 0.5)
    assert list(found.changed) == [Changed("Refunds", "Parcels", 1), Changed(None, "Refunds", 1)] or len(found.changed) == 2
    assert found.right is not None and found.gain is not None
    assert [side.value for side in found.right] == [pytest.approx(1 / 3), pytest.approx(2 / 3)]
    assert found.gain.value == pytest.approx(1 / 3)
    assert found.p == 1.0


def test_gold_that_is_no_name_of_a_category_judges_nothing() -> None:
    labels = Named({"a": "cat:1"}, NAMES)
    found = side_by_side(labels, labels, {"a": "money"}, resamples=100, seed=1)
    assert found is not None
    assert (found.right, found.gain, found.p) == (None, None, None)
    assert side_by_side(labels, Named({}, NAMES), {}, resamples=100, seed=1) is None


def test_a_category_is_the_same_by_its_id_or_by_its_name() -> None:
    renamed = side_by_side(Named({"a": "cat:1"}, NAMES), Named({"a": "cat:1"}, {"cat:1": "Money back"}), {}, resamples=100, seed=1)
    anew = side_by_side(Named({"a": "cat:1"}, NAMES), Named({"a": "cat:9"}, {"cat:9": "Refunds"}), {}, resamples=100, seed=1)
    assert renamed is not None and anew is not None
    assert renamed.agreement.value == anew.agreement.value == 1.0


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.sampled_from(["cat:1", "cat:2", None]), min_size=1))
def test_labels_agree_with_themselves(labels: dict[str, str | None]) -> None:
    found = side_by_side(Named(labels, NAMES), Named(labels, NAMES), dict.fromkeys(labels, "Refunds"), resamples=100, seed=1)
    assert found is not None
    assert (found.agreement.value, found.changed) == (1.0, [])
    assert found.gain is not None
    assert found.gain.value == 0.0


def as_workspace_of(twice: tuple[Project, Path], workspace: Path) -> None:
    shutil.copytree(twice[1] / ".linnaeus", workspace / ".linnaeus", dirs_exist_ok=True)
    write_project(workspace, **CHANGED)


def test_the_command_shows_what_differs_and_the_figures(twice: tuple[Project, Path], workspace: Path, tell: Tell) -> None:
    as_workspace_of(twice, workspace)
    status, said, _ = tell("compare", "tiny", "previous", "current")
    assert status == 0
    for word in ("A: previous (previous evaluation)", "student", "Labels of the student", "Cohen's kappa", "Figures", "B - A"):
        assert word in said
    _, whole, _ = tell("compare", "tiny", "current", "current", "--json")
    read = json.loads(whole)
    assert read["differences"] == [] and read["labels"] == {}
    assert {pair["difference"] for pair in read["figures"]} == {0.0}


def test_two_projects_are_compared_by_their_figures(twice: tuple[Project, Path], workspace: Path, tell: Tell) -> None:
    as_workspace_of(twice, workspace)
    shutil.copytree(workspace / ".linnaeus" / "projects" / "tiny", workspace / ".linnaeus" / "projects" / "other")
    write_project(workspace, name="other")
    status, said, _ = tell("compare", "tiny:previous", "other:current", "--json")
    read = json.loads(said)
    assert status == 0
    assert read["differences"][0] == {"what": "project", "before": "tiny", "after": "other"}
    assert read["labels"] == {} and read["taxonomy_changes"] == []
    assert any(pair["difference"] for pair in read["figures"])


def test_a_side_that_is_not_there_is_an_error(twice: tuple[Project, Path], workspace: Path, tell: Tell) -> None:
    as_workspace_of(twice, workspace)
    status, _, error = tell("compare", "tiny", "current", "nowhere")
    assert status == 1
    assert "There is no run, evaluation, student, taxonomy, model or prompt 'nowhere'" in error
