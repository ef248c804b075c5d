"""The commands on taxonomies: look at versions, write a file, apply it once edited, and start from a file."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import ProjectError, TaxonomyError, TaxonomyFileError
from pipeline.ids import text_hash
from pipeline.records import Category, Change, Document, Taxonomy
from pipeline.settings import Project, load_project
from pipeline.stages import Session, opening_sessions, project_state
from pipeline.stages.kept import current_spec, kept_taxonomy
from pipeline.stages.taxonomy_edits import apply_file, make_current, starting_categories
from pipeline.store import Store
from pipeline.testing import ScriptedChat
from tests.stored_taxonomies import BILLING, FIRST, LATE, PARCELS, REFUND, REFUNDS, SECOND, TEXTS, TWICE, URGENCY, WHERE
from tests.tiny import TinyEmbedder, write_project


def run(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, ["taxonomy", *arguments], env={"COLUMNS": "200"}, input=answer)


def opener(project: Project, *, run_id: str | None = None, progress: Any = None) -> Session:
    return Session(project, run_id=run_id, progress=progress, chat=ScriptedChat([]), embedder=TinyEmbedder())


@pytest.fixture(name="project")
def _project(workspace: Path) -> Iterator[Project]:
    """A project that has not been run; its sessions ask no model."""
    with opening_sessions(opener):
        yield load_project(write_project(workspace, facets={"urgency": {"use_case": "how urgent"}}))


@pytest.fixture(scope="module", name="stored")
def _stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a store with two versions of one taxonomy and one of another facet; making them takes long."""
    store = Store.open(tmp_path_factory.mktemp("stored"))
    documents = [Document(str(number), text_hash(text), text, "hand") for number, text in enumerate(TEXTS)]
    store.save_documents(documents, seed=1, seen_at=datetime.now(UTC))
    changes = [
        Change(SECOND.taxonomy_id, "merge", "cat:h", "Opening Hours", "Parcels", "their texts are alike"),
        Change(SECOND.taxonomy_id, "rename", "cat:r", "Refunds", "Refunds", "never stored twice"),
    ]
    store.save([FIRST, SECOND, URGENCY, *changes])
    store.mark_current(taxonomy_id=SECOND.taxonomy_id)
    store.of_facet("urgency").mark_current(taxonomy_id=URGENCY.taxonomy_id)
    store.publish()
    return store.folder


@pytest.fixture(name="store")
def _store(project: Project, stored: Path) -> Store:
    """A copy of that store, as that of the project."""
    shutil.copytree(stored, project_state(project))
    with opener(project) as session:
        session.store.mark_current(taxonomy_spec=current_spec(session))
        return session.store


def current(store: Store) -> Taxonomy:
    found = store.current("taxonomy_id")
    assert found is not None
    return store.taxonomy(found)


def test_show_prints_the_tree_with_counts_and_cards(store: Store) -> None:
    said = run("show", "tiny").output
    assert "tax:" + "ab" * 16 + " (describe): what do they want" in said
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert "Parcels │ locked │ 2 │ 0 │ Things that were sent." in lines
    assert any(line.startswith("  Refunds") for line in said.splitlines())
    for part in ("cues late", "where is", "exclusions Invoices belong to Billing.", "examples Where is my parcel?", "near misses When do you open?"):
        assert part in lines
    assert "Label what they want first." in lines
    assert "Opening Hours" in run("show", "tiny", "--version", "aaa").output


def test_show_gives_machines_everything(store: Store) -> None:
    found = json.loads(run("show", "tiny", "--json").output)
    assert (found["taxonomy_id"], found["facet"], found["guide"]) == (SECOND.taxonomy_id, "main", "Label what they want first.")
    refunds = found["categories"][2]
    assert (refunds["name"], refunds["parent_id"], refunds["depth"], refunds["cited"], refunds["documents"]) == ("Refunds", "cat:b", 1, 1, 0)
    assert found["categories"][0]["examples"] == ["Where is my  parcel?"]
    other = json.loads(run("show", "tiny", "--facet", "urgency", "--json").output)
    assert [(row["name"], row["documents"]) for row in other["categories"]] == [("At Once", None), ("Whenever", None)]


@pytest.mark.parametrize("ending", ["csv", "yaml", "json", "ttl", "rdf", "jsonld"])
def test_a_file_that_is_written_and_applied_changes_nothing(ending: str, store: Store, tmp_path: Path) -> None:
    file = str(tmp_path / f"mine.{ending}")
    assert "Wrote 3 categories of tax:abababab" in run("export", "tiny", file).output
    assert "I was charged" not in Path(file).read_text(encoding="utf-8")
    assert "Where is my  parcel?" in Path(file).read_text(encoding="utf-8")
    result = run("apply", "tiny", file)
    assert (result.exit_code, result.output) == (0, f"{file} changes nothing in tax:abababab.\n")
    assert current(store) == SECOND


def test_a_file_that_changes_nothing_can_keep_what_a_run_would_make_anew(store: Store, tmp_path: Path, workspace: Path) -> None:
    file = str(tmp_path / "mine.csv")
    assert run("export", "tiny", file).exit_code == 0
    changed = load_project(write_project(workspace, use_case="how does the customer feel", facets={"urgency": {"use_case": "how urgent"}}))
    with opener(changed) as session:
        assert kept_taxonomy(session) is None
        assert run("apply", "tiny", file, answer="n\n").exit_code == 1
        assert kept_taxonomy(session) is None
        result = run("apply", "tiny", file, answer="y\n")
        assert (result.exit_code, "would make another taxonomy. Keep this one?" in result.output) == (0, True)
        assert kept_taxonomy(session) == SECOND


def test_a_file_is_not_replaced_unasked(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("my edits", encoding="utf-8")
    result = run("export", "tiny", str(file))
    assert isinstance(result.exception, TaxonomyFileError)
    assert file.read_text(encoding="utf-8") == "my edits"
    assert run("export", "tiny", str(file), "--force", "--version", "tax:aaaa").exit_code == 0
    assert "Opening Hours" in file.read_text(encoding="utf-8")


def edited(tmp_path: Path) -> str:
    file = tmp_path / "mine.yaml"
    run("export", "tiny", str(file), "--force")
    text = file.read_text(encoding="utf-8")
    text = text.replace("name: Billing", "name: Money").replace("status: locked", "status: open").replace("About money.", "All about money.")
    file.write_text(
        text + "  - name: Double Charges\n    split_from: Billing\n    examples: [I was charged twice, I am no text of yours]\n", encoding="utf-8"
    )
    return str(file)


def test_an_edited_file_is_shown_and_made_the_current_version(store: Store, project: Project, tmp_path: Path) -> None:
    result = run("apply", "tiny", edited(tmp_path), answer="y\n")
    assert result.exit_code == 0, result.output
    assert "Double Charges: 1 of its examples and near misses are no texts of the corpus, and are left out: I am no text of yours" in result.output
    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    assert "rename │ Billing │ │ Money │ 0 │ edited by a person: name, description" in lines
    assert "edit │ Parcels │ │ │ 2 │ edited by a person: locked is now open" in lines
    assert "split │ Double Charges │ Billing │ │ 0 → 1 │ edited by a person" in lines
    made = current(store)
    assert (made.stage, made.parent_id, made.note, made.guide) == ("apply", SECOND.taxonomy_id, "from mine.yaml", SECOND.guide)
    assert [category.members for category in made.categories] == [(LATE, WHERE), (), (REFUND,), (TWICE,)]
    assert [change.kind for change in store.changes(made.taxonomy_id)] == ["rename", "rename", "split"]
    assert store.query("select distinct taxonomy_id from taxonomy_tree")[1] == [(made.taxonomy_id,)]
    with opener(project) as session:
        assert kept_taxonomy(session) == made
    versions = store.count("taxonomies")
    assert "changes nothing" in run("apply", "tiny", str(tmp_path / "mine.yaml"), "--yes").output
    assert store.count("taxonomies") == versions


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_nothing_is_changed_without_consent(answer: str, store: Store, tmp_path: Path) -> None:
    result = run("apply", "tiny", edited(tmp_path), answer=answer)
    assert result.exit_code == 1
    assert current(store) == SECOND
    assert store.count("taxonomies") == 3


def test_a_file_with_mistakes_changes_nothing(store: Store, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("name\nOther\n\nParcels\nparcels\n", encoding="utf-8")
    result = run("apply", "tiny", str(tmp_path / "mine.csv"), "--yes")
    assert isinstance(result.exception, TaxonomyFileError)
    assert "has 2 mistakes" in str(result.exception)
    assert current(store) == SECOND


def test_a_version_that_became_current_in_the_meantime_is_not_overruled(store: Store, project: Project, tmp_path: Path) -> None:
    with opener(project) as session:
        applied = apply_file(session, Path(edited(tmp_path)))
        store.mark_current(taxonomy_id=FIRST.taxonomy_id)
        with pytest.raises(TaxonomyError, match="has become current in the meantime"):
            make_current(session, applied)
    assert current(store) == FIRST


def test_another_facet_has_a_taxonomy_of_its_own(store: Store, tmp_path: Path) -> None:
    file = str(tmp_path / "urgency.csv")
    assert f"linnaeus taxonomy apply tiny {file} --facet urgency" in run("export", "tiny", file, "--facet", "urgency").output
    Path(file).write_text("id,name\nu1,At Once\nu2,Some Day\n", encoding="utf-8")
    assert run("apply", "tiny", file, "--facet", "urgency", "--yes").exit_code == 0
    assert current(store) == SECOND
    made = current(store.of_facet("urgency"))
    assert (made.names(), made.facet) == (["At Once", "Some Day"], "urgency")
    assert "apply" not in run("history", "tiny").output


def test_a_taxonomy_can_be_given_before_the_first_run(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("name,status,examples\nParcels,locked,My parcel is late\nBilling,open,\n", encoding="utf-8")
    result = run("apply", "tiny", str(file), "--yes")
    assert result.exit_code == 0, result.output
    assert "mine.csv would be the first taxonomy of tiny" in result.output
    store = Store.open(project_state(project))
    assert (current(store).stage, current(store).names()) == ("given", ["Parcels", "Billing"])
    assert "changes nothing" in run("apply", "tiny", str(file)).output
    with opener(project) as session:
        assert kept_taxonomy(session) == current(store)


def test_diff_tells_what_leads_from_one_version_to_another(store: Store) -> None:
    assert "merge │ Opening Hours" in " ".join(run("diff", "tiny").output.split())
    found = json.loads(run("diff", "tiny", "--json").output)
    assert (found["before"], found["after"]) == (FIRST.taxonomy_id, SECOND.taxonomy_id)
    assert [(row["change"], row["category"], row["after"], row["reason"]) for row in found["changes"]] == [
        ("merge", "Opening Hours", "Parcels", "their texts are alike")
    ]
    backwards = json.loads(run("diff", "tiny", "tax:abab", "aaaa", "--json").output)
    assert [(row["change"], row["category"]) for row in backwards["changes"]] == [("add", "Opening Hours")]
    assert "have the same categories" in run("diff", "tiny", "abab").output
    first = json.loads(run("diff", "tiny", "--facet", "urgency", "--json").output)
    assert (first["before"], [row["change"] for row in first["changes"]]) == (None, ["add", "add"])


def test_diff_follows_merges_through_the_versions_between(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("name,merged_into,split_from\nParcels,Billing,\nBilling,,\nRefunds,,\nInvoices,,Billing\n", encoding="utf-8")
    assert run("apply", "tiny", str(file), "--yes").exit_code == 0
    found = json.loads(run("diff", "tiny", "aaaa", "--json").output)
    rows = [(row["change"], row["category"], row["before"], row["after"]) for row in found["changes"]]
    assert rows == [
        ("split", "Invoices", "Billing", "Invoices"),
        ("merge", "Parcels", "Parcels", "Billing"),
        ("merge", "Opening Hours", "Opening Hours", "Billing"),
    ]


def test_history_lists_all_versions_and_marks_the_current_one(store: Store) -> None:
    lines = [" ".join(line.split()) for line in run("history", "tiny").output.splitlines()]
    assert any(line.startswith("│ tax:aaaaaaaa │ review │ 1 │ 1 │ 4 │ 0.500 │ 20") for line in lines)
    assert any(line.startswith("* │ tax:abababab │ describe │ 2 │ 1 │ 3 │") for line in lines)
    found = json.loads(run("history", "tiny", "--json").output)
    assert [(row["taxonomy_id"], row["current"], row["categories"]) for row in found] == [
        (FIRST.taxonomy_id, False, 4),
        (SECOND.taxonomy_id, True, 3),
    ]


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (["show", "tiny", "--version", "a"], TaxonomyError, "2 versions begin with 'a': tax:aaaa"),
        (["show", "tiny", "--version", "ccc"], TaxonomyError, "No version begins with 'ccc'; there are: tax:aaaa"),
        (["diff", "tiny", "tax:aa", "zz"], TaxonomyError, "No version begins with 'zz'"),
        (["history", "tiny", "--facet", "mood"], ProjectError, "Project tiny has no facet 'mood'; there are main, urgency."),
        (["show", "nothing"], ProjectError, "There is no project 'nothing'"),
        (["apply", "tiny", "nowhere.csv"], TaxonomyFileError, "There is no taxonomy file nowhere.csv"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str], error: type[Exception], said: str, store: Store) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, error)
    assert said in str(result.exception)


def test_what_has_not_been_run_has_nothing_to_show(project: Project) -> None:
    assert isinstance(run("show", "tiny").exception, ProjectError)
    Store.open(project_state(project))
    assert "There is no current taxonomy yet" in str(run("show", "tiny").exception)


def test_a_taxonomy_starts_from_the_seeds_and_from_what_a_person_locked(store: Store, project: Project, workspace: Path) -> None:
    with opener(project) as session:
        assert starting_categories(session) == [PARCELS]
        store.mark_current(taxonomy_id=None)
        assert starting_categories(session) == []
    seeds = "id,name,parent,examples\nx,parcels,,\ny,Late Parcels,parcels,My parcel is late ; not of yours\ncat:r,Money Back,,\n"
    (workspace / "projects" / "seeds.csv").write_text(seeds, encoding="utf-8")
    locked = replace(REFUNDS, status="frozen")
    store.save([replace(SECOND, taxonomy_id="tax:locked", categories=(PARCELS, BILLING, locked))])
    store.mark_current(taxonomy_id="tax:locked")
    seeded = load_project(write_project(workspace, taxonomy={"seeds": "seeds.csv"}))
    with opener(seeded) as session:
        found = starting_categories(session)
    assert found == [PARCELS, Category("y", "Late Parcels", "", "cat:p", examples=(LATE,)), locked, BILLING]
