"""The command that keeps web server, daemon and code server running on this machine."""

from typing import Annotated

import typer
from rich.markup import escape

from pipeline.cli.dagster_home import set_up_dagster
from pipeline.cli.show import show_json
from pipeline.cli.terminal import Json, errors, output
from pipeline.errors import SupervisionError
from pipeline.stages import state_folder
from pipeline.workspace import find_workspace

__all__ = ["up"]


def up(
    host: Annotated[str, typer.Option(help="Address of the web server; others than loopback can be reached from elsewhere.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the web server; 0 takes a free one.")] = 3000,
    check: Annotated[bool, typer.Option("--check", help="Only say whether it is running and alive, and exit with 1 where it is not.")] = False,
    as_json: Json = False,
) -> None:
    """Keep Dagster's web server, daemon and code server running until SIGTERM or Ctrl-C."""
    from pipeline.supervision import keep_up, told_to_stop

    workspace = find_workspace()
    set_up_dagster(workspace)
    state = state_folder(workspace)
    if check:
        _check(as_json=as_json)
        return
    with told_to_stop() as told:
        keep_up(
            workspace=workspace, state=state, host=host, port=port, told=told,
            tell=lambda line: errors.print(line, soft_wrap=True, markup=False),
        )  # fmt: skip


def _check(*, as_json: bool) -> None:
    from pipeline.supervision import Place, how_it_lives

    findings = list(how_it_lives(Place(state_folder(find_workspace()))))
    if as_json:
        show_json(output, [{"what": what, "good": good, "detail": detail} for what, good, detail in findings])
    else:
        for what, good, detail in findings:
            output.print(f"{'[green]ok  [/green]' if good else '[yellow]look[/yellow]'}  {what:<12} {escape(detail)}", soft_wrap=True)
    if bad := [what for what, good, _ in findings if not good]:
        raise SupervisionError(f"Not alive: {', '.join(bad)}.")
