"""What an asset says of itself before anything ran: its table and columns, where these come from, where they lie, and what it is for."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from pipeline.settings import Project
from pipeline.stages import STAGES, project_state
from pipeline.store.reference import described_columns

__all__ = ["MAIN_TABLE", "column_lineage", "definition_metadata", "stage_description"]

PUBLISHED = "labels.duckdb"
MAIN_TABLE: Mapping[str, str] = {
    "documents": "documents", "embeddings": "embeddings", "facets": "facets", "summaries": "summaries", "generated_taxonomy": "categories",
    "updated_taxonomy": "categories", "reviewed_taxonomy": "categories", "selected_taxonomy": "categories", "taxonomy": "categories",
    "annotations": "labels", "labels": "labels", "written_examples": "written_examples", "classifier": "classifiers",
    "predictions": "predictions", "cascade": "thresholds", "definition_checks": "definition_checks", "repeated_labels": "labels",
    "baseline": "categories", "judgements": "judgements", "evaluation": "evaluations", "mistakes": "mistakes", "report": "reports",
}  # fmt: skip
Lineage = Mapping[str, tuple[tuple[str, str], ...]]  # column: (stage, column of its table), ...
BY_TEXT: Lineage = {"text_hash": (("documents", "text_hash"),)}
LABEL: Lineage = {"taxonomy_id": (("taxonomy", "taxonomy_id"),), "category_id": (("taxonomy", "category_id"), ("documents", "text"))}


def _carried_on(stage: str) -> Lineage:
    """Let a version of the taxonomy come from the one before it."""
    columns = ("category_id", "parent_id", "name", "description", "members")
    return {column: ((stage, column),) for column in columns}


LINEAGE: Mapping[str, Lineage] = {
    "embeddings": {**BY_TEXT, "vector": (("documents", "text"),)},
    "facets": {"examples": (("documents", "text"),)},
    "summaries": {**BY_TEXT, "summary": (("documents", "text"),), "phrase": (("documents", "text"), ("facets", "question"))},
    "generated_taxonomy": {
        "name": (("summaries", "phrase"),), "description": (("summaries", "phrase"),),
        "members": (("summaries", "text_hash"), ("embeddings", "vector")),
    },
    "updated_taxonomy": _carried_on("generated_taxonomy"),
    "reviewed_taxonomy": _carried_on("updated_taxonomy"),
    "selected_taxonomy": _carried_on("reviewed_taxonomy"),
    "taxonomy": _carried_on("selected_taxonomy"),
    "annotations": {**BY_TEXT, **LABEL, "evidence": (("documents", "text"),)},
    "labels": {
        "text_hash": (("annotations", "text_hash"),), "taxonomy_id": (("annotations", "taxonomy_id"),),
        "category_id": (("annotations", "category_id"), ("annotations", "scores")), "probability": (("annotations", "scores"),),
    },
    "written_examples": {"category_id": (("taxonomy", "category_id"),), "text": (("taxonomy", "description"), ("documents", "text"))},
    "classifier": {
        "taxonomy_id": (("labels", "taxonomy_id"),), "annotator_id": (("labels", "annotator_id"),), "embedder_id": (("embeddings", "embedder_id"),),
        "metrics": (("labels", "category_id"),),
    },
    "predictions": {
        **BY_TEXT, "classifier_id": (("classifier", "classifier_id"),),
        "category_id": (("labels", "category_id"), ("embeddings", "vector")), "probability": (("labels", "probability"), ("embeddings", "vector")),
    },
    "cascade": {
        "taxonomy_id": (("taxonomy", "taxonomy_id"),), "annotator_id": (("predictions", "classifier_id"),),
        "threshold": (("predictions", "probability"), ("annotations", "category_id")),
    },
    "definition_checks": {
        **BY_TEXT, "taxonomy_id": (("taxonomy", "taxonomy_id"),), "category_id": (("taxonomy", "category_id"),),
        "answer": (("taxonomy", "description"), ("documents", "text")), "probability": (("taxonomy", "description"), ("documents", "text")),
    },
    "repeated_labels": {"text_hash": (("annotations", "text_hash"),), **LABEL},
    "baseline": {"members": (("embeddings", "text_hash"), ("embeddings", "vector")), "name": (("documents", "text"),)},
    "judgements": {
        **BY_TEXT, "category_id": (("labels", "category_id"), ("predictions", "category_id"), ("baseline", "category_id")),
        "verdict": (("documents", "text"), ("taxonomy", "description")), "probability": (("documents", "text"), ("taxonomy", "description")),
    },
    "report": {"evaluation_id": (("evaluation", "evaluation_id"),), "sha256": (("evaluation", "value"), ("predictions", "category_id"))},
    "evaluation": {
        "value": (
            ("predictions", "category_id"), ("labels", "category_id"), ("documents", "gold"), ("baseline", "members"), ("judgements", "verdict"),
            ("definition_checks", "answer"), ("repeated_labels", "category_id"),
        ),
    },
    "mistakes": {
        "category_id": (("labels", "category_id"), ("predictions", "category_id")), "gold": (("documents", "gold"),),
        "suspicion": (("documents", "gold"), ("embeddings", "vector")), "evidence": (("labels", "category_id"), ("embeddings", "vector")),
    },
}  # fmt: skip


def definition_metadata(project: Project, stage: str) -> dict[str, Any]:
    """Describe the table of a stage, with names, types and comments as the database says; no store of the project is opened."""
    table, folder = MAIN_TABLE[stage], project_state(project)
    columns = [dg.TableColumn(column.name, column.type, description=column.comment) for column in described_columns()[table]]
    return {
        "dagster/column_schema": dg.TableSchema(columns),
        "dagster/table_name": f"{project.name}.{table}",
        "dagster/uri": (folder / PUBLISHED).as_uri(),
        "project_file": dg.MetadataValue.path(str(project.folder / f"{project.name}.yaml")),
        **column_lineage(project, stage),
    }


def column_lineage(project: Project, stage: str) -> dict[str, dg.TableColumnLineage]:
    """Say which columns the columns of a stage's table come from; nothing for what comes from the corpus itself."""
    if stage not in LINEAGE:
        return {}
    deps = {
        column: [dg.TableColumnDep(dg.AssetKey([project.name, source]), name) for source, name in sources]
        for column, sources in LINEAGE[stage].items()
    }
    return {"dagster/column_lineage": dg.TableColumnLineage(deps)}


def stage_description(project: Project, stage: str) -> str:
    """Say what a stage does, and for which question."""
    function, _ = STAGES[stage]
    asked = "\n".join(f"- {name}: {project.facet(name).use_case}" for name in project.facet_names)
    return f"{function.__doc__}\n\nUse case{'s' if project.facets else ''}:\n\n{asked if project.facets else project.use_case}"
