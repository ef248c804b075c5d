"""What a report tells of, made up: a small corpus with figures, and ways to change one thing of it."""

from dataclasses import replace
from typing import Any

from pipeline.records import Evaluation
from pipeline.report import Asked, Branch, Confusion, Contents, Example, Nutrition, Provenance, Spent, Timed
from pipeline.trust_records import CurvePoint, Drift

DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")
NUTRITION = Nutrition(
    sources=("a.jsonl (1,000)",), documents=1000, texts=990, inactive=0, rejected={}, languages={}, near_copies=None,
    words={"fewest": 1.0, "median": 9.0, "most": 40.0}, lengths=((0, 5, 200), (5, 10, 800)), first=None, last=None, gold={}, licence=None,
    limits=None,
)  # fmt: skip
PROVENANCE = Provenance(
    ids={"taxonomy_id": "tax:1"}, models=({"model": "m@1", "server": "s", "calls": "10", "for": "annotate"},),
    prompts=(Asked("annotate", "annotate@p:1"),), settings="settings:1", versions={"linnaeus": "0"}, runs=1,
    times={"measured": "2026-01-31 10:00 UTC"},
)  # fmt: skip


def figure(value: float, low: float | None = None, high: float | None = None, **more: Any) -> Evaluation:
    """Make a figure of a student's accuracy by gold labels, or of something else."""
    said = {"subject": "student", "metric": "exact_accuracy", "slice_": "all", "n": 400, "judge": "gold labels"} | more
    return Evaluation("eval:1", said["subject"], said["metric"], said["slice_"], value, low, high, said["n"], said["judge"])


def branch(name: str, documents: int, **more: Any) -> Branch:
    return Branch(**{"category_id": f"cat:{name}", "name": name, "description": f"About {name}.", "depth": 0, "documents": documents} | more)


def contents(*figures: Evaluation, **more: Any) -> Contents:
    """Make a report's contents: 1,000 documents in two categories, labelled by a student."""
    usual: dict[str, Any] = {
        "project": "shop", "use_case": "what is it about", "figures": figures, "curves": (),
        "branches": (branch("Refunds", 600), branch("Parcels", 400)),
        "labelled_by": {"student": 800, "llm": 200}, "unlabelled": {}, "nutrition": NUTRITION, "provenance": PROVENANCE,
    }  # fmt: skip
    return Contents(**usual | more)


def everything() -> Contents:
    """Make contents with a row of all that there may be."""
    drifted = [Drift("student:1", day, 100, 100, 0.3, 0.1, {}, 0.2, 0.05, 0.1, 0.8, 0.8, 0.9, 10, "in") for day in DAYS]
    curves = [
        CurvePoint("eval:1", f"{curve} {subject}", place, x, y, 50, max(0.0, y - 0.1), min(1.0, y + 0.1))
        for curve, subject in (("reliability", "student"), ("risk_coverage", "student"), ("reliability", "teacher"))
        for place, (x, y) in enumerate([(0.2, 0.3), (0.6, 0.5), (0.95, 0.9)])
    ]
    shown = (Example("a <script>alert(1)</script> text", 0.9, "student"), Example("نص عربي", None, "llm"))
    return contents(
        figure(0.9, 0.86, 0.93),
        figure(0.5, 0.45, 0.55, subject="baseline"),
        figure(0.6, 0.5, 0.7, slice_="language=de", n=80),
        figure(0.98, 0.95, 1.0, subject="teacher", metric="coverage", judge="the teacher"),
        figure(0.3, None, None, metric="something_new", judge="somebody"),
        branches=(branch("Money", 0, is_leaf=False), branch("Refunds", 600, depth=1, examples=shown), branch("طرود", 400, depth=1)),
        curves=curves, drift=drifted, confusions=(Confusion("Refunds", "Refunds", 90), Confusion("Refunds", "طرود", 8), Confusion("طرود", "", 2)),
        truth="gold", same_names=True, unlabelled={"failed": 3, "none_fits": 2},
        spent=(Spent("annotate", "m@1", 10, 1, 1000, 0, 20, 3.0, 0.5),), timed=(Timed("annotations", 10, 3.0),),
        forecast={"student": {"seconds": 3600.0}, "annotator": {"seconds": 1e7, "tokens": 1e9, "money": 3.0}},
        nutrition=replace(NUTRITION, gold={"Refunds": 98, "طرود": 2}, languages={"de": 80, "": 20}, licence="CC0", limits="One city.", near_copies=3),
    )  # fmt: skip
