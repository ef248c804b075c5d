"""The command that tests the metrics on a project's own labels."""

from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.cli.progress import ConsoleProgress
from pipeline.cli.show import show_json, show_table
from pipeline.cli.terminal import Facet, Json, Name, errors, facet_option, facet_project, facet_store, output
from pipeline.evaluation.self_tests import SelfTest
from pipeline.settings import MAIN
from pipeline.stages import open_session
from pipeline.stages.self_tests import try_metrics

__all__ = ["selftest"]

SAID = {True: "passed", False: "FAILED", None: ""}


def selftest(
    name: Name,
    facet: Facet = MAIN,
    every: Annotated[bool, typer.Option("--all", help="Show also what nothing is asked of, and held-out documents.")] = False,
    as_json: Json = False,
) -> None:
    """Test the metrics: put junk in the place of the project's labels, and see that every score collapses. No model is asked."""
    facet_store(name, facet)
    with open_session(facet_project(name, facet), progress=ConsoleProgress(errors)) as session:
        found, by = try_metrics(session.view(facet))
    failed = [one for one in found if one.passed is False]
    if as_json:
        show_json(output, {"project": name, "by": by, "passed": not failed, "tests": [asdict(one) for one in found]})
    else:
        shown = [one for one in found if every or one.passed is False or (one.passed is not None and one.slice != "held_out")]
        columns = ["labels", "subject", "metric", "documents", "true", "found", "expected", "n", ""]
        show_table(output, columns, [_row(one) for one in shown], title=f"Metrics of {name}{facet_option(facet)} on junk, by {by}")
        asked = [one for one in found if one.passed is not None]
        output.print(f"{len(asked) - len(failed)} of {len(asked)} tests passed; of {len(found) - len(asked)} figures nothing can be asked.")
    if failed:
        raise typer.Exit(1)


def _row(one: SelfTest) -> tuple[object, ...]:
    expected = "" if one.most is None else f"{one.least:.3f} to {one.most:.3f}"
    return (one.case, one.subject, one.metric, one.slice.replace("_", " "), one.true, one.value, expected, one.n, SAID[one.passed])
