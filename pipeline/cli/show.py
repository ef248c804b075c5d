"""How the command line shows tables, a finished run and a status."""

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.settings import Project
from pipeline.stages.overview import evaluation_table, label_counts, part_warnings, sample_labels, stage_costs, taxonomy_table
from pipeline.store import Store

__all__ = ["show_json", "show_run", "show_status", "show_table"]

EXAMPLES = 10
ACCURACIES = frozenset({"accuracy", "exact_accuracy"})
# What is shown of a run, of the many figures there are; the report and the tables have the rest.
CHIEF = ACCURACIES | {
    "agreement", "ari", "citation_coverage", "coverage", "estimated_accuracy", "failed", "flip_rate", "gap", "judge_kappa",
    "judged_accuracy_hard", "krippendorff_alpha", "nmi", "overlap", "relevance",
}  # fmt: skip
RIVALS = frozenset({"majority", "random", "random_by_share", "tfidf", "told_names"})


def show_json(console: Console, value: Any) -> None:
    """Write a value as JSON, for machines."""
    console.file.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


def show_table(console: Console, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str | None = None) -> None:
    """Write rows as a table; numbers to the right."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", show_edge=False, pad_edge=False)
    for place, column in enumerate(columns):
        is_number = bool(rows) and all(isinstance(row[place], int | float) or row[place] is None for row in rows)
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(_cell(value)) for value in row))
    console.print(table)
    console.print()


def show_run(console: Console, project: Project, store: Store, *, seconds: float) -> None:
    """Show what a run made: taxonomy, examples, figures, costs, and what to type next."""
    shares = {row["category"]: row["share"] or 0.0 for row in label_counts(store)}
    tree = [
        ("  " * row["depth"] + row["name"], row["documents"], _share(shares.get(row["name"], 0.0)), row["description"])
        for row in taxonomy_table(store)
    ]
    show_table(console, ["category", "documents", "share", "description"], tree, title=f"Taxonomy of {project.name}: {project.use_case}")
    examples = [(_short(row["text"]), row["category"], row["probability"], row["labelled_by"]) for row in sample_labels(store, EXAMPLES)]
    show_table(console, ["document", "category", "probability", "by"], examples, title="Ten labelled documents")
    rows = evaluation_table(store)
    figures = [_figure(row) for row in rows if _is_chief(row)]
    show_table(console, ["subject", "metric", "documents", "value", "95 % interval", "n", "judge"], figures, title="Evaluation")
    if len(figures) < len(rows):
        console.print(f'{len(rows) - len(figures)} further figures: linnaeus sql {project.name} "from evaluations"', soft_wrap=True)
    _show_warnings(console, part_warnings(store))
    costs = [
        (row["stage"], row.get("made"), row.get("calls"), row.get("tokens_in"), row.get("tokens_out"), row["seconds"]) for row in stage_costs(store)
    ]
    show_table(console, ["stage", "made", "calls", "tokens in", "tokens out", "seconds"], costs, title="What it took")
    calls = sum(cost[2] or 0 for cost in costs)
    if calls:
        console.print(f"Done in {seconds:.0f} s with {calls} model calls.")
    else:
        console.print(f"Nothing to ask: everything was there already. Done in {seconds:.0f} s with 0 model calls.")
    _show_next(console, project, store)


def show_status(console: Console, project: Project, summary: dict[str, Any]) -> None:
    """Show where a project stands."""
    run = summary["last_run"]
    console.print(f"[bold]{project.name}[/bold]: {escape(project.use_case)}")
    if run:
        console.print(f"last run {run['run_id']}: {run['status']}, started {run['started_at']}, {summary['model_calls']} model calls")
    keys = ["documents", "sampled", "labelled", "labelled_in_part", "predicted", "rejected", "categories", "coverage"]
    show_table(console, keys, [[summary[key] for key in keys]])
    figures = []
    for subject, found in (("", summary["evaluation"]), ("baseline ", summary["evaluation"]["baseline"])):
        figures += [
            (subject + name, *(figure[key] for key in ("value", "low", "high", "n")))
            for name, figure in found.items()
            if figure and name != "baseline"
        ]
    show_table(console, ["figure", "value", "low", "high", "n"], figures)
    _show_warnings(console, summary["warnings"])


def _show_warnings(console: Console, warnings: Sequence[str]) -> None:
    for warning in warnings:
        console.print(f"[yellow]much worse[/yellow]  {escape(warning)}", soft_wrap=True)


def _show_next(console: Console, project: Project, store: Store) -> None:
    query = "select * from labelled_documents limit 20"
    lines = {
        f"linnaeus report {project.name}": "one page with all of this: verdict, figures, mistakes",
        f'linnaeus sql {project.name} "{query}"': "any SQL that reads",
        f"duckdb.connect({str(store.published)!r}, read_only=True)": "the same tables from plain Python",
        f"linnaeus label {project.name} FILE.csv": "labels a new file with the student, no model needed",
        "make dev": "the Dagster UI: the same stages, runs and tables",
        "linnaeus init mine --file FILE.csv": "a project for your own text",
    }
    console.print("\n[bold]Next[/bold]")
    for typed, what in lines.items():
        console.print(f"  {escape(typed)}\n      {what}", soft_wrap=True)


def _is_chief(row: dict[str, Any]) -> bool:
    """Tell whether a figure is about the whole, and says what people look at first; of what is only compared with, how often it is right."""
    metric, where = row["metric"], row["slice"]
    if row["subject"] in RIVALS:
        return metric in ACCURACIES and where == "all"
    of_held_out = where == "held_out" and metric in ACCURACIES | {"agreement", "estimated_accuracy"}
    return metric in CHIEF and (where in {"all", "sample", "people"} or of_held_out)


def _figure(row: dict[str, Any]) -> tuple[Any, ...]:
    interval = "" if row["low"] is None else f"{row['low']:.3f} to {row['high']:.3f}"
    return (row["subject"], row["metric"], row["slice"].replace("_", " "), row["value"], interval, row["n"], row["judge"])


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def _short(text: str, most: int = 90) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)
