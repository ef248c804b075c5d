"""The command that compares embedders on a project's own documents."""

from pathlib import Path

import yaml
from rich.markup import escape

from pipeline.cli.progress import ConsoleProgress
from pipeline.cli.show import show_json, show_table
from pipeline.cli.terminal import Facet, Json, Name, errors, facet_option, facet_project, facet_store, output
from pipeline.settings import MAIN, Project
from pipeline.stages import open_session
from pipeline.stages.embedder_comparison import ComparedEmbedders, compare_project_embedders

__all__ = ["embedders"]


def embedders(name: Name, facet: Facet = MAIN, as_json: Json = False) -> None:
    """Compare embedders on the project's labelled documents: how well the labels follow from each, and how fast it is."""
    facet_store(name, facet)
    project = facet_project(name, facet)
    with open_session(project, progress=ConsoleProgress(errors)) as session:
        found = compare_project_embedders(session.view(facet))
    if as_json:
        show_json(output, _as_json(found))
        return
    rows = [
        ("*" if one.embedder_id == found.choice.embedder_id else "", found.names[one.embedder_id], one.agreement, f"{one.low:.3f} to {one.high:.3f}",
         one.n, one.seconds, _speed(one.seconds))
        for one in found.choice.trials
    ]  # fmt: skip
    columns = ["", "embedder", "agreement", "95 % interval", "n", "ms a document", "documents/s"]
    show_table(output, columns, rows, title=f"Embedders on {name}{facet_option(facet)}; * is chosen")
    output.print(escape(found.choice.reason), soft_wrap=True)
    output.print(escape(_what_to_do(found, project)), soft_wrap=True)


def _as_json(found: ComparedEmbedders) -> dict[str, object]:
    trials = [
        {"embedder": found.names[one.embedder_id], **vars(one), "chosen": one.embedder_id == found.choice.embedder_id,
         "in_use": one.embedder_id == found.present_id}
        for one in found.choice.trials
    ]  # fmt: skip
    return {"embedder": found.names[found.choice.embedder_id], "in_use": not found.is_other, "reason": found.choice.reason, "trials": trials}


def _speed(milliseconds: float) -> int:
    return round(1000 / milliseconds) if milliseconds else 0


def _what_to_do(found: ComparedEmbedders, project: Project) -> str:
    """Say which line of the project file to change, where another embedder than the project's is chosen."""
    if not found.is_other:
        return f"Project {project.name} has it already."
    path = next((path for ending in ("yaml", "yml") if (path := project.folder / f"{project.name}.{ending}").exists()), project.folder)
    return (
        f"Project {project.name} has {project.embedder_name}. To take the other one, {_place(path)}:\n"
        f"    embedder: {found.names[found.choice.embedder_id]}\n"
        "The next run embeds all documents with it, and trains a new student."
    )


def _place(path: Path) -> str:
    """Say where in a project file the embedder is named, or is to be."""
    top = yaml.compose(path.read_text(encoding="utf-8")) if path.is_file() else None
    pairs = top.value if isinstance(top, yaml.MappingNode) else []
    for key, value in pairs:
        if key.value == "embedder":
            first, last = key.start_mark.line + 1, value.end_mark.line + (1 if value.end_mark.column else 0)
            return f"change line {first} of {path} to" if last <= first else f"put this in place of lines {first} to {last} of {path}"
    return f"add this line to {path}"
