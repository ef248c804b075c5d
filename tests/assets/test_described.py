"""What assets say of themselves before anything ran: columns, lineage, owners, versions; and that staleness is true."""

import shutil
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.definitions.utils import is_valid_owner
from dagster._core.loader import LoadingContextForTest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assets.definitions import build_definitions
from assets.described import LINEAGE, MAIN_TABLE
from pipeline import prompts
from pipeline.errors import ProjectError
from pipeline.schedule_settings import OWNER
from pipeline.settings import load_project
from pipeline.stages import STAGES
from pipeline.store.reference import described_columns
from tests.materialising import Materialised
from tests.tiny import write_project


def specs(workspace: Path) -> dict[str, dg.AssetSpec]:
    graph = build_definitions(workspace).resolve_asset_graph()
    return {key.path[1]: graph.get(key).to_asset_spec() for key in graph.get_all_asset_keys() if key.path[0] == "tiny"}


def test_every_asset_has_columns_with_comments_and_a_place(workspace: Path) -> None:
    write_project(workspace, owners=["team:support", "ada@example.org"])
    found = specs(workspace)
    assert set(found) == set(STAGES)
    for stage, spec in found.items():
        columns = spec.metadata["dagster/column_schema"].columns
        assert [column.name for column in columns] == [column.name for column in described_columns()[MAIN_TABLE[stage]]]
        assert all(column.description and column.type for column in columns), stage
        assert spec.metadata["dagster/table_name"] == f"tiny.{MAIN_TABLE[stage]}"
        assert spec.metadata["dagster/uri"].startswith("file://")
        assert spec.metadata["dagster/uri"].endswith("/projects/tiny/labels.duckdb")
        assert spec.owners == ["team:support", "ada@example.org"]
        assert spec.description is not None
        assert spec.description.startswith(STAGES[stage][0].__doc__ or "?")
        assert spec.description.endswith("what does the customer write about")
        assert spec.code_version
    assert not (workspace / ".linnaeus").exists(), "no store was opened"


def test_the_description_names_the_question_of_each_facet(workspace: Path) -> None:
    write_project(workspace, facets={"urgency": {"use_case": "how urgent is it"}})
    said = specs(workspace)["labels"].description
    assert said is not None
    assert said.endswith("- main: what does the customer write about\n- urgency: how urgent is it")


def test_every_derived_table_says_where_its_columns_come_from(workspace: Path) -> None:
    write_project(workspace)
    found = specs(workspace)
    assert set(LINEAGE) == set(STAGES) - {"documents"}
    columns = {stage: {column.name for column in spec.metadata["dagster/column_schema"].columns} for stage, spec in found.items()}
    for stage in LINEAGE:
        lineage = found[stage].metadata["dagster/column_lineage"].deps_by_column
        assert set(lineage) <= columns[stage], stage
        for deps in lineage.values():
            assert all(dep.asset_key.path[0] == "tiny" and dep.column_name in columns[dep.asset_key.path[1]] for dep in deps), stage
            assert all(list(STAGES).index(dep.asset_key.path[1]) < list(STAGES).index(stage) for dep in deps), "it comes from what was before"


@given(st.one_of(st.from_regex(OWNER, fullmatch=True), st.text(max_size=30), st.emails()))
@example(".@0.AA")
@settings(max_examples=40)
def test_an_owner_is_what_dagster_takes_for_one(owner: str) -> None:
    if "\n" not in owner:
        assert bool(OWNER.fullmatch(owner)) == is_valid_owner(owner)


@pytest.mark.parametrize("owner", ["support", "team:", "ada@example", "ada example.org"])
def test_what_is_no_owner_is_told_when_the_file_is_loaded(owner: str, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"owners\.0: is no owner; give an e-mail address, or a team as team:support"):
        load_project(write_project(tmp_path, owners=[owner]))


def test_twenty_project_files_load(workspace: Path) -> None:
    for number in range(20):
        write_project(workspace, name=f"project_{number}")
    graph = build_definitions(workspace).resolve_asset_graph()
    assert len(graph.get_all_asset_keys()) == 20 * len(STAGES)


def stale(definitions: dg.Definitions, instance: dg.DagsterInstance) -> set[str]:
    """Name the stages whose own code or settings are others than those that made their rows."""
    resolver = CachingStaleStatusResolver(instance, definitions.resolve_asset_graph(), LoadingContextForTest(instance))
    keys = definitions.resolve_asset_graph().get_all_asset_keys()
    assert all(resolver.get_status(key) != StaleStatus.MISSING for key in keys)
    return {key.path[1] for key in keys if any(cause.category.name == "CODE" and cause.asset_key == key for cause in resolver.get_stale_causes(key))}


def test_dagster_shows_as_stale_what_another_setting_or_prompt_makes_anew(
    materialised: Materialised, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(materialised.workspace, workspace, dirs_exist_ok=True)
    instance = materialised.instance
    assert stale(build_definitions(workspace), instance) == set()
    write_project(workspace, students=[{"kind": "class_means"}])
    assert stale(build_definitions(workspace), instance) == {"labels", "classifier"}, "labels are held against the first student"
    write_project(workspace, alerts={"file": "alerts.jsonl"}, budget={"calls": 5})
    assert stale(build_definitions(workspace), instance) == set()
    folder = tmp_path / "prompts"
    folder.mkdir()
    for path in prompts.PROMPT_FOLDER.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        (folder / path.name).write_text(text.replace("max_tokens: ", "max_tokens: 1", 1) if path.stem == "summarise" else text, encoding="utf-8")
    monkeypatch.setattr(prompts.load_prompt, "__defaults__", (folder,))
    assert stale(build_definitions(workspace), instance) == {"summaries"}
