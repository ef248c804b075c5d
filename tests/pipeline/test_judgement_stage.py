"""The stage of judges on a finished run: asked once, carried on after a stop, and without a judge that cannot be reached."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import BudgetReachedError, ProjectError
from pipeline.evaluation import trust_words
from pipeline.records import Annotator, Evaluation, Label
from pipeline.serving.contract import Question
from pipeline.settings import Project, load_project
from pipeline.stages import Report, Session, run_stage
from pipeline.stages.judgements import missing_judgements
from pipeline.stages.plan import plan
from pipeline.store import Store, StoreLedger
from pipeline.testing import ScriptedChat
from tests.judges import always_first, knowing_reply
from tests.tiny import RecordedChat, TinyEmbedder, write_project

JUDGED = {"resamples": 100, "judge_sample": 6}
OTHERS = [
    {"name": "first", "kind": "url", "model": "a", "base_url": "http://127.0.0.1:9/v1"},
    {"kind": "url", "model": "b", "base_url": "http://127.0.0.1:9/v1"},
]


@pytest.fixture
def folder(copied: Path) -> Path:
    return copied


def judged_project(root: Path, **evaluation: object) -> Project:
    return load_project(write_project(root / "other", evaluation={**JUDGED, **evaluation}))


def opened(project: Project, folder: Path, chat: ScriptedChat, **judges: ScriptedChat) -> Session:
    ledger = StoreLedger(Store.open(folder))
    return Session(
        project, folder=folder, run_id="judging", chat=RecordedChat(chat, ledger), embedder=TinyEmbedder(),
        judges={model: RecordedChat(one, ledger) for model, one in judges.items()},
    )  # fmt: skip


def rows_of(session: Session, *columns: str) -> list[tuple[object, ...]]:
    return session.store.rows(f"select {', '.join(columns)} from judgements")  # noqa: S608 - columns of this file


def figures(session: Session) -> list[Evaluation]:
    return session.store.evaluations_of(session.store.current("evaluation_id") or "")


def judge(session: Session) -> Report:
    report = run_stage("judgements", session)
    run_stage("evaluation", session)
    return report


def test_the_annotators_own_model_judges_and_is_marked(tmp_path: Path, folder: Path) -> None:
    chat = ScriptedChat(knowing_reply)
    with opened(judged_project(tmp_path), folder, chat) as session:
        report = judge(session)
        found = [one for one in figures(session) if one.metric == "judged_accuracy_hard"]
        asked = rows_of(session, "text_hash", "taxonomy_id", "reason")
    assert report.made == report.total == len(asked) > 40
    assert len({text for text, *_ in asked}) == 6
    assert len({taxonomy for _, taxonomy, _ in asked}) == 2, "labels of the baseline are held against its own others"
    assert {one.subject for one in found} == {"teacher", "student", "baseline"}
    assert {(one.judge, one.slice, one.n) for one in found} == {("self-judged: scripted", "sample", 6)}, "the same texts for all"


def test_a_second_run_asks_nothing_and_measures_the_same(tmp_path: Path, folder: Path) -> None:
    with opened(judged_project(tmp_path), folder, ScriptedChat(knowing_reply)) as session:
        judge(session)
        before = figures(session)
    silent = ScriptedChat([])
    with opened(judged_project(tmp_path), folder, silent) as session:
        assert (judge(session).made, figures(session)) == (0, before)
        assert sum(missing_judgements(session).values()) == 0
    assert silent.questions == []


def test_a_run_that_was_killed_goes_on_where_it_was(tmp_path: Path, folder: Path) -> None:
    """A kill between two batches: what was kept is not asked again, and everything is there in the end."""

    def dying(question: Question) -> str:
        if len(chat.questions) >= 70:
            raise KeyboardInterrupt
        return knowing_reply(question)

    chat, project = ScriptedChat(dying), judged_project(tmp_path, judge_sample=12)
    with opened(project, folder, chat) as session, pytest.raises(KeyboardInterrupt):
        run_stage("judgements", session)
    rest = ScriptedChat(knowing_reply)
    with opened(project, folder, rest) as session:
        kept = len(rows_of(session, "judgement_id"))
        total = run_stage("judgements", session).total
        assert kept == 64
        assert len(rest.questions) <= total - 70, "answers that no row was made of lay in the ledger"
        assert len(rows_of(session, "judgement_id")) == total


def test_a_budget_that_is_reached_leaves_the_rest_for_the_next_run(tmp_path: Path, folder: Path) -> None:
    def spent(question: Question) -> str:
        if len(chat.questions) >= 70:
            raise BudgetReachedError("The budget of 70 calls is reached.")
        return knowing_reply(question)

    chat, project = ScriptedChat(spent), judged_project(tmp_path, judge_sample=12)
    with opened(project, folder, chat) as session:
        report = judge(session)
        measured = [one.n for one in figures(session) if one.metric == "judged_accuracy_hard"]
    assert report.stopped is not None
    assert report.stopped.startswith("The budget of 70 calls is reached. Left: ")
    assert measured, "what was answered is measured"
    assert max(measured) < 12
    with opened(project, folder, ScriptedChat(knowing_reply)) as session:
        assert judge(session).stopped is None
        assert {one.n for one in figures(session) if one.metric == "judged_accuracy_hard"} == {12}


def test_a_judge_that_is_down_is_told_and_the_evaluation_goes_on_without_it(tmp_path: Path, folder: Path) -> None:
    class Saying:
        def __init__(self) -> None:
            self.said: list[str] = []

        def track(self, items: Iterator[object], **_: object) -> Iterator[object]:
            yield from items

        def status(self, message: str) -> None:
            self.said.append(message)

    down = [{**one, "patience_seconds": 0, "attempts": 1, "start_seconds": 1, "timeout_seconds": 1} for one in OTHERS]
    project = judged_project(tmp_path, judges=down)
    with opened(project, folder, ScriptedChat([]), b=ScriptedChat(knowing_reply, model="b")) as session:
        session.progress = said = Saying()  # type: ignore[assignment]
        judge(session)
        found = {(one.judge, one.metric) for one in figures(session)}
        reasons = {str(reason).partition(":")[0] for model, reason in rows_of(session, "model", "reason") if model == "a"}
        failed = next(one for one in figures(session) if one.metric == "judgements_failed")
    assert any("The judge first cannot be asked, and the evaluation goes on without it" in one for one in said.said)
    assert reasons == {"server_error"}
    assert (failed.judge, failed.value) == ("first", 1.0)
    assert ("b", "judged_accuracy_hard") in found
    assert ("first", "judged_accuracy_hard") not in found
    with opened(project, folder, ScriptedChat([]), a=ScriptedChat(knowing_reply, model="a"), b=ScriptedChat([], model="b")) as session:
        judge(session)
        assert ("first", "judged_accuracy_hard") in {(one.judge, one.metric) for one in figures(session)}, "asked again once it is back"


def test_several_judges_are_measured_each_alone_and_together(tmp_path: Path, folder: Path) -> None:
    two = {"a": ScriptedChat(knowing_reply, model="a"), "b": ScriptedChat(always_first, model="b")}
    with opened(judged_project(tmp_path, judges=OTHERS), folder, ScriptedChat([]), **two) as session:
        judge(session)
        found = {one.judge: one.value for one in figures(session) if (one.subject, one.metric) == ("teacher", "judged_accuracy_hard")}
    assert found["first"] > 0.8
    assert found["b"] == 0.5
    assert set(found) == {"first", "b", "majority of 2 judges"}


def test_a_judge_is_held_against_gold_where_its_labels_are_names_of_categories(tmp_path: Path, folder: Path) -> None:
    names = {"delivery": "Late Parcels", "payment": "Refunds and Invoices", "account": "Login Trouble", "store": "Opening Hours"}
    with opened(judged_project(tmp_path), folder, ScriptedChat(knowing_reply)) as session:
        there = {leaf.name for leaf in session.store.taxonomy(session.store.current("taxonomy_id") or "").leaves}
        with session.store.writer() as connection:
            for gold, name in names.items():
                connection.execute("update documents set gold = ? where gold = ?", [name if name in there else None, gold])
        judge(session)
        found = {one.metric: one for one in figures(session) if one.subject == "judges" and one.slice == "gold labels"}
    assert {"judge_kappa", "judge_accuracy", "judge_says_right"} == set(found)
    assert found["judge_accuracy"].value > 0.9


def test_nothing_is_asked_where_no_judging_is_wanted(tmp_path: Path, folder: Path) -> None:
    with opened(judged_project(tmp_path, judge_sample=0), folder, ScriptedChat([])) as session:
        assert judge(session).total == 0
        assert not [one for one in figures(session) if one.metric.startswith("judged")]


def test_a_plan_counts_the_questions_that_are_missing(tmp_path: Path, folder: Path) -> None:
    with opened(judged_project(tmp_path), folder, ScriptedChat(knowing_reply)) as session:
        planned = {row.stage: row.calls for row in plan(session, probing=False).stages}["judgements"]
        assert planned == judge(session).made
        assert {row.stage: row.calls for row in plan(session, probing=False).stages}["judgements"] == 0


def test_labels_that_change_bring_new_questions_alone(tmp_path: Path, folder: Path) -> None:
    project = judged_project(tmp_path)
    with opened(project, folder, ScriptedChat(knowing_reply)) as session:
        judge(session)
    further, larger = ScriptedChat(knowing_reply), judged_project(tmp_path, judge_sample=8)
    with opened(larger, folder, further) as session:
        report = judge(session)
    assert len({question.texts[0] for question in further.questions if question.purpose == "judgement"}) == 2
    assert 0 < report.made < report.total


@pytest.mark.parametrize(
    ("evaluation", "said"),
    [
        ({"judges": [{"kind": "url", "model": "a"}]}, "engine.base_url is missing"),
        ({"judges": [{"model": "a"}, {"model": "a"}]}, "two judges are called a; give each another name"),
        ({"judges": [{"model": "a"}, {"model": "a", "name": "b"}]}, "two judges are the model a, which would judge everything twice"),
        ({"judges": [{"model": "a", "nam": "b"}]}, "unknown key; the keys here are kind, model"),
        ({"judge_sample": -1}, "greater than or equal to 0"),
        ({"judge_repeats": 0}, "greater than or equal to 1"),
    ],
)
def test_mistakes_in_the_settings_are_named(evaluation: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=said.replace(".", r"\.")):
        load_project(write_project(tmp_path, evaluation=evaluation))


def test_money_needs_the_prices_of_judges_too(tmp_path: Path) -> None:
    prices = {"prices": {"input": 1.0}}
    with pytest.raises(ProjectError, match="an engine has no prices"):
        load_project(write_project(tmp_path, engine=prices, budget={"money": 1.0}, evaluation={"judges": [{"model": "a"}]}))
    assert load_project(write_project(tmp_path, engine=prices, budget={"money": 1.0}, evaluation={"judges": [{"model": "a", **prices}]}))


def test_a_judge_is_held_against_people_apart_from_gold(tmp_path: Path, folder: Path) -> None:
    """People agree with the teacher but on every fourth text, of which they say that no category fits; the judge finds each label right."""
    with opened(judged_project(tmp_path), folder, ScriptedChat(knowing_reply)) as session:
        taxonomy, teacher = (session.store.current(key) or "" for key in ("taxonomy_id", "teacher_annotator_id"))
        taught = session.store.labels(taxonomy, teacher)
        person = Annotator("human:anna", "human", None, None, {})
        said = [Label(one.text_hash, taxonomy, "human:anna", one.category_id if number % 4 else None, None) for number, one in enumerate(taught)]
        session.store.save([person, *said])
        judge(session)
        found = {one.metric: one for one in figures(session) if one.subject == "judges" and one.slice == "people"}
        words = trust_words(figures(session), "self-judged: scripted")
        sampled = {text for text, *_ in rows_of(session, "text_hash")}
    assert found["judge_kappa"].n >= 30
    assert len(sampled) > 6, "more texts are judged than the sample, to see what the judge is worth"
    assert (found["judge_kappa"].low or 0.0) <= 0.0
    assert "no better than chance (kappa" in words
    assert "gold labels" not in words
