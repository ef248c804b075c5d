"""How the command line shows what people answered and what it proves."""

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape

from pipeline.choosing import NONE_FITS
from pipeline.cli.show import show_table
from pipeline.cli.terminal import short_id
from pipeline.evaluation.metrics import Figure
from pipeline.settings import Project
from pipeline.stages.people import flag_of, look_at_people
from pipeline.stages.review_export import present_taxonomy
from pipeline.stages.review_import import ImportReport
from pipeline.store import Store

__all__ = ["report_as_json", "review_state", "show_import", "show_state"]

SHOWN = 10  # refused rows of a file
MEANINGS = {
    "raw_agreement": "share of a document's pairs of answers that are the same",
    "cohen_kappa": "beyond chance, mean of each two raters",
    "fleiss_kappa": "beyond chance, all raters together",
    "krippendorff_alpha": "beyond chance, also where answers are missing",
    "brennan_prediger": "adjusted for prevalence (PABAK)",
    "gwet_ac1": "beyond chance, robust against one frequent category",
}


def report_as_json(found: ImportReport) -> dict[str, Any]:
    """Spell what an import did for machines."""
    files = [{**asdict(one), "refused": one.refused} for one in found.files]
    missing = [{"sheet": sheet, "rater": rater, "left": left} for (sheet, rater), left in found.missing.items()]
    rest = ("changed", "removed", "by_text", "said_twice", "notes")
    return {"files": files, **{key: getattr(found, key) for key in rest}, "missing": missing}


def show_import(console: Console, found: ImportReport) -> None:
    """Show what an import did, file by file."""
    rows = [(one.file, one.encoding or "utf-8", one.rows, one.accepted, one.empty, len(one.faults)) for one in found.files]
    show_table(console, ["file", "read as", "rows", "accepted", "empty", "refused"], rows)
    for one in found.files:
        for fault in one.faults[:SHOWN]:
            console.print(escape(f"{one.file}, row {fault.position}: {fault.reason}: {fault.message}"), soft_wrap=True)
        if len(one.faults) > SHOWN:
            console.print(escape(f"{one.file}: and {len(one.faults) - SHOWN} more; all are in the table rejects, stage 'review'."), soft_wrap=True)
    for note in found.notes:
        console.print(escape(note), soft_wrap=True)
    if found.by_text:
        console.print(f"{found.by_text} answers were known by their text, since no document has their id.")
    if found.said_twice:
        console.print(f"{found.said_twice} answers repeat another one of the same rater, and count once.")
    for (sheet, rater), left in found.missing.items():
        if left:
            console.print(escape(f"{rater} has {left} rows of {short_id(sheet)} left."), soft_wrap=True)
    removed = f", {found.removed} were taken back" if found.removed else ""
    console.print(f"{found.changed} answers are new or changed{removed}." if found.changed or found.removed else "Nothing was changed.")


def review_state(store: Store, project: Project) -> dict[str, Any]:
    """Gather where the review of a project stands."""
    present = present_taxonomy(store)
    found = look_at_people(store, project, present)
    names = {one.category_id: one.name for one in present.categories} | {"(none)": NONE_FITS.name}
    rated = {(one.rater, one.text_hash) for one in found.people.ratings}
    sheets = []
    for sheet in found.people.sheets:
        items = store.review_items(sheet.sheet_id)
        raters = sheet.raters or sorted({one.rater for one in found.people.ratings if one.sheet_id == sheet.sheet_id})
        settled = {(one.rater, one.text_hash) for one in found.people.ruled} if sheet.design == "adjudicate" else rated
        progress = {
            rater: {"answered": sum((rater, item.text_hash) in settled for item in mine), "asked": len(mine)}
            for rater in raters
            if (mine := [item for item in items if rater in item.raters or not item.raters])
        }
        sheets.append(
            {**{key: value for key, value in asdict(sheet).items() if key != "raters"}, "measures": sheet == found.sheet, "raters": progress}
        )
    verdicts = found.people.verdicts.values()
    return {
        "taxonomy_id": present.taxonomy_id,
        "sheets": sheets,
        "texts": {
            "answered": len(found.people.verdicts),
            "decided": sum(one.decided for one in verdicts),
            "undecided": sum(not one.decided for one in verdicts),
            "adjudicated": sum(one.adjudicated for one in verdicts),
        },
        "lost": len(found.people.lost),
        "agreement": [{"metric": one.metric, **asdict(one.figure)} for one in found.agreement],
        "by_label": [{"label": one.label, "metric": one.metric, **asdict(one.figure)} for one in found.by_label],
        "raters": [
            {"rater": one.rater, "n": one.n, "with_others": _figure(one.with_others), "kappa": _figure(one.kappa),
             "with_majority": _figure(one.with_majority), "flag": flag_of(one, names)}
            for one in found.raters
        ],
        "figures": [
            {"subject": one.subject, "metric": one.metric, "slice": one.slice, **asdict(one.figure), "judge": one.judge}
            for one in found.findings if one.subject != "raters"
        ],
    }  # fmt: skip


def show_state(console: Console, name: str, state: dict[str, Any]) -> None:
    """Show where the review of a project stands."""
    rows = [
        (short_id(sheet["sheet_id"]), sheet["design"], "teaches" if sheet["teaches"] else "measures", sheet["size"], sheet["population"], rater,
         f"{done['answered']} of {done['asked']}")
        for sheet in state["sheets"] for rater, done in (sheet["raters"] or {"": {"answered": 0, "asked": sheet["size"]}}).items()
    ]  # fmt: skip
    show_table(console, ["sheet", "design", "", "texts", "of", "rater", "answered"], rows, title=f"Review sheets of {name}")
    texts = state["texts"]
    console.print(
        f"{texts['answered']} texts are answered, {texts['decided']} of them decided ({texts['adjudicated']} by adjudication).", soft_wrap=True
    )
    if texts["undecided"]:
        console.print(f"{texts['undecided']} have no majority: linnaeus review export {name} FILE --adjudicate", soft_wrap=True)
    if state["lost"]:
        console.print(f"{state['lost']} answers name categories that the present taxonomy does not have, and are left out.", soft_wrap=True)
    agreement = [
        (one["metric"].replace("_", " "), one["value"], _interval(one), one["n"], MEANINGS.get(one["metric"], "")) for one in state["agreement"]
    ]
    show_table(console, ["raters", "value", "95 % interval", "n", ""], agreement, title="How far raters agree")
    labels: dict[str, dict[str, Any]] = {}
    for one in state["by_label"]:
        labels.setdefault(one["label"], {})[one["metric"]] = one
    metrics = ("raw_agreement", "fleiss_kappa", "pabak", "positive_agreement")
    shown = [(label, *(part for metric in metrics for part in _two(found.get(metric)))) for label, found in labels.items()]
    columns = [part for metric in ("raw", "kappa", "PABAK", "positive") for part in (metric, "interval")]
    show_table(console, ["category", *columns], shown, title="For each category")
    raters = [
        (one["rater"], one["n"], *(part for key in ("with_others", "kappa", "with_majority") for part in _two(one[key])), one["flag"])
        for one in state["raters"]
    ]
    show_table(console, ["rater", "n", "with others", "interval", "kappa", "interval", "with majority", "interval", ""], raters, title="Each rater")
    figures = [
        (one["subject"], one["metric"].replace("_", " "), one["slice"], one["value"], _interval(one), one["n"], one["judge"])
        for one in state["figures"]
    ]
    show_table(
        console,
        ["labels of", "metric", "", "value", "95 % interval", "n", "judge"],
        figures,
        title="Labels against what people say, weighted to the corpus",
    )


def _figure(figure: Figure | None) -> dict[str, Any] | None:
    return None if figure is None else asdict(figure)


def _two(figure: dict[str, Any] | None) -> tuple[float | None, str]:
    return (None, "") if figure is None else (figure["value"], _interval(figure))


def _interval(figure: dict[str, Any]) -> str:
    return f"{figure['low']:.2f} to {figure['high']:.2f}"
