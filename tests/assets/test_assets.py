"""The Dagster shell: the graph is what the stages say, a run in it is a run of the stages, and failures are told as ours."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.definitions import build_definitions
from pipeline.errors import EngineError
from pipeline.serving.contract import Question
from pipeline.settings import Project
from pipeline.stages import STAGES, Session
from pipeline.stages.checks import CHECKS
from pipeline.testing import ScriptedChat
from tests.materialising import Materialised, materialize
from tests.tiny import NAMES, TinyEmbedder, knowing_reply, tiny_rows, write_project

GRAPH = Path(__file__).parent.parent / "golden" / "assets.json"


def failures(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    found = {}
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            found[event.node_name.split("__")[-1]] = str(data.user_failure_data.description if data.user_failure_data else data.error)
    return found


def test_the_graph_has_an_asset_and_checks_for_each_stage(workspace: Path) -> None:
    write_project(workspace)
    graph = build_definitions(workspace).resolve_asset_graph()
    found = {
        key.to_user_string(): {
            "deps": sorted(parent.to_user_string() for parent in graph.get(key).parent_keys),
            "checks": sorted(check.name for check in graph.get_check_keys_for_assets({key})),
        }
        for key in sorted(graph.get_all_asset_keys())
    }
    if os.environ.get("LINNAEUS_GOLDEN") == "1":
        GRAPH.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    assert found == json.loads(GRAPH.read_text(encoding="utf-8"))
    assert len(found) == len(STAGES)


def test_a_broken_project_file_shows_its_mistakes_and_leaves_the_others_loaded(workspace: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_project(workspace)
    write_project(workspace, name="broken", sead=1)
    definitions = build_definitions(workspace)
    graph = definitions.resolve_asset_graph()
    assert {key.path[0] for key in graph.get_all_asset_keys()} == {"tiny", "broken"}
    (shown,) = [graph.get(key) for key in graph.get_all_asset_keys() if key.path[0] == "broken"]
    assert shown.group_name == "broken" and "broken.yaml has 1 mistake" in (shown.description or "")
    assert "sead: unknown key" in (shown.description or "") and "sead: unknown key" in caplog.text
    assert {job.name for job in definitions.resolve_all_job_defs()} >= {"tiny", "tiny_label", "tiny_evaluate"}


def test_a_workspace_without_projects_loads(workspace: Path) -> None:
    assert build_definitions(workspace).resolve_asset_graph().get_all_asset_keys() == set()


def test_a_run_materialises_every_asset_with_metadata_and_every_blocking_check_holds(materialised: Materialised) -> None:
    result = materialised.result
    assert result.success, failures(result)
    events = {event.asset_key.path[1]: event.materialization.metadata for event in result.get_asset_materialization_events() if event.asset_key}
    assert set(events) == set(STAGES)
    assert all({"made_in_this_run", "seconds", "model_calls", "tokens_in", "dagster/row_count"} <= set(metadata) for metadata in events.values())
    assert events["summaries"]["model_calls"].value == 60
    assert "Late Parcels" in str(events["taxonomy"]["taxonomy"].value)
    assert "Late Parcels" in str(events["labels"]["label_histogram"].value)
    student = {key: events["classifier"][key].value for key in ("candidates", "chosen_because", "promoted", "decision")}
    assert str(student["candidates"]).count("\n") > 2
    assert "| True |" in str(student["candidates"])
    assert "the teacher holds" in str(student["chosen_because"])
    assert (student["promoted"], student["decision"]) == (True, "by rule: It is the first one.")
    assert "| student | accuracy | held_out |" in str(events["evaluation"]["figures"].value)
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert set(checks) == {rule.name for rules in CHECKS.values() for rule in rules}
    assert [check.check_name for check in checks.values() if not check.passed] == []
    assert "34 labels are too few" in str(checks["few_abstained"].metadata["found"].value)


def test_the_evaluation_shows_a_picture_of_how_far_probabilities_can_be_believed(workspace: Path, copied: Path) -> None:
    assert copied.is_relative_to(workspace), "the finished project, which has had labels that say nothing for gold"
    write_project(workspace, [row | {"topic": NAMES[row["topic"]]} for row in tiny_rows()])
    result = materialize(workspace)
    (shown,) = [event.materialization.metadata for event in result.get_asset_materialization_events() if event.asset_key.path[1] == "evaluation"]
    name, _, png = str(shown["calibration"].value).removesuffix(")").partition("](data:image/png;base64,")
    assert name == "![calibration"
    assert base64.b64decode(png, validate=True).startswith(b"\x89PNG")


def test_an_error_of_a_stage_fails_its_asset_with_our_message_and_stops_what_follows(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assets.retries.FIRST_PAUSE", 0.0)

    def gone(_: Question) -> str:
        raise EngineError("The server at http://127.0.0.1:1 is gone.")

    write_project(workspace)
    result = materialize(workspace, reply=gone, only=["documents", "facets", "summaries", "generated_taxonomy"])
    assert not result.success
    assert failures(result) == {"facets": "The server at http://127.0.0.1:1 is gone."}
    assert {event.asset_key.path[1] for event in result.get_asset_materialization_events() if event.asset_key} == {"documents"}


class DriftingEmbedder(TinyEmbedder):
    """Calls itself otherwise each time it is asked, so that no vector is ever found again."""

    times = 0

    @property
    def embedder_id(self) -> str:  # type: ignore[override]
        self.times += 1
        return f"drifting@{self.times}"


def test_a_blocking_check_that_fails_stops_what_follows(workspace: Path) -> None:
    def open_drifting(project: Project, **_: Any) -> Session:
        return Session(project, chat=ScriptedChat(knowing_reply), embedder=DriftingEmbedder())

    write_project(workspace)
    result = materialize(workspace, only=["documents", "embeddings", "classifier"], opened_by=open_drifting)
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert (checks["ids_are_unique"].passed, checks["every_text_has_a_vector"].passed) == (True, False)
    assert checks["every_text_has_a_vector"].metadata["found"].value == "120 texts without a vector"
    assert not result.success
    assert "classifier" not in {event.asset_key.path[1] for event in result.get_asset_materialization_events() if event.asset_key}
    assert "classifier" not in failures(result), "it was not even started"
