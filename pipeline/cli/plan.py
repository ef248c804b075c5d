"""How the command line shows a plan, what it rests on, what the budget makes of it, and how the last one fared."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape

from pipeline.annotation import BudgetOption
from pipeline.cli.show import show_json, show_table
from pipeline.stages import STAGES
from pipeline.stages.lengths import Lengths
from pipeline.stages.plan import Cap, Plan
from pipeline.stages.probe import Probe

__all__ = ["plan_as_json", "show_comparison", "show_label_budget", "show_plan"]

SHOWN = 5
COMPARED = ("calls", "tokens", "seconds")


def plan_as_json(plan: Plan) -> dict[str, Any]:
    """Give a plan for machines."""
    return asdict(plan)


def show_plan(console: Console, name: str, plan: Plan) -> None:
    """Show a plan for a person."""
    priced = any(row.cost is not None for row in plan.stages)
    columns = ["stage", "rows to make", "calls", "tokens in", "tokens out", "seconds", *(["cost"] if priced else []), "on what ground"]
    rows = [
        (row.stage, row.rows, row.calls, row.tokens_in, row.tokens_out, round(row.seconds, 1), *([row.cost] if priced else []), row.note)
        for row in plan.stages
    ]
    show_table(console, columns, rows, title=f"Plan of {name}")
    for line in _lengths(plan.lengths) if plan.lengths else ():
        console.print(line, soft_wrap=True)
    if plan.probe is not None:
        console.print(_probed(plan.probe), soft_wrap=True)
    calls, tokens = sum(row.calls for row in plan.stages), sum(row.tokens_in + row.tokens_out for row in plan.stages)
    seconds, cost = sum(row.seconds for row in plan.stages), sum(row.cost or 0.0 for row in plan.stages)
    money = f", at a price of {cost:.2f}" if priced else ""
    console.print(f"The run takes about {calls:,} model calls, {tokens:,} tokens and {seconds / 60:.1f} minutes{money}.", soft_wrap=True)
    for cap in plan.caps:
        console.print(_said(cap), soft_wrap=True)
    if plan.last:
        console.print()
        show_comparison(console, plan.last)


def show_comparison(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """Show a plan beside the run that followed it; a stage that the run has not reached has no figures of it."""
    if not rows:
        return
    order = list(STAGES)
    ordered = sorted(rows, key=lambda row: order.index(row["stage"]))
    shown = [_compared(row) for row in ordered if row["planned_calls"] or row["calls"]]
    total = {key: sum(row[key] or 0 for row in ordered) for kind in COMPARED for key in (f"planned_{kind}", kind)}
    columns = ["stage", *(part for kind in COMPARED for part in (f"{kind} planned", kind))]
    title = f"The plan {rows[0]['plan_id']} and the run {rows[0]['run_id']}"
    show_table(console, columns, [*shown, _compared({"stage": "all that was planned", **total})], title=title)


def show_label_budget(console: Console, options: Sequence[BudgetOption], *, as_json: bool) -> None:
    """Show the best ways to spend a budget of labels, and the grounds of the first."""
    if as_json:
        show_json(console, [asdict(option) for option in options[:SHOWN]])
        return
    rows = [(_bought(option), round(option.cost), f"{option.accuracy:.3f} ({option.low:.3f} to {option.high:.3f})") for option in options[:SHOWN]]
    show_table(console, ["labels", "calls", "accuracy of the student to expect"], rows, title="Ways to spend the budget")
    console.print(escape(options[0].grounds), soft_wrap=True)


def _bought(option: BudgetOption) -> str:
    parts = [f"{part.documents:,} by {part.annotator_id}, {part.votes} vote{'s' if part.votes > 1 else ''} each" for part in option.allotments]
    return "; ".join(parts) or "none"


def _lengths(lengths: Lengths) -> Iterator[str]:
    """Say how long the texts are, in tokens too, and what is not shown of long ones."""
    texts = lengths.measured
    ground = f"counted by the model's own tokenizer on {lengths.counted} of them" if lengths.counted else "estimated by their characters"
    yield (
        f"{texts.texts:,} distinct texts: {texts.words / texts.texts:,.0f} words each on average, 19 of 20 at most {texts.long_words:,},"
        f" the longest {texts.most_words:,}; about {lengths.tokens:,.0f} tokens each ({ground})."
    )
    if texts.exceeding:
        share, left = texts.exceeding / texts.texts, texts.words_beyond / max(1, texts.words)
        what = "by windows" if lengths.shown == "windows" else f"in part ({lengths.shown}), without {left:.1%} of all words of the corpus"
        yield (
            f"{texts.exceeding:,} of them ({share:.1%}) are longer than annotation.max_words ({lengths.max_words:,}): they are shown {what}"
            f" (annotation.long_documents); labels.truncated tells which."
        )
    if lengths.beyond_embedder:
        remedy = "; embedder: all-minilm-l6-v2-windows reads them whole" if lengths.embedder == "all-minilm-l6-v2" else ""
        yield (
            f"{lengths.beyond_embedder:,} of them ({lengths.beyond_embedder / texts.texts:.1%}) have more than {lengths.embedder_reads:,} characters,"
            f" of which {escape(lengths.embedder)} reads no more than the beginning{remedy}."
        )


def _compared(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (row["stage"], *(_whole(row[key]) for kind in COMPARED for key in (f"planned_{kind}", kind)))


def _whole(value: float | None) -> float | None:
    return round(value, 1) if isinstance(value, float) else value


def _probed(probe: Probe) -> str:
    """Say what the probe asked and found."""
    if not probe.now.calls:
        return f"The ledger has the answers for the first {probe.documents} documents already: nothing was asked."
    asked = f"The probe asked {probe.now.calls} questions of {probe.stage} in {probe.now.seconds:.1f} s"
    return f"{asked} ({', '.join(_details(probe))}); the run finds the answers in the ledger."


def _details(probe: Probe) -> Iterator[str]:
    now = probe.now
    settled = probe.settled
    yield f"{settled.calls / max(settled.seconds, 1e-9):.2f} a second once the first quarter was answered"
    yield f"{now.tokens_in} prompt tokens, {now.tokens_cached} of them cached, and {now.tokens_out} answer tokens"
    if probe.from_ledger:
        yield f"{probe.from_ledger} more answers were in the ledger"
    if probe.failed:
        yield f"{probe.failed} failed"


def _said(cap: Cap) -> str:
    """Say whether the plan stays within a cap."""
    figures = f"budget.{escape(cap.name)} {cap.allowed:,g}: {cap.planned:,.4g} planned"
    return f"{figures}, within the budget." if cap.stage is None else f"{figures}; it stops the run in {cap.stage}, after about {cap.rows} rows."
