"""Checks in Dagster: each with its figure, what was expected and what to do; those that spoil data block, the others warn."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.definitions import build_definitions
from assets.resources import close_all
from pipeline.serving.contract import Question
from pipeline.settings import CheckSettings, Project
from pipeline.stages import STAGES, Session, opening_sessions
from pipeline.stages.check_rules import Finding, Rule, percent
from pipeline.stages.checks import CHECKS, examine
from pipeline.stages.overview import status
from pipeline.testing import ScriptedChat
from tests.materialising import QUIET, TELLING_NOBODY, Materialised, materialize, opener
from tests.tiny import knowing_reply, tiny_rows, tiny_session, write_project

RULES = [(stage, rule) for stage, rules in CHECKS.items() for rule in rules]


def rule_named(name: str) -> tuple[str, Rule]:
    return next((stage, rule) for stage, rule in RULES if rule.name == name)


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


def execute(session: Session, sql: str) -> None:
    with session.store.writer() as connection:
        connection.execute(sql)


def test_every_rule_has_a_name_of_its_own_an_expectation_and_a_remedy(a_project: Project) -> None:
    assert list(CHECKS) == list(STAGES)
    assert len({rule.name for _, rule in RULES}) == len(RULES)
    for _, rule in RULES:
        assert rule.expectation(a_project).endswith(".")
        assert rule.remedy.endswith(".")
        assert "{" not in rule.expectation(a_project)


def test_every_threshold_of_the_project_file_is_wired() -> None:
    told = " ".join(rule.expected for _, rule in RULES)
    measured_elsewhere = {"drift", "strangers"}
    assert {name for name in CheckSettings.model_fields if f"{{{name}}}" not in told} <= measured_elsewhere


def test_each_check_shows_its_figures_as_numbers_and_what_to_do(materialised: Materialised) -> None:
    found = evaluations(materialised.result)
    assert all({"found", "expected", "remedy"} <= set(check.metadata) for check in found.values())
    covered = found["most_are_covered"]
    assert covered.passed
    assert covered.metadata["covered_share"].value == 1.0
    assert covered.metadata["labelled"].value == 60
    assert covered.metadata["expected"].value == "At least 90 % of the labelled documents have a category."
    assert isinstance(covered.metadata["covered_share"], dg.FloatMetadataValue)
    assert isinstance(covered.metadata["labelled"], dg.IntMetadataValue)
    assert found["few_abstained"].passed and "too few to promise anything by" in str(found["few_abstained"].metadata["found"].value)


def test_answers_that_fail_are_a_warning_with_their_kind_and_a_table(workspace: Path) -> None:
    def failing(question: Question) -> str:
        if question.purpose == "annotate" and "parcel" in question.messages[-1].content:
            return "no category at all"
        return knowing_reply(question)

    write_project(workspace)
    result = materialize(workspace, reply=failing, only=list(STAGES)[: list(STAGES).index("annotations") + 1])
    assert result.success
    check = evaluations(result)["few_answers_fail"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.metadata["failed_share"].value > 0.05
    assert "documents have no valid answer: " in check.metadata["found"].value
    assert "table failures" in check.metadata["remedy"].value
    shown = {event.asset_key.path[1]: event.materialization.metadata for event in result.get_asset_materialization_events() if event.asset_key}
    assert shown["annotations"]["texts_without_answer"].value == check.metadata["failed"].value
    assert str(shown["annotations"]["failures"].value).startswith("| kind | texts |")


def test_a_figure_beyond_its_threshold_warns_and_the_threshold_is_that_of_the_project(workspace: Path) -> None:
    strange = [{"id": f"odd-{number}", "text": f"Qwertz zuiop {number} asdf", "topic": "none"} for number in range(60)]
    rows = [row for pair in zip(tiny_rows(), [*strange, *[None] * 60], strict=True) for row in pair if row]
    write_project(workspace, rows)
    found = evaluations(materialize(workspace))
    assert not found["few_fit_nothing"].passed
    assert found["few_fit_nothing"].metadata["other_share"].value > 0.1
    assert "add a category" in found["few_fit_nothing"].metadata["remedy"].value
    close_all()
    write_project(workspace, rows, checks={"other": 0.9, "covered": 0.1})
    found = evaluations(materialize(workspace, only=["labels"]))
    assert found["few_fit_nothing"].passed
    assert found["few_fit_nothing"].metadata["expected"].value == "At most 90 % of the labelled documents fit none of the categories."


def test_what_was_rejected_is_a_warning(workspace: Path) -> None:
    path = write_project(workspace)
    data = path.parent / "data" / "tiny.jsonl"
    data.write_text(data.read_text(encoding="utf-8") + "{broken\n" * 20, encoding="utf-8")
    check = evaluations(materialize(workspace, only=["documents"]))["few_rejects"]
    assert (check.passed, check.metadata["rejected"].value) == (False, 20)


def spoilt(name: str, session: Session, sql: str) -> Finding:
    stage, rule = rule_named(name)
    assert examine(rule, stage, session).passed
    execute(session, sql)
    return examine(rule, stage, session)


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("ids_are_unique", "insert into documents by name select * from documents limit 1"),
        ("every_text_has_a_vector", "delete from embeddings where text_hash = (select min(text_hash) from embeddings)"),
        ("labels_exist", "update labels set category_id = 'cat:gone' where text_hash = (select min(text_hash) from labels)"),
        ("predictions_exist", "update predictions set category_id = 'cat:gone' where text_hash = (select min(text_hash) from predictions)"),
        ("everything_is_predicted", "delete from predictions where text_hash = (select min(text_hash) from predictions)"),
        ("artefact_is_whole", "update classifiers set sha256 = repeat('0', 64)"),
        ("first_names_differ", "update categories set name = 'One'"),
    ],
)
def test_rows_that_would_spoil_what_follows_break_a_blocking_check(name: str, sql: str, make_project: Callable[..., Project], copied: Path) -> None:
    with tiny_session(make_project(), copied, chat=ScriptedChat([])) as session:
        assert rule_named(name)[1].blocking
        assert not spoilt(name, session, sql).passed


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("agrees_with_the_teacher", "update evaluations set value = 0.3 where metric = 'agreement'"),
        ("not_below_the_baseline", "update evaluations set value = 0.1 where subject = 'student' and metric = 'ari'"),
        ("beats_the_majority", """update classifiers set metrics = '{"agreement": 0.1}'"""),
        ("cites_most_documents", "update categories set members = []"),
        ("most_are_summarised", "delete from summaries where text_hash > 'text:4'; insert into failures select 'summaries', text_hash,"
         " (select value from current where key = 'summary_spec'), 'empty', 'nothing', 3, now() from documents where text_hash > 'text:4'"),
    ],
)  # fmt: skip
def test_a_broken_figure_is_a_warning_that_says_it(name: str, sql: str, make_project: Callable[..., Project], copied: Path) -> None:
    with tiny_session(make_project(), copied, chat=ScriptedChat([])) as session:
        assert not rule_named(name)[1].blocking
        found = spoilt(name, session, sql)
        assert not found.passed
        assert found.figures


def test_a_calibration_error_counts_from_the_threshold_on_where_it_is_more_than_chance(make_project: Callable[..., Project], copied: Path) -> None:
    stage, rule = rule_named("probabilities_hold")
    with tiny_session(make_project(), copied, chat=ScriptedChat([])) as session:
        assert examine(rule, stage, session).said.startswith("not measured")
        row = "insert into evaluations select evaluation_id, 'student', '{}', 'all', {}, {}, {}, 40, 'gold labels', now() from evaluations limit 1"
        execute(session, row.format("ece", 0.3, 0.25, 0.35))
        assert not examine(rule, stage, session).passed
        execute(session, row.format("ece_by_chance", 0.2, 0.1, 0.31))
        found = examine(rule, stage, session)
        assert found.passed, "so few documents say no more"
        assert found.figures == {"ece": 0.3, "ece_by_chance": 0.31}


def test_a_part_of_the_corpus_that_is_much_worse_is_a_warning_of_check_and_status(make_project: Callable[..., Project], copied: Path) -> None:
    stage, rule = rule_named("no_part_is_much_worse")
    with tiny_session(make_project(), copied, chat=ScriptedChat([])) as session:
        assert examine(rule, stage, session).passed
        row = "insert into evaluations select evaluation_id, 'student', '{}', '{}', {}, {}, {}, 40, 'gold labels', now() from evaluations limit 1"
        execute(session, row.format("accuracy_much_worse", "words<=6", -0.2, -0.3, -0.1))
        execute(session, row.format("accuracy_much_worse", "language=de", -0.4, -0.5, -0.3))
        said = "language=de: accuracy of the student is 0.400 lower than on the rest (0.300 to 0.500; 40 documents; by gold labels)"
        found = examine(rule, stage, session)
        assert (found.passed, found.figures) == (False, {"warnings": 2})
        assert found.said.startswith(said + "; words<=6: accuracy")
        session.store.publish()
        assert status(session.store)["warnings"][0] == said


def test_a_rule_has_to_hold_for_each_facet(workspace: Path, copied: Path) -> None:
    assert copied.is_relative_to(workspace), "the finished project, of which the other facet is new"
    write_project(workspace, facets={"urgency": {"use_case": "how urgent is it"}})
    result = materialize(workspace, only=list(STAGES)[: list(STAGES).index("labels") + 1])
    assert result.success
    found = evaluations(result)["most_are_covered"]
    assert found.passed
    assert found.metadata["found"].value.startswith("main: a category fits ")
    assert "; urgency: a category fits " in found.metadata["found"].value
    assert found.metadata["labelled_of_urgency"].value == 60


def test_one_check_of_a_stage_can_be_run_by_itself(workspace: Path) -> None:
    write_project(workspace)
    with opening_sessions(opener()), dg.DagsterInstance.ephemeral(settings=TELLING_NOBODY) as instance:
        definitions = build_definitions(workspace)
        assert (
            definitions.resolve_job_def("tiny")
            .execute_in_process(instance=instance, asset_selection=[dg.AssetKey(["tiny", "documents"])], run_config=QUIET)
            .success
        )
        key = dg.AssetCheckKey(dg.AssetKey(["tiny", "documents"]), "few_rejects")
        only = dg.define_asset_job("only", selection=dg.AssetSelection.checks(key))
        job = dg.Definitions.merge(definitions, dg.Definitions(jobs=[only])).resolve_job_def("only")
        result = job.execute_in_process(instance=instance, run_config=QUIET)
    assert [check.check_name for check in result.get_asset_check_evaluations()] == ["few_rejects"]


def test_shares_are_written_as_a_person_reads_them() -> None:
    assert [percent(share) for share in (0.9, 0.905, 1 / 3, 0, 1)] == ["90 %", "90.5 %", "33.3 %", "0 %", "100 %"]
