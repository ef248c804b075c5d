"""Gathers what a report tells of from the tables, and writes it; no model is asked."""

import importlib.metadata
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pipeline
from pipeline.ids import content_id
from pipeline.report import Contents, Provenance, render_report
from pipeline.settings import Project
from pipeline.stages import report_reads as reads
from pipeline.stages.nutrition import nutrition
from pipeline.stages.report_reads import Ask
from pipeline.stages.session import Session
from pipeline.store import Store

__all__ = ["REPORT", "read_contents", "report", "write_report"]

REPORT = "report.html"
LIBRARIES = ("duckdb", "scikit-learn", "numpy", "xllamacpp", "vllm", "torch", "model2vec", "sentence-transformers", "dagster")
IDS = ("taxonomy_id", "llm_annotator_id", "teacher_annotator_id", "classifier_id", "baseline_id", "evaluation_id")
MODELS = """
select model, coalesce(max(server), ''), count(*), list_sort(list(distinct purpose)) from llm_calls group by model order by count(*) desc, model
"""
EMBEDDERS = "select distinct embedder_id from classifiers where classifier_id = ?"
TIMES = "select min(started_at), count(*) from runs"
MEASURED = "select min(created_at) from evaluations where evaluation_id = ?"
STATUS = "select status from runs order by started_at desc limit 1"
# What an evaluation saw; where it points elsewhere by now, the figures are older than the labels.
FURTHER = ("judgements", "ratings", "definition_checks")


def report(session: Session) -> tuple[int, int]:
    """Write the report of the project's tables as one page, to be read without a network; nothing is written where it would say the same."""
    with session.store.reader():
        page = render_report(read_contents(session.store.rows, session.whole))
    path = session.folder / REPORT
    if path.exists() and path.read_text(encoding="utf-8") == page:
        return 0, 1
    _put(path, page)
    return 1, 1


def write_report(store: Store, project: Project, out: Path) -> int:
    """Write the report of one state of the published tables, whole or not at all; give its bytes."""
    with store.snapshot() as copy:
        page = render_report(read_contents(copy.rows, project))
    _put(out, page)
    return len(page.encode())


def read_contents(ask: Ask, project: Project) -> Contents:
    """Read all that a report tells of."""
    current, there = reads.pointers(ask), reads.tables_there(ask)
    measured, student = current.get("evaluation_id", ""), current.get("classifier_id")
    found, made_of = reads.figures(ask, measured), nutrition(ask, project)
    branches, took = reads.branches(ask), reads.timed(ask)
    has_gold, has_student = bool(made_of.gold), student is not None and bool(reads.documents_by_labeller(ask))
    names = {branch.name for branch in branches if branch.is_leaf}
    has_mistakes, has_ties = "mistakes" in there, "tie_breakers" in there
    return Contents(
        project=project.name, use_case=project.use_case, figures=found, curves=reads.curves(ask, measured), branches=branches,
        labelled_by=reads.documents_by_labeller(ask), unlabelled=reads.unlabelled(ask), nutrition=made_of,
        provenance=_provenance(ask, project, current), facets=reads.facets(ask, project, current),
        confusions=reads.confusions(ask, gold=has_gold, student=has_student), truth="gold" if has_gold else "teacher",
        same_names=not has_gold or set(made_of.gold) <= names,
        mistakes=reads.mistakes(ask, measured) if has_mistakes else (), mistake_kinds=reads.mistake_kinds(ask, measured) if has_mistakes else {},
        tie_breakers=reads.tie_breakers(ask, measured) if has_ties else (), drift=reads.drift(ask, student) if student else (),
        spent=reads.spent(ask), timed=took, forecast=reads.forecast(ask, took), tables=_further(ask, there),
        status=next((row[0] for row in ask(STATUS)), ""),
    )  # fmt: skip


def _further(ask: Ask, there: set[str]) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Count the rows of tables that a report only mentions."""
    return {name: [{"rows": ask(f"select count(*) from {name}")[0][0]}] for name in FURTHER if name in there}  # noqa: S608 - names are constants


def _provenance(ask: Ask, project: Project, current: Mapping[str, str]) -> Provenance:
    first, runs = ask(TIMES)[0]
    measured = ask(MEASURED, [current.get("evaluation_id", "")])[0][0]
    times = {"first run": first, "measured": measured}
    models = [{"model": row[0], "server": row[1], "calls": f"{row[2]:,}", "for": ", ".join(row[3])} for row in ask(MODELS)]
    models += [{"model": row[0], "server": "", "calls": "", "for": "vectors of texts"} for row in ask(EMBEDDERS, [current.get("classifier_id")])]
    return Provenance(
        ids={key: current[key] for key in IDS if key in current}, models=models, prompts=reads.prompts(ask),
        settings=content_id("settings", project.model_dump(mode="json")), versions=_versions(),
        times={name: f"{at:%Y-%m-%d %H:%M} UTC" for name, at in times.items() if at is not None}, runs=runs,
    )  # fmt: skip


def _versions() -> dict[str, str]:
    found = {"linnaeus": pipeline.__version__}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _put(path: Path, page: str) -> None:
    """Write a file beside the one it replaces, and rename it into place."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_text(page, encoding="utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
