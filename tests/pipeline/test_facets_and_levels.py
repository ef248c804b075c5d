"""Several taxonomies on one corpus, taxonomies of several levels, and taxonomies that a person gives: through the whole pipeline."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import ProjectError
from pipeline.records import Taxonomy
from pipeline.serving.contract import Question
from pipeline.settings import Project, load_project
from pipeline.stages import Session
from pipeline.stages.compare import compare
from pipeline.store import Store
from pipeline.testing import ScriptedChat
from tests.tiny import LIMITS, knowing_reply, run_all, tiny_session, write_project

MakeProject = Callable[..., Project]
ROOT = Path(__file__).parent.parent.parent
SLOW = "import sys; from tests.tiny import run_slowly; run_slowly(sys.argv[1], sys.argv[2], float(sys.argv[3]))"
MOODS = {"friendly": "thank please help", "angry": "never again late wrong"}
URGENCY = {"urgency": {"use_case": "how soon is an answer needed", "size": 3}}


def limits(**changes: object) -> dict[str, object]:
    return {**LIMITS["taxonomy"], **changes}


def current(session: Session, facet: str = "main") -> Taxonomy:
    store = session.view(facet).store
    return store.taxonomy(store.current("taxonomy_id") or "")


def asked(session: Session) -> int:
    return int(session.generator.asked)  # type: ignore[attr-defined]


def test_each_facet_has_a_taxonomy_and_labels_of_its_own_from_one_summary_a_document(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project(facets=URGENCY)
    with tiny_session(project, tmp_path / "store") as session:
        reports = run_all(session)
        calls = dict(session.store.rows("select purpose, count(*) from llm_calls group by all"))
        found = session.store.query("select facet, count(*), count(distinct category) from facet_labels group by all order by facet")[1]
        own, other = current(session), current(session, "urgency")
    assert calls["summarise"] == 60, "one call answers for both facets"
    assert [(facet, documents) for facet, documents, _ in found] == [("main", 120), ("urgency", 120)]
    assert (own.facet, other.facet, own.use_case, other.use_case) == ("main", "urgency", project.use_case, "how soon is an answer needed")
    assert len(other.categories) <= 3
    assert not {category.category_id for category in own.categories} & {category.category_id for category in other.categories}
    assert reports["facets"].total == 2
    with tiny_session(project, tmp_path / "store", chat=ScriptedChat([]), run_id="again") as session:
        run_all(session)
        assert asked(session) == 0


def test_a_facet_whose_size_is_wrong_is_refused_with_its_place(make_project: MakeProject) -> None:
    with pytest.raises(ProjectError, match=r"facets\.urgency\.size"):
        make_project(facets={"urgency": {"use_case": "how soon", "size": 1}})


def test_levels_have_no_single_children_and_labels_are_leaves(make_project: MakeProject, tmp_path: Path) -> None:
    names = iter(f"Sort {number}" for number in range(1000))

    def reply(question: Question) -> str:
        if question.purpose in {"generate", "review"} and "name" in str(getattr(question.form, "schema", "")).lower():
            return json.dumps({"name": next(names), "description": "What belongs here."})
        return knowing_reply(question)

    project = make_project(taxonomy=limits(size=2, depth=2, children={"min": 2, "max": 3}, sample=100, minibatch=100, passes=1, cards=False))
    with tiny_session(project, tmp_path / "store", chat=ScriptedChat(reply)) as session:
        run_all(session, until="annotations")
        taxonomy = current(session)
        labelled = {row[0] for row in session.store.rows("select distinct category_id from labels where category_id is not null")}
    below = Counter(category.parent_id for category in taxonomy.categories if category.parent_id)
    assert below, "at least one category was divided"
    assert all(count >= 2 for count in below.values())
    assert len({name.casefold() for name in taxonomy.names()}) == len(taxonomy.categories)
    assert labelled <= {category.category_id for category in taxonomy.leaves}
    cited = [text for category in taxonomy.categories for text in category.members]
    assert len(cited) == len(set(cited))


def test_given_categories_are_the_taxonomy_as_they_are(make_project: MakeProject, tmp_path: Path) -> None:
    (tmp_path / "projects").mkdir(exist_ok=True)
    (tmp_path / "projects" / "ours.csv").write_text(
        "name,description\nLate Parcels,Parcels that come late.\nRefunds and Invoices,Money.\nLogin Trouble,Accounts.\n", encoding="utf-8"
    )
    project = make_project(taxonomy=limits(method="given", seeds="ours.csv"))
    with tiny_session(project, tmp_path / "store") as session:
        run_all(session, until="labels")
        taxonomy = current(session)
    assert sorted(taxonomy.names()) == ["Late Parcels", "Login Trouble", "Refunds and Invoices"]


def test_a_locked_seed_keeps_its_name_and_what_fits_none_is_added(make_project: MakeProject, tmp_path: Path) -> None:
    (tmp_path / "projects").mkdir(exist_ok=True)
    rows = "name,description,status\nLate Parcels,Late parcel delivery.,locked\nRefunds and Invoices,Refund of an invoice.,locked\n"
    (tmp_path / "projects" / "ours.csv").write_text(rows, encoding="utf-8")
    with tiny_session(make_project(taxonomy=limits(seeds="ours.csv", passes=1)), tmp_path / "store") as session:
        run_all(session, until="taxonomy")
        taxonomy = current(session)
    status = {category.name: category.status for category in taxonomy.categories}
    assert status["Late Parcels"] == status["Refunds and Invoices"] == "locked"
    assert len(status) > 2


def test_the_methods_are_compared_on_one_sample_and_none_becomes_current(make_project: MakeProject, tmp_path: Path) -> None:
    with tiny_session(make_project(), tmp_path / "store") as session:
        run_all(session, until="taxonomy")
        before = session.store.current("taxonomy_id")
        found = compare(session, ["tnt", "clusters"])
        assert session.store.current("taxonomy_id") == before
    assert [one.taxonomy.method for one in found] == ["tnt", "clusters"]
    assert all({"coverage", "overlap", "distinctness"} <= {measure.metric for measure in one.measures} for one in found)
    with tiny_session(make_project(), tmp_path / "store", chat=ScriptedChat([]), run_id="again") as session:
        assert [one.calls for one in compare(session, ["tnt", "clusters"])] == [0, 0]


def versions(folder: Path, stage: str) -> int:
    store = Store.open(folder)
    return int(store.rows("select count(*) from taxonomies where stage = ?", [stage])[0][0])


def test_a_run_killed_between_two_updates_goes_on_at_the_minibatch(tmp_path: Path) -> None:
    file = write_project(tmp_path, taxonomy=limits(minibatch=15, passes=2))
    folder = tmp_path / "store"
    Store.open(folder)
    with subprocess.Popen([sys.executable, "-c", SLOW, str(file), str(folder), "0.02"], cwd=ROOT) as child:
        until = time.monotonic() + 90
        while not versions(folder, "update") and time.monotonic() < until:
            time.sleep(0.05)
        child.send_signal(signal.SIGKILL)
    before = versions(folder, "update")
    known = {row[0] for row in Store.open(folder).rows("select taxonomy_id from taxonomies")}
    assert before >= 1
    with tiny_session(load_project(file), folder, run_id="second") as session:
        run_all(session, until="taxonomy")
        after = {row[0] for row in session.store.rows("select taxonomy_id from taxonomies")}
        calls, keys = session.store.rows("select count(*), count(distinct call_key) from llm_calls")[0]
        taxonomy = current(session)
    assert known < after, "what was there is kept, and the rest is made"
    assert versions(folder, "update") > before
    assert calls - keys <= 1, "at most the question in flight was asked again"
    with tiny_session(load_project(file), tmp_path / "other", run_id="whole") as session:
        run_all(session, until="taxonomy")
        assert current(session) == taxonomy, "a run that was not killed comes to the same"
