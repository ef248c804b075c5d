"""The commands. Results go to standard output, progress and errors to standard error; --json is for machines."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from pipeline.cli.compare import compare
from pipeline.cli.dagster_home import set_up_dagster
from pipeline.cli.duplicates import duplicates
from pipeline.cli.embedders import embedders
from pipeline.cli.export import export
from pipeline.cli.mistakes import mistakes
from pipeline.cli.progress import ConsoleProgress
from pipeline.cli.report import report
from pipeline.cli.review import review
from pipeline.cli.scoring import label, serve
from pipeline.cli.selftest import selftest
from pipeline.cli.show import show_json, show_run, show_status
from pipeline.cli.sql import sql
from pipeline.cli.state import forget, state
from pipeline.cli.students import students
from pipeline.cli.taxonomy import taxonomy
from pipeline.cli.terminal import Json, Name, errors, open_store, output
from pipeline.cli.up import up
from pipeline.errors import BudgetReachedError, LinnaeusError, ProjectError
from pipeline.settings import Project
from pipeline.stages import STAGES, open_session, project_state
from pipeline.store import Store
from pipeline.workspace import find_project, find_workspace

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Unlabelled text in; taxonomy, labels, a classifier and SQL tables out.",
)
app.add_typer(taxonomy, name="taxonomy")
app.add_typer(students, name="students")
app.add_typer(state, name="state")
app.add_typer(review, name="review")
STOPPED, OVER_BUDGET = 130, 3


@app.command()
def init(
    name: Annotated[str, typer.Argument(help="Name of the new project.")],
    file: Annotated[Path, typer.Option(help="File, folder or pattern of your texts.")],
    use_case: Annotated[str, typer.Option(help="The question the labels answer.")] = "what is each text about",
    text: Annotated[str | None, typer.Option(help="Column of the text; guessed when absent.")] = None,
    id_column: Annotated[str | None, typer.Option("--id", help="Column of a unique id.")] = None,
    table: Annotated[str | None, typer.Option(help="Table or view, where the file is a DuckDB database.")] = None,
) -> None:
    """Write a project file for your own text, every key explained."""
    from pipeline.cli.init import write_project

    path = find_workspace() / "projects" / f"{name}.yaml"
    project = write_project(path, corpus=file, use_case=use_case, text=text, id_column=id_column, table=table)
    output.print(f"Wrote {path}: text from column {project.corpus.text!r}, ids from {project.corpus.id or 'the content'}.")
    output.print(f"Read it through, then: linnaeus plan {name} && linnaeus run {name}")


@app.command()
def plan(
    name: Name,
    probe: Annotated[bool, typer.Option(help="Ask the questions of the first 20 documents now; the run does not ask them again.")] = True,
    label_calls: Annotated[int | None, typer.Option(min=0, help="Say instead how best to spend so many calls on labels.")] = None,
    as_json: Json = False,
) -> None:
    """Say what a run would do: calls, tokens and about how long, and how the last plan fared."""
    from pipeline.cli.plan import plan_as_json, show_label_budget, show_plan
    from pipeline.stages.label_budget import label_budget
    from pipeline.stages.plan import plan as make_plan

    with open_session(find_project(name, find_workspace()), progress=ConsoleProgress(errors)) as session:
        if label_calls is not None:
            show_label_budget(output, label_budget(session, label_calls), as_json=as_json)
            return
        planned = make_plan(session, probing=probe)
    if as_json:
        show_json(output, plan_as_json(planned))
    else:
        show_plan(output, name, planned)


@app.command()
def exam(
    name: Name,
    again: Annotated[bool, typer.Option("--again", help="Ask everything anew, with another seed.")] = False,
    as_json: Json = False,
) -> None:
    """Ask the project's models 40 small questions, and say what each is fit for."""
    from pipeline.cli.exam import exam_report, show_exam
    from pipeline.stages.exam import take_exams

    project = find_project(name, find_workspace())
    with open_session(project, progress=ConsoleProgress(errors)) as session:
        verdicts = take_exams(session, again=again)
    if as_json:
        show_json(output, {"project": project.name, **exam_report(verdicts)})
    else:
        show_exam(output, verdicts, project=project)


@app.command()
def run(
    name: Name,
    only: Annotated[list[str] | None, typer.Option(help="Only this stage; may be given several times.")] = None,
    as_json: Json = False,
) -> None:
    """Run a project: the same assets and the same run history as in the Dagster UI."""
    workspace = find_workspace()
    project = find_project(name, workspace)
    unknown = set(only or ()) - set(STAGES)
    if unknown:
        raise ProjectError(f"There is no stage {', '.join(sorted(unknown))}; the stages are {', '.join(STAGES)}.")
    set_up_dagster(workspace)
    from assets.run import run_project

    began = time.monotonic()
    stopped = run_project(project, workspace=workspace, stages=only or None, progress=ConsoleProgress(errors))
    store = Store.open(project_state(project))
    if as_json:
        show_json(output, _status(project, store))
    else:
        show_run(output, project, store, seconds=time.monotonic() - began)
    if stopped:
        raise BudgetReachedError("\n".join(stopped))


@app.command()
def status(name: Name, as_json: Json = False) -> None:
    """Show counts, costs and figures of a project, and how its last plan fared."""
    from pipeline.cli.plan import show_comparison

    project = find_project(name, find_workspace())
    summary = _status(project, open_store(project))
    if as_json:
        show_json(output, summary)
    else:
        show_status(output, project, summary)
        show_comparison(output, summary["plan"])


app.command()(sql)
app.command()(export)
app.command()(report)
app.command()(compare)
app.command()(label)
app.command()(serve)
app.command()(embedders)
app.command()(duplicates)
app.command()(selftest)
app.command()(mistakes)
app.command()(forget)
app.command()(up)


@app.command()
def doctor(name: Annotated[str | None, typer.Argument(help="Only this project.")] = None, as_json: Json = False) -> None:
    """Say what this machine has, what is missing and how to get it."""
    from pipeline.cli.doctor import examine

    findings = list(examine(find_workspace(), name))
    if as_json:
        show_json(output, [{"what": what, "good": good, "detail": detail} for what, good, detail in findings])
        return
    for what, good, detail in findings:
        output.print(f"{'[green]ok  [/green]' if good else '[yellow]look[/yellow]'}  {what:<40} {escape(detail)}", soft_wrap=True)


def main() -> None:
    """Run the command line; a named error is a message and exit status 1, never a traceback alone."""
    with _named_errors():
        app()


@contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    except BudgetReachedError as error:
        errors.print(escape(str(error)), soft_wrap=True)
        sys.exit(OVER_BUDGET)
    except LinnaeusError as error:
        errors.print(f"[red]{type(error).__name__}[/red]: {escape(str(error))}", soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        errors.print("Stopped. What was finished is kept; run the same command again to go on.")
        sys.exit(STOPPED)
    except OSError as error:
        errors.print(f"[red]{type(error).__name__}[/red]: {escape(str(error))}. What was finished is kept; mend this and run the same command again.")
        sys.exit(1)


def _status(project: Project, store: Store) -> dict[str, Any]:
    from pipeline.stages.overview import status as sum_up

    return {"project": project.name, **sum_up(store)}
