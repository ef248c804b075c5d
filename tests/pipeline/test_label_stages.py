"""Labels as a run makes them: rules, votes, evidence, known labels, shortlists, sets and the cascade, in real tables."""

import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pipeline.annotation import evidence_occurs
from pipeline.choosing import NONE_FITS
from pipeline.errors import ProjectError
from pipeline.serving.contract import Choice, Question
from pipeline.settings import Project, load_project
from pipeline.stages import Session
from pipeline.stages.asking import annotation_sample, current_taxonomy, is_held_out
from pipeline.stages.known import known_labels
from pipeline.testing import ScriptedChat
from tests.tiny import NAMES, UNCHECKED, knowing_reply, run_all, tiny_rows, tiny_session, topic_of, write_project

MakeProject = Callable[..., Project]
GIVEN = "name,description\n" + "".join(f"{topic},Messages about {name}\n" for topic, name in NAMES.items())


def given_in(workspace: Path, rows: list[dict[str, Any]] | None = None, **annotation: Any) -> Project:
    """Make a project whose categories are named as the gold labels are."""
    (workspace / "projects").mkdir(exist_ok=True)
    (workspace / "projects" / "given.csv").write_text(GIVEN)
    taxonomy = {"method": "given", "seeds": "given.csv", "sample": 20, "validation": 10, "cards": False, "passes": 1}
    changes = {"taxonomy": taxonomy, "annotation": {"sample": 60, "reordered": 0, "known": 0, **annotation}, "evaluation": UNCHECKED}
    return load_project(write_project(workspace, rows, **changes))


@pytest.fixture
def given_project(tmp_path: Path) -> MakeProject:
    return lambda rows=None, **annotation: given_in(tmp_path, rows, **annotation)


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of such a project when it has its taxonomy and nothing else; to copy, not to change."""
    root = tmp_path_factory.mktemp("unlabelled")
    with session_of(given_in(root), root / "s") as session:
        run_all(session, until="taxonomy")
    return root / "s"


@pytest.fixture
def state(unlabelled: Path, tmp_path: Path) -> Path:
    """A copy of that state: what is asked of a model from here on is asked for the labels."""
    return Path(shutil.copytree(unlabelled, tmp_path / "s"))


def by_topic(question: Question) -> str:
    """Answer by topic, where the options are topics; anything else as the scripted model does."""
    if isinstance(question.form, Choice) and set(question.form.options) & set(NAMES):
        topic = topic_of(question.messages[-1].content)
        return topic if topic in question.form.options else NONE_FITS.name
    return knowing_reply(question)


def session_of(project: Project, folder: Path, *, probability: float = 0.9, run_id: str = "run") -> Session:
    return tiny_session(project, folder, chat=ScriptedChat(by_topic, probability=probability), run_id=run_id)


def asked_for(session: Session, purpose: str) -> int:
    return int(session.store.rows("select count(*) from llm_calls where purpose = ?", [purpose])[0][0])


def test_known_gold_labels_calibrate_and_are_left_out_of_the_evaluation(given_project: MakeProject, state: Path) -> None:
    with session_of(given_project(known=100, sample=100), state) as session:
        run_all(session)
        known = known_labels(session, current_taxonomy(session))
        calibrations = session.store.rows("select distinct calibration from labels where calibration is not null")
        ((n,),) = session.store.rows("select n from evaluations where subject = 'teacher' and metric = 'exact_accuracy' and slice = 'all'")
        curves = {row[0] for row in session.store.rows("select distinct curve from curves")}
    assert 40 < len(known) < 75
    assert not any(is_held_out(session, text) for text in known)
    assert ("temperature",) in calibrations
    assert n == 100 - len(known)
    assert {"reliability teacher", "risk_coverage teacher", "reliability student"} <= curves


def test_gold_labels_that_are_no_names_of_categories_say_nothing(make_project: MakeProject, copied: Path) -> None:
    with tiny_session(make_project(), copied) as session:
        assert known_labels(session, current_taxonomy(session)) == {}
        assert session.store.rows("select distinct calibration from labels where calibration is not null") != [("temperature",)]


def test_rules_are_annotators_whose_quality_is_measured(given_project: MakeProject, state: Path) -> None:
    rules = [
        {"name": "parcels", "category": "delivery", "sql": "text ilike '%parcel%'"},
        {"name": "money", "python": "rules.py:money"},
        {"name": "wrong", "category": "store", "sql": "text ilike '%password%' or text ilike '%login%' or text ilike '%refund%'"},
    ]
    project = given_project(rules=rules)
    (project.folder / "rules.py").write_text("def money(text, metadata):\n    return 'payment' if 'refund' in text.lower() else None\n")
    with session_of(project, state) as session:
        run_all(session, until="labels")
        rows = session.store.rows("select a.kind, q.accuracy, q.n from annotator_quality q join annotators a using (annotator_id) order by 1, 2")
        said = session.store.rows("select count(*) from labels join annotators using (annotator_id) where kind = 'rule'")[0][0]
        voted = session.store.rows("select count(*) from labels join annotators using (annotator_id) where kind = 'vote'")[0][0]
    kinds = [kind for kind, _, _ in rows]
    assert kinds.count("rule") == 3
    assert rows[kinds.index("rule")][1] < 0.5, "the wrong one agrees with nobody"
    assert said > 5
    assert voted == 60


def test_a_rule_that_cannot_be_used_is_told_before_anything_is_asked(given_project: MakeProject, tmp_path: Path) -> None:
    with session_of(given_project(rules=[{"name": "bad", "category": "store", "sql": "txt = 'a'"}]), tmp_path / "s") as session:
        with pytest.raises(ProjectError, match="bad"):
            run_all(session)
        assert session.store.count("llm_calls") == 0


def test_unsure_documents_are_voted_on_and_a_second_run_asks_nothing(given_project: MakeProject, tmp_path: Path) -> None:
    project = given_project(votes=2, unsure=0.95, reordered=0.2)
    with session_of(project, tmp_path / "s", probability=0.4) as session:
        run_all(session, until="labels")
        counts = "select settings->>'order' as place, count(*) from labels join annotators using (annotator_id) where kind = 'llm' group by 1"
        by_annotator = session.store.rows(counts + " order by 1 nulls first")
        before = asked_for(session, "annotate")
    assert [order for order, _ in by_annotator] == [None, "1", "2"]
    assert by_annotator[0][1] == 60
    assert by_annotator[1][1] >= 12, "a fifth of the sample, and the unsure ones"
    with session_of(project, tmp_path / "s", probability=0.4, run_id="again") as session:
        reports = run_all(session, until="labels")
        assert asked_for(session, "annotate") == before
    assert (reports["annotations"].made, reports["labels"].made) == (0, 0)


def test_each_label_has_its_evidence_in_the_document(given_project: MakeProject, state: Path) -> None:
    with session_of(given_project(evidence=True), state) as session:
        run_all(session, until="labels")
        present = current_taxonomy(session)
        given = session.store.labels(present.taxonomy_id, session.store.current("teacher_annotator_id") or "")
        texts = {document.text_hash: document.text for document in annotation_sample(session)}
        before = session.store.count("llm_calls")
        run_all(session, until="labels")
        assert session.store.count("llm_calls") == before
    named = [label for label in given if label.category_id is not None]
    assert len(named) > 40
    assert all(evidence_occurs(label, texts[label.text_hash]) for label in named)


def test_a_shortlist_and_demonstrations_name_another_annotator(given_project: MakeProject, state: Path) -> None:
    with session_of(given_project(shortlist=3, demonstrations=2), state) as session:
        run_all(session, until="labels")
        ((settings,),) = session.store.rows("select settings from annotators where kind = 'llm'")
    assert '"demonstrations":2' in settings
    assert '"beside":' in settings


def test_a_thousand_categories_are_offered_a_few_at_a_time_and_like_prompts_side_by_side(given_project: MakeProject, tmp_path: Path) -> None:
    project = given_project(recall=0.9)
    fillers = "".join(f"Subject {number},Messages about the matter of subject {number}\n" for number in range(996))
    (project.folder / "given.csv").write_text(GIVEN + fillers)
    chat = ScriptedChat(by_topic)
    with tiny_session(project, tmp_path / "s", chat=chat) as session:
        run_all(session, until="labels")
        leaves = {category.category_id for category in current_taxonomy(session).leaves}
        chosen = session.store.rows("select category_id from labels join annotators using (annotator_id) where kind = 'llm'")
    asked = [question for question in chat.questions if question.purpose == "annotate"]
    assert len(leaves) == 1000
    assert len(chosen) == len(asked) == 60
    assert all(category is None or category in leaves for (category,) in chosen)
    assert all(len(question.form.options) <= 21 for question in asked if isinstance(question.form, Choice))
    lists = [question.messages[0].content for question in asked]
    assert max(map(len, lists)) < 3000
    assert sum(one != other for one, other in pairwise(lists)) == len(set(lists)) - 1, "equal lists are asked about one after the other"


def test_all_that_apply_are_given_and_scored_as_sets(given_project: MakeProject, tmp_path: Path) -> None:
    several = [[row["topic"], *(["store"] if place % 3 == 0 and row["topic"] != "store" else [])] for place, row in enumerate(tiny_rows())]
    rows = [row | {"topic": topics} for row, topics in zip(tiny_rows(), several, strict=True)]
    with session_of(given_project(rows, mode="all", known=30), tmp_path / "s", probability=0.5) as session:
        run_all(session)
        figures = {row[0]: row[1] for row in session.store.rows("select metric, value from evaluations where subject = 'teacher' and slice = 'all'")}
    assert {"micro_f1", "macro_f1", "exact_match", "jaccard"} <= set(figures)
    assert 0 < figures["exact_match"] <= figures["jaccard"] <= 1


def test_a_promised_accuracy_is_learnt_from_checks_and_asked_once(given_project: MakeProject, state: Path) -> None:
    project = given_project(promise={"accuracy": 0.7, "checks": 40, "asked": 10})
    with session_of(project, state) as session:
        run_all(session)
        ((promised, checked, correct, share),) = session.store.rows("select promised, checked, correct, share from thresholds")
        queue = session.store.rows("select reason, count(*) from review_queue group by 1")
        before = session.store.count("llm_calls")
        run_all(session)
        assert session.store.count("llm_calls") == before
    assert promised == 0.7
    assert 0 < correct <= checked <= 40
    assert share > 0
    assert sum(count for _, count in queue) == 120


def test_what_is_too_unsure_is_withheld_and_waits_for_a_person(given_project: MakeProject, tmp_path: Path) -> None:
    with session_of(given_project(abstain=0.999), tmp_path / "s", probability=0.5) as session:
        run_all(session, until="labels")
        reasons = dict(session.store.rows("select reason, count(*) from review_queue group by 1"))
    assert reasons["unsure"] > 30


def test_documents_that_teach_most_are_chosen_in_rounds_and_a_second_run_asks_nothing(given_project: MakeProject, state: Path) -> None:
    project = given_project(selection="active", sample=40, held_out=0.3)
    with session_of(project, state) as session:
        run_all(session)
        before, sample = asked_for(session, "annotate"), annotation_sample(session)
        run_all(session)
        assert asked_for(session, "annotate") == before
    held = [document for document in sample if is_held_out(session, document.text_hash)]
    assert len(held) == 12
    assert 12 + 7 < len(sample) <= 40
    assert len({document.text_hash for document in sample}) == len(sample) >= before


@pytest.mark.parametrize("helpful", [True, False])
def test_demonstrations_are_tried_once_and_shown_where_they_help(helpful: bool, make_project: MakeProject, tmp_path: Path) -> None:
    def reply(question: Question) -> str:
        shown = len(question.messages) > 2
        if isinstance(question.form, Choice) and set(question.form.options) & set(NAMES) and shown is not helpful:
            return NONE_FITS.name
        return by_topic(question)

    project = with_members(make_project)
    with tiny_session(project, tmp_path / "s", chat=ScriptedChat(reply)) as session:
        run_all(session, until="labels")
        ((gain, n),) = session.store.rows("select value, n from taxonomy_measures where metric = 'demonstrations_gain'")
        first = session.store.annotator(session.store.current("llm_annotator_id") or "")
        before = session.store.count("llm_calls")
        run_all(session, until="labels")
        assert session.store.count("llm_calls") == before
    assert (gain > 0.5) is helpful
    assert 20 <= n <= 60
    assert ("demonstrations" in first.settings) is helpful


def with_members(make_project: MakeProject) -> Project:
    """Make a project with given categories that cite documents, which can be shown as demonstrations."""
    first = make_project()
    rows = tiny_rows()
    cited = {topic: [f'"{row["text"]}"' for row in rows if row["topic"] == topic][:3] for topic in NAMES}
    lines = [f"- name: {topic}\n  description: Messages about {name}\n  examples: [{', '.join(cited[topic])}]" for topic, name in NAMES.items()]
    (first.folder / "given.yaml").write_text("\n".join(lines) + "\n")
    taxonomy = {"method": "given", "seeds": "given.yaml", "sample": 20, "validation": 10, "cards": False, "passes": 1}
    return make_project(taxonomy=taxonomy, annotation={"sample": 100, "reordered": 0, "known": 100, "demonstrations": "auto"})
