"""The version of a stage changes with what makes its rows, and with nothing else."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from pipeline import prompts
from pipeline.prompts import load_prompt, prompt_names
from pipeline.settings import Project
from pipeline.stages import STAGES, Session
from pipeline.stages.stage_versions import SETTINGS, STAGE_PROMPTS, TAXONOMY_STAGES, WITHOUT_ROWS, stage_version

MakeProject = Callable[..., Project]
TINY = {"path": "data/tiny.jsonl", "id": "id", "text": "text", "gold": "topic"}
STEP = {
    "facet": ("facets",), "summarise": ("summaries",), "generate": ("generated_taxonomy",), "update": ("updated_taxonomy",),
    "review": ("reviewed_taxonomy",), "select": ("selected_taxonomy",), "relevance": ("selected_taxonomy",), "describe": ("taxonomy",),
    "annotate": ("annotations", "repeated_labels"), "dictation": TAXONOMY_STAGES, "baseline": ("baseline",), "write": ("written_examples",),
    "judgement": ("judgements",), "definition": ("definition_checks",), "tie_break": ("mistakes",),
}  # fmt: skip
ALONE = {"resamples": 100, "judge_sample": 0, "told_sample": 0, "definition_sample": 24, "repeat_sample": 16}  # the tiny project's own
ASKED_AGAIN = ("definition_checks", "repeated_labels")  # of what annotations asked
ASKED_OTHERWISE = {"repair"}  # by the client, about an answer that cannot be read


def versions(project: Project) -> dict[str, str]:
    return {stage: stage_version(project, stage) for stage in STAGES}


def changed(before: Project, after: Project) -> set[str]:
    old, new = versions(before), versions(after)
    return {stage for stage in STAGES if old[stage] != new[stage]}


def test_every_prompt_belongs_to_a_stage_or_to_the_exam() -> None:
    in_stages = {name for names in STAGE_PROMPTS.values() for name in names}
    assert in_stages == {name for name in prompt_names() if not name.startswith("exam_")} - ASKED_OTHERWISE


def test_whatever_a_run_asked_is_asked_with_a_prompt_of_its_stage(finished_session: Session) -> None:
    asked = finished_session.store.rows("select distinct purpose, prompt from llm_calls")
    assert len(asked) > 5
    for purpose, prompt in asked:
        assert any(prompt.partition("@")[0] in STAGE_PROMPTS[stage] for stage in STEP[purpose]), (purpose, prompt)


@pytest.mark.parametrize("name", sorted({name for names in STAGE_PROMPTS.values() for name in names}))
def test_another_prompt_is_another_version_of_exactly_the_stages_that_use_it(
    name: str, make_project: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(
        annotation={"sample": 60, "evidence": True, "rationale": True, "promise": {"accuracy": 0.9}},
        rare={"written": 2},
        evaluation={"resamples": 100, "judge_sample": 6},
    )
    before = versions(project)
    folder = tmp_path / "prompts"
    folder.mkdir()
    for path in prompts.PROMPT_FOLDER.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        (folder / path.name).write_text(text.replace("max_tokens: ", "max_tokens: 1", 1) if path.stem == name else text, encoding="utf-8")
    monkeypatch.setattr(load_prompt, "__defaults__", (folder,))
    after = versions(project)
    assert {stage for stage in STAGES if before[stage] != after[stage]} == {stage for stage, used in STAGE_PROMPTS.items() if name in used}


@pytest.mark.parametrize(
    ("changes", "stages"),
    [
        ({"students": [{"kind": "voices", "penalties": [1.0]}]}, {"classifier"}),
        ({"rare": {"written": 3}}, {"written_examples"}),
        ({"evaluation": {**ALONE, "resamples": 200, "judge_sample": 0, "told_sample": 0}}, {"evaluation"}),
        ({"evaluation": {**ALONE, "resamples": 100, "judge_sample": 6, "told_sample": 0}}, {"judgements"}),
        ({"evaluation": {**ALONE, "resamples": 100, "judge_sample": 0, "told_sample": 9}}, {"baseline"}),
        ({"evaluation": {**ALONE, "definition_sample": 5}}, {"definition_checks", "evaluation"}),
        ({"evaluation": {**ALONE, "repeat_sample": 5}}, {"repeated_labels", "evaluation"}),
        (
            {"corpus": {**TINY, "near_duplicates": {"act": "share"}}},
            {"documents", "summaries", "annotations", "labels", "classifier", "baseline", *ASKED_AGAIN},
        ),
        ({"corpus": {**TINY, "detect_language": True}}, {"documents"}),
        ({"corpus": {**TINY, "licence": "CC BY 4.0", "limits": "One city."}}, {"report"}),
        (
            {"embedder": "all-minilm-l6-v2-static"},
            {"embeddings", *TAXONOMY_STAGES, "annotations", "labels", "classifier", "baseline", "mistakes", *ASKED_AGAIN},
        ),
        ({"annotator": {"model": "some.gguf"}}, {"annotations", "baseline", *ASKED_AGAIN}),
        ({"engine": {"context_tokens": 8192, "timeout_seconds": 20}}, set()),
        ({"schedule": {"timezone": "Europe/Berlin", "label": "0 3 * * *"}}, set()),
        ({"checks": {"covered": 0.5}, "budget": {"calls": 3}, "owners": ["team:a"], "exam": "off"}, set()),
    ],
)
def test_a_setting_changes_the_stages_that_read_it(changes: dict[str, Any], stages: set[str], make_project: MakeProject) -> None:
    assert changed(make_project(), make_project(**changes)) == stages


def test_the_use_case_changes_all_that_ask_about_it(make_project: MakeProject) -> None:
    asked_about = {"facets", "summaries", *TAXONOMY_STAGES, "annotations", "baseline", "repeated_labels", "report"}
    assert changed(make_project(), make_project(use_case="who writes")) == asked_about


def test_a_prompt_that_nothing_is_asked_with_changes_nothing(make_project: MakeProject) -> None:
    project = make_project(annotation={"sample": 60, "evidence": True})
    assert changed(make_project(), project) == {"annotations"}
    assert stage_version(make_project(), "cascade") == stage_version(make_project(use_case="who writes"), "cascade"), "nothing is promised"


def test_the_files_beside_the_project_are_read(make_project: MakeProject, tmp_path: Path) -> None:
    seeds = tmp_path / "projects" / "seeds.csv"
    seeds.parent.mkdir(exist_ok=True)
    seeds.write_text("name,description\nRefunds,Money back.\n", encoding="utf-8")
    changes = {"taxonomy": {"seeds": "seeds.csv"}}
    before = versions(make_project(**changes))
    seeds.write_text("name,description\nRefunds,Money that comes back.\n", encoding="utf-8")
    after = versions(make_project(**changes))
    assert {stage for stage in STAGES if before[stage] != after[stage]} == set(TAXONOMY_STAGES)


def test_every_setting_is_one_that_a_stage_reads_or_one_that_makes_no_row() -> None:
    told = {place for places in SETTINGS.values() for place in places}
    told |= {"embedder" for place in told if place == "embedder_name"} | {"students" for place in told if place == "student"}
    told |= {"evaluation.judges" for place in told if place == "evaluation.judge_models"}
    for place in _places(Project, ""):
        parts = place.split(".")
        known = any(".".join(parts[: end + 1]) in told for end in range(len(parts)))
        assert known or parts[0] in WITHOUT_ROWS or parts[0] in {"facets"}, f"{place}: no stage reads it; add it to SETTINGS or WITHOUT_ROWS"


def _places(model: type[BaseModel], above: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        options = [inner, *getattr(inner, "__args__", ())]
        section = next((one for one in options if isinstance(one, type) and issubclass(one, BaseModel)), None)
        if section is None:
            yield f"{above}{name}"
        else:
            yield from _places(section, f"{above}{name}.")
