"""The command that shows near copies: what each threshold would take for one, so that a person can choose."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from pipeline.cli.progress import ConsoleProgress
from pipeline.cli.show import show_json, show_table
from pipeline.cli.terminal import Json, Name, errors, output
from pipeline.document_settings import LEAST_ALIKE, NearSettings
from pipeline.errors import ProjectError
from pipeline.stages import Session, open_session
from pipeline.stages.corpus import documents
from pipeline.stages.duplicates import Example, ThresholdReport, find_pairs, largest_clusters, try_thresholds
from pipeline.workspace import find_project, find_workspace

__all__ = ["duplicates"]

USUAL = (0.95, 0.9, 0.8, 0.7, 0.6, 0.5)
SHOWN = 160  # characters of a text
MEMBERS = 4  # texts shown of a cluster


def duplicates(
    name: Name,
    threshold: Annotated[list[float] | None, typer.Option(help="Threshold to look at, 0.5 to 1; may be given several times.")] = None,
    examples: Annotated[int, typer.Option(min=0, help="Pairs shown just above and just below each threshold.")] = 2,
    clusters: Annotated[int, typer.Option(min=0, help="Largest clusters shown, at the project's threshold.")] = 5,
    as_json: Json = False,
) -> None:
    """Find texts that are nearly the same, and show what each threshold would take for near copies."""
    wanted = sorted(set(threshold or USUAL), reverse=True)
    if wrong := [value for value in wanted if not LEAST_ALIKE <= value <= 1]:
        raise ProjectError(f"--threshold {wrong[0]:g}: a threshold is {LEAST_ALIKE:g} to 1, since pairs that are less alike are not kept.")
    project = find_project(name, find_workspace())
    present = project.corpus.near_duplicates or NearSettings(act="off")
    with open_session(project, progress=ConsoleProgress(errors)) as session:
        _read_corpus(session)
        find_pairs(session)
        reports = try_thresholds(session, wanted, examples=examples)
        largest = largest_clusters(session, present.threshold, most=clusters)
        texts = session.store.counts()["texts"]
    if as_json:
        rows = [asdict(report.count) | {"above": _plain(report.above), "below": _plain(report.below)} for report in reports]
        show_json(
            output, {"project": name, **present.model_dump(), "distinct_texts": texts, "thresholds": rows, "clusters": list(map(_plain, largest))}
        )
        return
    _show(output, reports, largest, texts=texts, present=present)


def _read_corpus(session: Session) -> None:
    if not session.store.counts()["texts"]:
        session.progress.status("reading the corpus")
        documents(session)


def _plain(shown: Sequence[Example]) -> list[dict[str, object]]:
    return [vars(one) for one in shown]


def _show(console: Console, reports: Sequence[ThresholdReport], largest: Sequence[Sequence[Example]], *, texts: int, present: NearSettings) -> None:
    rows = [
        (count.threshold, count.pairs, count.clusters, count.texts, count.copies, f"{count.copies / max(1, texts):.1%}")
        for count in (report.count for report in reports)
    ]
    columns = ["threshold", "pairs", "clusters", "texts in them", "copies", "of all texts"]
    show_table(console, columns, rows, title=f"Near copies among {texts:,} distinct texts")
    for report in reports:
        for said, pairs in (("just above", report.above), ("just below", report.below)):
            for pair in pairs:
                console.print(f"{said} {report.count.threshold:g}: alike by {pair.similarity:.3f}", soft_wrap=True)
                _show_texts(console, [pair.text, pair.other])
    for number, members in enumerate(largest, start=1):
        console.print(f"[bold]Cluster {number}[/bold], {len(members)} texts at {present.threshold:g}", soft_wrap=True)
        _show_texts(console, [member.text for member in members[:MEMBERS]])
    said = "not set" if present.act == "off" else f"{{threshold: {present.threshold:g}, act: {present.act}}}"
    console.print(f"corpus.near_duplicates is {said}; act is mark or share.", soft_wrap=True)


def _show_texts(console: Console, texts: Sequence[str]) -> None:
    for text in texts:
        line = " ".join(text.split())
        console.print(f"    {escape(line if len(line) <= SHOWN else line[: SHOWN - 1] + '…')}", soft_wrap=True)
    console.print()
