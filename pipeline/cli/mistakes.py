"""The command that shows what is wrong with labels: the worst mistakes by kind with their evidence, and the pairs that are confused."""

from collections import Counter
from typing import Annotated, Any

import typer
from rich.markup import escape

from pipeline.cli.show import show_json, show_table
from pipeline.cli.terminal import Json, Name, facet_store, output
from pipeline.mistake_records import KINDS
from pipeline.settings import MAIN
from pipeline.store.mistake_rows import confused_pair_rows, mistake_rows

__all__ = ["mistakes"]

ALL = 1_000_000
SHOWN = 140  # characters of a text


def mistakes(
    name: Name,
    kind: Annotated[str | None, typer.Option(help=f"Only mistakes of this kind: {', '.join(KINDS)}.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Mistakes of teacher and student each.")] = 20,
    pairs: Annotated[bool, typer.Option("--pairs", help="Show the confused pairs with their proposed tie-breakers instead.")] = False,
    as_json: Json = False,
) -> None:
    """Show the worst labels that differ from gold, with what is at fault and the evidence; or the pairs that are confused."""
    if kind is not None and kind not in KINDS:
        raise typer.BadParameter(f"{kind!r} is no kind of mistake; the kinds are {', '.join(KINDS)}")
    store = facet_store(name, MAIN)
    if pairs:
        _show_pairs(name, confused_pair_rows(store), as_json=as_json)
        return
    counts = Counter((row["subject"], row["kind"]) for row in mistake_rows(store, most=ALL))
    rows = mistake_rows(store, kind=kind, most=limit)
    if as_json:
        counted = [{"subject": subject, "kind": one, "mistakes": count} for (subject, one), count in sorted(counts.items())]
        show_json(output, {"project": name, "counts": counted, "worst": rows})
        return
    if not counts:
        output.print(_nothing(name), soft_wrap=True)
        return
    subjects = sorted({subject for subject, _ in counts}, reverse=True)
    table = [(one, *(counts[subject, one] for subject in subjects)) for one in KINDS]
    show_table(output, ["what is at fault", *subjects], table, title=f"Labels of {name} that differ from gold")
    for row in rows:
        _show(row)
    output.print(f"Confused pairs and proposed tie-breakers: linnaeus mistakes {escape(name)} --pairs", soft_wrap=True)


def _show(row: dict[str, Any]) -> None:
    seen = row["evidence"]
    sure = "" if row["probability"] is None else f" ({row['probability']:.2f})"
    output.print(f"[bold]{row['subject']} {row['rank']}[/bold] {escape(row['kind'])}: {escape(_short(row['text']))}", soft_wrap=True)
    output.print(
        f"  given {escape(row['given'] or '(none)')}{sure}, gold {escape(row['gold'])}, suspicion of gold {row['suspicion']:.2f}", soft_wrap=True
    )
    near = Counter(one["gold"] for one in seen["neighbours"]).most_common()
    said = [f"nearest {', '.join(f'{gold} {count}' for gold, count in near)}"] if near else []
    said += [f"expected {seen['expected']} ({seen['expected_probability']:.2f})"] if "expected" in seen else []
    output.print(f"  {escape('; '.join(said))}\n" if said else "", soft_wrap=True)


def _show_pairs(name: str, rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        show_json(output, {"project": name, "pairs": rows})
    elif rows:
        table = [(row["category"], row["other"], row["confusions"], row["by_chance"], row["n"], row["sentence"] or row["source"]) for row in rows]
        show_table(output, ["category", "other", "confused", "by chance", "n", "proposed tie-breaker"], table, title=f"Confused pairs of {name}")
        export, apply = (f"linnaeus taxonomy {what} {escape(name)} categories.yaml" for what in ("export", "apply"))
        output.print(
            f"Nothing is applied by itself. To take a tie-breaker over: {export}, add it to the exclusions of both, {apply}.", soft_wrap=True
        )
    else:
        output.print(_nothing(name), soft_wrap=True)


def _nothing(name: str) -> str:
    return (
        f"There are no mistakes to show: they are found where gold labels (corpus.gold) or people's labels are there, by linnaeus run {escape(name)}."
    )


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"
