"""The report: what the tables say of a project, as one page that a person can decide by."""

from pipeline.report.contents import (
    Asked,
    Branch,
    Confusion,
    Contents,
    Example,
    FacetPart,
    Mistake,
    Nutrition,
    Provenance,
    Spent,
    TieBreaker,
    Timed,
)
from pipeline.report.render import render_report
from pipeline.report.verdict import Light, Verdict, verdict

__all__ = [
    "Asked",
    "Branch",
    "Confusion",
    "Contents",
    "Example",
    "FacetPart",
    "Light",
    "Mistake",
    "Nutrition",
    "Provenance",
    "Spent",
    "TieBreaker",
    "Timed",
    "Verdict",
    "render_report",
    "verdict",
]
