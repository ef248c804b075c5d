"""The command that holds two states of a project, or two projects, against one another."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from pipeline.cli.show import show_json, show_table
from pipeline.cli.terminal import Facet, Json, errors, facet_project, facet_store, output
from pipeline.settings import MAIN

if TYPE_CHECKING:
    from pipeline.evaluation.side_by_side import SideBySide
    from pipeline.stages.comparison import Comparison, FigurePair

__all__ = ["compare"]

WORST = 12  # pairs of labels that changed most
SHORT = 44  # characters of an id that are shown
Which = Annotated[str, typer.Argument(help="current, previous, #N (student), vN (taxonomy), or the beginning of an id, a run, a model or a prompt.")]


def compare(
    name: Annotated[str, typer.Argument(help="Name of the project; NAME:A where B is of another project.")],
    first: Which = "previous",
    second: Which = "current",
    facet: Facet = MAIN,
    all_: Annotated[bool, typer.Option("--all", help="Also figures that are the same, and those of one side.")] = False,
    as_json: Json = False,
) -> None:
    """Hold two runs, evaluations, students, taxonomies, models or prompts against one another: what differs, and by how much."""
    from pipeline.stages.comparison import hold_together

    project_name, colon, of_first = name.partition(":")
    if colon:
        other_name, _, of_second = first.partition(":")
        other = facet_store(other_name, facet), facet_project(other_name, facet)
        found = hold_together(facet_store(project_name, facet), facet_project(project_name, facet), of_first, of_second or "current", other=other)
    else:
        found = hold_together(facet_store(name, facet), facet_project(name, facet), first, second)
    if as_json:
        show_json(output, _as_json(found))
    else:
        _show(found, every=all_)


def _show(found: "Comparison", *, every: bool) -> None:
    output.print(f"A: {escape(found.before.asked)} ({found.before.what})   B: {escape(found.after.asked)} ({found.after.what})", soft_wrap=True)
    differing = [(one.what, _short(one.before), _short(one.after)) for one in found.differences]
    if differing:
        show_table(output, ["what differs", "A", "B"], differing)
    else:
        output.print("Nothing differs: both are the same labels, models and prompts.")
    if found.changes:
        rows = [(change.kind, change.before or "", change.after or "", change.reason) for change in found.changes]
        show_table(output, ["change", "from", "to", "why"], rows, title="What changed in the taxonomy")
    for who, held in found.labels.items():
        _show_labels(who, held)
    shown = [pair for pair in found.figures if every or (pair.difference is not None and abs(pair.difference) > 1e-12)]
    if shown:
        show_table(output, ["subject", "metric", "on", "A", "B", "B - A", "n", "judge"], [_figure(pair) for pair in shown], title="Figures")
        output.print("! intervals have nothing in common; where they overlap, a paired comparison of the same documents says more.")
    hidden = len(found.figures) - len(shown)
    if hidden:
        errors.print(f"{hidden} more figures are the same, or of one side alone; --all shows them.", soft_wrap=True)


def _show_labels(who: str, held: "SideBySide") -> None:
    kappa = "not defined" if held.kappa is None else f"{held.kappa:.3f}"
    agreement = f"{held.agreement.value:.3f} ({held.agreement.low:.3f} to {held.agreement.high:.3f})"
    output.print(f"[bold]Labels of the {who}[/bold]: {agreement} of {held.n:,} documents bear the same label; Cohen's kappa {kappa}.", soft_wrap=True)
    if held.gain is not None and held.right is not None and held.p is not None:
        values = f"A {held.right[0].value:.3f}, B {held.right[1].value:.3f}"
        change = f"{held.gain.value:+.3f} ({held.gain.low:+.3f} to {held.gain.high:+.3f})"
        output.print(f"Right by gold on the same {held.gain.n:,} documents: {values}; B - A {change}, McNemar's p {held.p:.3g}.", soft_wrap=True)
    rows = [(one.before or "(none)", one.after or "(none)", one.n) for one in held.changed[:WORST]]
    if rows:
        show_table(output, ["A", "B", "documents"], rows, title="What changed most")


def _figure(pair: "FigurePair") -> tuple[Any, ...]:
    change = "" if pair.difference is None else f"{pair.difference:+.3f}{' !' if pair.apart else ''}"
    sizes = [f"{side.n:,}" for side in (pair.before, pair.after) if side is not None]
    where = pair.slice.replace("_", " ")
    return pair.subject, pair.metric, where, _value(pair.before), _value(pair.after), change, " / ".join(dict.fromkeys(sizes)), pair.judge


def _value(side: Any) -> str:
    if side is None:
        return ""
    return f"{side.value:.3f}" if side.low is None else f"{side.value:.3f} ({side.low:.3f} to {side.high:.3f})"


def _short(text: str) -> str:
    return text if len(text) <= SHORT else f"{text[: SHORT - 1]}…"


def _as_json(found: "Comparison") -> dict[str, Any]:
    return {
        "a": asdict(found.before), "b": asdict(found.after), "differences": [asdict(one) for one in found.differences],
        "figures": [asdict(pair) | {"difference": pair.difference, "apart": pair.apart} for pair in found.figures],
        "taxonomy_changes": [asdict(change) for change in found.changes], "labels": {who: asdict(held) for who, held in found.labels.items()},
    }  # fmt: skip
