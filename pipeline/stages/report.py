"""Gathers what a report tells of from the tables, and writes it; no model is asked."""

import hashlib
import importlib.metadata
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pipeline
from pipeline.evaluation.judged import GOLD, TEACHER
from pipeline.history_records import PageWritten
from pipeline.ids import content_id
from pipeline.report import Confusion, Contents, Provenance, render_report
from pipeline.settings import Project
from pipeline.stages import report_reads as reads
from pipeline.stages.nutrition import nutrition
from pipeline.stages.report_reads import Ask
from pipeline.stages.session import Session
from pipeline.store import Store

__all__ = ["REPORT", "latest_confusions", "read_contents", "report", "write_report"]

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
FURTHER = ("judgements", "ratings", "definition_checks")


def report(session: Session) -> tuple[int, int]:
    """Write what the tables say of the project as one page that can be read anywhere, unless it is there and would say the same."""
    with session.store.reader():
        page = render_report(read_contents(session.store.rows, session.whole))
    written = PageWritten(REPORT, session.store.current("evaluation_id") or "", hashlib.sha256(page.encode()).hexdigest(), len(page.encode()))
    path = session.folder / REPORT
    if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == written.sha256:
        return 0, 1
    _put(path, page)
    session.store.save([written])
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
    confused, judge = _confusions(ask, measured, student is not None)
    names = {branch.name for branch in branches if branch.is_leaf}
    whose = "teacher" if student is None else "student"
    return Contents(
        project=project.name, use_case=project.use_case, figures=found, curves=reads.curves(ask, measured), branches=branches,
        labelled_by=reads.documents_by_labeller(ask), unlabelled=reads.unlabelled(ask), nutrition=made_of,
        provenance=_provenance(ask, project, current), facets=reads.facets(ask, project, current),
        confusions=confused, truth="gold" if judge == GOLD else "teacher", same_names={one.truth for one in confused} <= names,
        mistakes=reads.mistakes(ask, measured, whose), mistake_kinds=reads.mistake_kinds(ask, measured, whose),
        tie_breakers=reads.tie_breakers(ask, measured), drift=reads.drift(ask, student) if student else (),
        spent=reads.spent(ask), timed=took, forecast=reads.forecast(ask, took), tables=_further(ask, there),
        status=next((row[0] for row in ask(STATUS)), ""),
    )  # fmt: skip


def latest_confusions(session: Session) -> tuple[list[Confusion], str]:
    """Give what is confused by the evaluation in use, by the best judge there is, and who that is; none where nothing was measured."""
    store = session.store
    return _confusions(store.rows, store.current("evaluation_id") or "", store.current("classifier_id") is not None)


def _confusions(ask: Ask, evaluation_id: str, has_student: bool) -> tuple[list[Confusion], str]:
    """Give what is confused by the best judge there is, and who that is."""
    for subject, judge in (("student", GOLD), ("teacher", GOLD), ("student", TEACHER)):
        found = reads.confusions(ask, evaluation_id, subject, judge)
        if found and (has_student or subject == "teacher"):
            return found, judge
    return [], TEACHER


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
