"""A proposed taxonomy: made from the corpus as it is now, beside the one in use, which stays until a person replaces it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import ProjectError, TaxonomyError
from pipeline.records import Category, Taxonomy
from pipeline.serving.contract import Question
from pipeline.settings import Project, load_project
from pipeline.stages import Session, opening_sessions, project_state, run_stage
from pipeline.stages.proposal import propose, version_to_use
from pipeline.stages.taxonomy_edits import make_current
from pipeline.taxonomy.proposing import proposed
from pipeline.testing import ScriptedChat
from tests.tiny import knowing_reply, last_text, run_all, tiny_rows, tiny_session, write_project

MakeProject = Callable[..., Project]
TASTE = ("cake", "bread", "pastry", "bakery")


def baker_reply(question: Question) -> str:
    """Answer as the knowing model does, and know of cakes too."""
    text = last_text(question)
    if not any(word in text.lower() for word in TASTE):
        return knowing_reply(question)
    form = question.form
    if hasattr(form, "options"):
        fitting = [option for option in form.options if "cake" in option.lower()]
        return "yes" if "yes" in form.options else fitting[0] if fitting else knowing_reply(question)
    if hasattr(form, "schema"):
        return json.dumps({"name": "Cakes and Bread", "description": "Messages about cakes and bread."})
    system = question.messages[0].content
    asked = max(1, system.count("the answer to"))
    return " | ".join(["cake order"] * asked + [" ".join(text.split()[:12])] * ("what the text says" in system or "two categories" in system))


def cakes() -> list[dict[str, Any]]:
    return [
        {"id": f"cake{number}", "text": f"the {TASTE[number % 4]} number {number} from the bakery was a dry cake, bread or pastry"}
        for number in range(40)
    ]


@pytest.fixture(name="grown")
def _grown(copied: Path, workspace: Path) -> Project:
    """The finished project, whose corpus has grown by documents of a new kind since."""
    project = load_project(write_project(workspace, [*tiny_rows(), *cakes()]))
    with open_baker(project) as session:
        for stage in ("documents", "embeddings", "predictions"):
            run_stage(stage, session)
    return project


def open_baker(project: Project, *, run_id: str | None = None, progress: object = None) -> Session:
    return tiny_session(project, project_state(project), chat=ScriptedChat(baker_reply), run_id=run_id or "run")


def in_use(session: Session) -> tuple[Any, ...]:
    pointers = session.store.rows("select key, value from current where key not like 'proposal/%' order by key")
    return (
        pointers,
        session.store.rows("select * from labelled_documents order by all"),
        session.store.rows("select * from label_counts order by all"),
    )


def test_a_proposal_takes_up_what_is_new_and_changes_nothing_that_is_in_use(grown: Project) -> None:
    with open_baker(grown) as session:
        before = in_use(session)
        found = propose(session)
        assert in_use(session) == before
        assert found.is_new
        assert "Cakes and Bread" in found.version.names()
        assert [(change.kind, change.after) for change in found.changes if change.kind in {"add", "split"}] == [
            (next(change.kind for change in found.changes if change.after == "Cakes and Bread"), "Cakes and Bread")
        ]
        assert found.version.parent_id == found.present.taxonomy_id
        assert found.counted > 0
        assert "in another category" in found.words
        kept = {category.name: category.category_id for category in found.present.leaves}
        assert all(kept[one.name] == one.category_id for one in found.version.leaves if one.name in kept)
        sampled = {text for category in found.version.leaves for text in category.members}
        badly = session.store.came_since(found.present.taxonomy_id, 10)
        assert len(sampled & set(badly)) >= 8, "the sample favours what the present taxonomy serves badly"


def test_the_same_corpus_asked_twice_costs_no_call_and_proposes_nothing_new(grown: Project) -> None:
    with open_baker(grown) as session:
        first = propose(session)
    with open_baker(grown, run_id="again") as session:
        again = propose(session)
        assert session.generator.asked == 0  # type: ignore[attr-defined]
        assert session.store.spent("again")[0] == 0
    assert again.version == first.version
    assert (first.is_new, again.is_new) == (True, False)
    assert again.words.startswith("The same taxonomy is proposed as before")


def test_a_proposal_that_was_broken_off_goes_on_where_it_stopped(grown: Project) -> None:
    asked = 0

    def breaks_off(question: Question) -> str:
        nonlocal asked
        asked += 1
        if asked > 30:
            raise KeyboardInterrupt
        return baker_reply(question)

    with tiny_session(grown, project_state(grown), chat=ScriptedChat(breaks_off)) as session:
        before = in_use(session)
        with pytest.raises(KeyboardInterrupt):
            propose(session)
        assert in_use(session) == before
    with open_baker(grown) as session:
        propose(session)
        rest = session.generator.asked  # type: ignore[attr-defined]
    assert session.store.rows("select count(*) from (select call_key from llm_calls where outcome = 'ok' group by call_key having count(*) > 1)") == [
        (0,)
    ]
    assert rest > 0


def test_a_proposal_is_put_in_place_by_a_person_and_kept_from_then_on(grown: Project) -> None:
    with open_baker(grown) as session:
        found = propose(session)
        applied, changes = version_to_use(session, found.version.taxonomy_id)
        assert [(change.kind, change.category_id) for change in changes] == [(change.kind, change.category_id) for change in found.changes]
        make_current(session, applied)
        run_all(session)
        assert session.store.current("taxonomy_id") == found.version.taxonomy_id
        assert session.store.changes(found.version.taxonomy_id) == list(found.changes)
        named = dict(session.store.rows("select doc_id, category from labelled_documents where doc_id like 'cake%'"))
        assert set(named.values()) == {"Cakes and Bread"}


def test_the_command_shows_the_changes_and_how_to_put_them_in_place(grown: Project) -> None:
    with opening_sessions(open_baker):
        shown = CliRunner().invoke(app, ["taxonomy", "propose", "tiny"], env={"COLUMNS": "200"})
        assert shown.exit_code == 0, shown.output
        assert "Cakes and Bread" in shown.output
        command = shown.output.split("To put it in place: linnaeus ")[1].split("\n")[0].split()
        told = json.loads(CliRunner().invoke(app, ["taxonomy", "propose", "tiny", "--json"]).stdout)
        assert (told["new"], " ".join(command)) == (False, told["command"].removeprefix("linnaeus "))
        refused = CliRunner().invoke(app, command, input="n\n")
        assert (refused.exit_code, "Nothing was changed." in refused.output) == (1, True)
        used = CliRunner().invoke(app, [*command, "--yes"])
        assert used.exit_code == 0, used.output
        assert "is the current taxonomy now" in used.output
        assert "is the current taxonomy already" in CliRunner().invoke(app, [*command, "--yes"]).output
    with open_baker(grown) as session:
        assert session.store.current("taxonomy_id") == told["proposed"]


def test_without_a_taxonomy_or_with_a_given_one_nothing_is_proposed(make_project: MakeProject, tmp_path: Path, grown: Project) -> None:
    with tiny_session(make_project(), tmp_path / "empty") as session, pytest.raises(TaxonomyError, match="There is no taxonomy yet"):
        propose(session)
    given = grown.model_copy(update={"taxonomy": grown.taxonomy.model_copy(update={"method": "given", "seeds": "any.csv"})})
    with open_baker(given) as session, pytest.raises(TaxonomyError, match="is given by a file"):
        propose(session)


@pytest.mark.parametrize("name", ["proposal", "main"])
def test_no_facet_may_be_called_as_what_linnaeus_uses_itself(workspace: Path, name: str) -> None:
    path = write_project(workspace, facets={name: {"use_case": "how urgent"}})
    with pytest.raises(ProjectError, match=f"facets holds {name}, which Linnaeus uses itself"):
        load_project(path)


def test_facets_are_proposed_for_one_by_one(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project(facets={"urgency": {"use_case": "how urgent is it"}})
    with tiny_session(project, tmp_path / "state") as session:
        run_all(session, until="predictions")
        before = in_use(session)
        found = propose(session.view("urgency"))
        assert in_use(session) == before
        assert found.version.facet == "urgency"
        assert found.command.endswith("--facet urgency")


# --- matching --------------------------------------------------------------------------------------------------------


def of(**members: str) -> Taxonomy:
    """Make a version of categories that cite documents of one letter each; ids are the names."""
    categories = tuple(Category(name, name.rstrip("0123456789").title(), "", None, tuple(texts)) for name, texts in members.items())
    return Taxonomy("tax:" + "".join(members), "describe", 1, None, "why", "tnt", categories)


def kinds(present: Taxonomy, made: Taxonomy) -> list[tuple[str, str | None, str | None]]:
    served = {text: category.category_id for category in present.categories for text in category.members}
    return [(change.kind, change.before, change.after) for change in proposed(present, made, served, counted=sorted(served)).version.changes]


def test_categories_of_the_same_documents_are_the_same_whatever_they_are_called() -> None:
    present, made = of(parcels="abcdef", money="ghij"), of(things1="abcde", money1="fghij")
    assert kinds(present, made) == [("rename", "Parcels", "Things")]
    assert kinds(present, of(parcels1="abcdef", money1="ghij")) == []


def test_splits_merges_drops_and_additions_are_told_apart() -> None:
    present = of(parcels="abcdefghij", money="klmn", invoices="opq", hours="r")
    made = of(parcels1="abcdef", lost1="ghij", bills1="klmnopq", cakes1="xyz")
    found = kinds(present, made)
    assert ("split", "Parcels", "Lost") in found
    assert ("add", None, "Cakes") in found
    assert ("merge", "Invoices", "Bills") in found
    assert ("rename", "Money", "Bills") in found
    assert ("drop", "Hours", None) in found


def test_documents_that_would_move_are_counted_among_those_chosen_at_random() -> None:
    present, made = of(parcels="abcdef", money="ghij"), of(parcels1="abcde", money1="fghij")
    served = {text: category.category_id for category in present.categories for text in category.members}
    found = proposed(present, made, served, counted="efgz")
    assert (found.moved, found.counted) == (1, 3)
