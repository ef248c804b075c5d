"""The command that compares embedders: the table, the reason, and which line of the project file to change."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.embedder_settings import EmbedderName
from pipeline.embedding import Embedder, Matrix
from pipeline.embedding.contract import unit_rows
from pipeline.errors import ProjectError, TrainingError
from pipeline.settings import Project
from pipeline.stages import Session, opening_sessions
from pipeline.testing import ScriptedChat
from tests.tiny import TinyEmbedder, write_project

STATIC = "all-minilm-l6-v2-static"


class Senseless(TinyEmbedder):
    """Gives a text any vector, the same each time."""

    embedder_id = "senseless@1"

    def embed(self, texts: Sequence[str]) -> Matrix:
        return unit_rows(np.stack([np.random.default_rng(crc32(text.encode())).normal(size=97) for text in texts]))


class Sensible(TinyEmbedder):
    embedder_id = "sensible@1"


class WithTwo(Session):
    """The other embedder makes sense."""

    def embedder_called(self, name: EmbedderName) -> Embedder:
        return Sensible() if name == STATIC else super().embedder_called(name)


Compare = Callable[..., Result]


@pytest.fixture
def compare(copied: Path, workspace: Path) -> Iterator[Compare]:
    """Give what runs the command on the finished tiny project, whose own embedder makes no sense."""

    def opener(project: Project, *, run_id: str | None = None, progress: Any = None) -> Session:
        return WithTwo(project, run_id=run_id, progress=progress, chat=ScriptedChat([]), embedder=Senseless())

    with opening_sessions(opener):
        yield lambda *arguments: CliRunner().invoke(app, ["embedders", *arguments], env={"COLUMNS": "200"})


def lines(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    bare = [" ".join(re.sub("[\u2500-\u257f]", " ", line).split()) for line in result.stdout.splitlines()]
    return [line for line in bare if line]


def test_it_shows_how_each_did_and_what_to_write_where(compare: Compare, workspace: Path) -> None:
    path = write_project(workspace)
    said = lines(compare("tiny"))
    assert said[0] == "Embedders on tiny; * is chosen"
    assert said[1] == "embedder agreement 95 % interval n ms a document documents/s"
    own, chosen = (line.split() for line in said if line.partition(" ")[0] in {"all-minilm-l6-v2", "*"})
    assert (own[0], chosen[:2]) == ("all-minilm-l6-v2", ["*", STATIC])
    assert float(own[1]) < float(chosen[2])
    assert int(chosen[-1]) == pytest.approx(1000 / float(chosen[-2]), rel=0.2)
    assert said[-4].startswith("sensible@1 with agreement 0.")
    assert said[-3] == f"Project tiny has all-minilm-l6-v2. To take the other one, add this line to {path}:"
    assert said[-2] == f"embedder: {STATIC}"
    assert said[-1] == "The next run embeds all documents with it, and trains a new student."


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("embedder: all-minilm-l6-v2\n", "change line 3 of {path} to:"),
        ("embedder:  # the slow one\n  all-minilm-l6-v2\n", "put this in place of lines 3 to 4 of {path}:"),
    ],
)
def test_the_line_that_names_the_embedder_is_told(compare: Compare, workspace: Path, written: str, said: str) -> None:
    path = write_project(workspace)
    first, second, rest = path.read_text(encoding="utf-8").split("\n", 2)
    path.write_text(f"{first}\n{second}\n{written}{rest}", encoding="utf-8")
    assert lines(compare("tiny"))[-3].endswith(said.format(path=path))


def test_where_the_best_is_in_use_there_is_nothing_to_change(compare: Compare, workspace: Path) -> None:
    write_project(workspace)

    def opener(project: Project, *, run_id: str | None = None, progress: Any = None) -> Session:
        session = WithTwo(project, run_id=run_id, progress=progress, chat=ScriptedChat([]), embedder=Sensible())
        session.embedder_called = lambda name: Senseless() if name == STATIC else session.embedder  # type: ignore[method-assign]
        return session

    with opening_sessions(opener):
        assert lines(compare("tiny"))[-1] == "Project tiny has it already."


def test_json_holds_the_same(compare: Compare, workspace: Path) -> None:
    write_project(workspace)
    found = json.loads(compare("tiny", "--json").stdout)
    assert (found["embedder"], found["in_use"]) == (STATIC, False)
    assert [(one["embedder"], one["embedder_id"], one["chosen"], one["in_use"]) for one in found["trials"]] == [
        ("all-minilm-l6-v2", "senseless@1", False, True),
        (STATIC, "sensible@1", True, False),
    ]
    assert set(found["trials"][0]) == {"embedder", "embedder_id", "agreement", "low", "high", "n", "seconds", "chosen", "in_use"}


def test_before_there_are_labels_it_says_what_to_run(compare: Compare, workspace: Path) -> None:
    write_project(workspace, facets={"urgency": {"use_case": "how urgent"}})
    result = compare("tiny", "--facet", "urgency")
    assert isinstance(result.exception, TrainingError)
    assert "has no labels yet" in str(result.exception)
    write_project(workspace, name="fresh")
    result = compare("fresh")
    assert isinstance(result.exception, ProjectError)
    assert "has not been run yet: `linnaeus run fresh`" in str(result.exception)
    result = compare("tiny", "--facet", "mood")
    assert "Project tiny has no facet 'mood'; there are main, urgency." in str(result.exception)
