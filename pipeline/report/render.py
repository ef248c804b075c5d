"""Writes the page: one HTML file that needs nothing else. Every text of a document or a person is escaped."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from pipeline.report import parts
from pipeline.report.contents import Contents
from pipeline.report.faults import errors_of
from pipeline.report.metric_names import metric, subject_name
from pipeline.report.quality import quality
from pipeline.report.verdict import RULE, verdict
from pipeline.report.words import cut, duration, evidence_words, number, per_cent

__all__ = ["TEMPLATES", "render_report"]

TEMPLATES = Path(__file__).parent / "templates"
WORST_PAIRS = 12
KINDS: Mapping[str, str] = {"gold wrong": "known label wrong", "several right": "several are right", "model slip": "slip of the model"}


def render_report(contents: Contents) -> str:
    """Write the report of what was read as one page."""
    found = verdict(contents)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            c=contents,
            style=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
            verdict=found,
            rule=RULE,
            quality=quality(contents),
            tree=list(parts.bars(contents.branches)),
            facets=[(facet, list(parts.bars(facet.branches))) for facet in contents.facets],
            metrics=parts.metric_rows(contents),
            slices=parts.slice_rows(contents),
            curves=parts.curve_pictures(contents),
            grid=parts.grid(contents),
            worst=errors_of(contents)[:WORST_PAIRS],
            drift=parts.drift_pictures(contents),
            lengths=parts.length_picture(contents),
            label_balance=parts.balance([branch.documents for branch in contents.branches if branch.is_leaf]),
            gold_balance=parts.balance(list(contents.nutrition.gold.values())),
            labelled=sum(contents.labelled_by.values()),
            spent=_sums(contents),
        )
    )


def _sums(contents: Contents) -> dict[str, Any]:
    money = [one.money for one in contents.spent if one.money is not None]
    return {
        "calls": sum(one.calls for one in contents.spent),
        "failed": sum(one.failed for one in contents.spent),
        "tokens_in": sum(one.tokens_in for one in contents.spent),
        "tokens_out": sum(one.tokens_out for one in contents.spent),
        "money": sum(money) if money else None,
        "seconds": sum(one.seconds for one in contents.timed),
    }


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    filters: Mapping[str, Any] = {
        "per_cent": per_cent, "number": number, "duration": duration, "cut": cut, "evidence": evidence_words, "subject": subject_name,
        "metric": metric,         "kind": lambda kind: KINDS.get(kind, kind.replace("_", " ")),
    }  # fmt: skip
    environment.filters.update(filters)
    return environment
