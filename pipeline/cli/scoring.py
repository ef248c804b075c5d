"""The commands that use a student, a project's or one in a folder: label files, and answer over HTTP."""

import time
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.opening import Opened, Successors, opened
from pipeline.cli.terminal import Facet, errors, output
from pipeline.endpoint import Endpoint, Limits, Served
from pipeline.endpoint import serve as serve_endpoint
from pipeline.settings import MAIN
from pipeline.students import load

__all__ = ["label", "serve"]

Folder = Annotated[Path | None, typer.Option("--student", help="Folder of a student, to use without a project.")]


def label(
    words: Annotated[
        list[str], typer.Argument(metavar="[NAME] FILE...", help="Name of the project (none with --student), then files; - is standard input.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="File to write, a folder for several, or - for standard output; FILE.labelled when absent.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Column of the text; the project's when absent.")] = None,
    text_lines: Annotated[bool, typer.Option("--text-lines", help="The files hold a text a line, with no columns.")] = False,
    top: Annotated[int, typer.Option(min=1, help="Categories to give for each text, the likeliest one included.")] = 3,
    student: Folder = None,
    facet: Facet = MAIN,
) -> None:
    """Label files, or what comes from standard input, with a student; no model server is needed."""
    from pipeline.cli.label import label_file, outputs_for
    from pipeline.cli.sinks import STREAM

    name, files = (None, words) if student is not None else (words[0], words[1:])
    if not files:
        raise typer.BadParameter("there is no file to label; expected linnaeus label NAME FILE..., or linnaeus label --student FOLDER FILE...")
    paths = [Path(file) for file in files]
    targets = outputs_for(paths, out, lines=text_lines)
    with _opened(name, facet, student) as used:
        for path, target in zip(paths, targets, strict=True):
            began = time.monotonic()
            found = used.served.classifier
            done = label_file(
                path, student=found.student, embedder=found.embedder, output=target, project=used.project, text=text, lines=text_lines, top=top
            )
            seconds = time.monotonic() - began
            said = errors if target == STREAM else output
            where = "to standard output" if target == STREAM else str(target)
            said.print(f"Labelled {done.labelled} rows in {seconds:.1f} s ({done.labelled / seconds:.0f}/s): {where}", soft_wrap=True, markup=False)
            if done.rejected:
                said.print(f"{done.rejected} rows could not be used{f': {done.rejects}' if done.rejects else ''}", soft_wrap=True, markup=False)


def serve(
    name: Annotated[str | None, typer.Argument(help="Name of the project whose student answers; none with --student.")] = None,
    student: Folder = None,
    facet: Facet = MAIN,
    host: Annotated[str, typer.Option(help="Address to listen on; others than loopback can be reached from elsewhere.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8080,
    max_batch: Annotated[int, typer.Option(min=1, help="Most texts of one request.")] = 64,
    max_chars: Annotated[int, typer.Option(min=1, help="Most characters of one text.")] = 10_000,
    max_queue: Annotated[int, typer.Option(min=1, help="Most requests taken at once; further ones are refused.")] = 256,
) -> None:
    """Answer over HTTP with a student: POST /predict, GET /health, /labels and /metrics. A project's newer student is taken into use."""
    if (name is None) == (student is None):
        raise typer.BadParameter("expected the name of a project or --student FOLDER, one of the two")
    with ExitStack() as stack:
        used = stack.enter_context(_opened(name, facet, student))
        newer = stack.enter_context(Successors(name, facet, used)) if name is not None else None
        limits = Limits(max_batch=max_batch, max_chars=max_chars, max_queue=max_queue)
        endpoint = Endpoint(used.served.classifier, limits=limits, descriptions=used.served.descriptions)
        serve_endpoint(endpoint, host=host, port=port, tell=lambda line: errors.print(line, soft_wrap=True, markup=False), newer=newer)


def _opened(name: str | None, facet: str, folder: Path | None) -> AbstractContextManager[Opened]:
    if name is not None:
        return opened(name, facet)
    if facet != MAIN:
        raise typer.BadParameter(f"--facet {facet} names a taxonomy of a project, and a student in a folder (--student) has its own; leave one out")
    return nullcontext(Opened(Served(load(folder or Path()))))
