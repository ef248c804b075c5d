"""A project file with mistakes is refused with all of them, before anything is read or asked."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.errors import ProjectError
from pipeline.settings import AnnotationSettings, Project, SizeRange, explained_keys, load_project
from pipeline.workspace import find_project, find_workspace

GOOD: dict[str, Any] = {"name": "mine", "use_case": "what is it", "corpus": {"path": "texts.csv"}}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a project file beside a corpus; give None for a key to leave it out."""
    (tmp_path / "texts.csv").write_text("text\nhello\n", encoding="utf-8")

    def write_file(**changes: Any) -> Path:
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump({key: value for key, value in (GOOD | changes).items() if value is not None}), encoding="utf-8")
        return path

    return write_file


def mistakes(path: Path) -> list[str]:
    with pytest.raises(ProjectError) as caught:
        load_project(path)
    return [line.removeprefix("  - ") for line in str(caught.value).splitlines()[1:]]


def test_the_shortest_file_loads_with_every_default(write: Callable[..., Path], tmp_path: Path) -> None:
    project = load_project(write())
    assert (project.engine.kind, project.taxonomy.size, project.annotation.held_out, project.seed) == ("embedded", SizeRange(min=8, max=20), 0.4, 42)
    assert project.corpus_path == tmp_path / "texts.csv"
    assert project.corpus_format == "csv"
    assert "folder" not in project.model_dump()


def test_every_mistake_is_listed_at_once(write: Callable[..., Path]) -> None:
    found = mistakes(
        write(
            name="My Project",
            use_case=" ",
            corpus={"path": "nowhere.csv", "colour": 1},
            engine={"kind": "url", "concurrency": 0},
            taxonomy={"size": {"min": 9, "max": 3}, "sample": "many"},
            annotation={"held_out": 1.5},
            students=[{"folds": 1}],
            evaluation={"resample": 10},
            seeed=1,
        )
    )
    places = sorted(line.split(":")[0] for line in found)
    assert places == sorted(
        [
            "name", "use_case", "corpus.colour", "engine.concurrency", "taxonomy.size", "taxonomy.sample", "annotation.held_out",
            "students.0.folds", "evaluation.resample", "seeed", "corpus.path",
        ]
    )  # fmt: skip


def test_an_unknown_key_is_refused_with_the_keys_of_its_section(write: Callable[..., Path]) -> None:
    known = ", ".join(AnnotationSettings.model_fields)
    assert mistakes(write(annotation={"samples": 3})) == [f"annotation.samples: unknown key; the keys here are {known}"]
    assert mistakes(write(taxonomy={"size": {"min": 3, "max": 5, "step": 1}})) == ["taxonomy.size.step: unknown key; the keys here are min, max"]
    assert mistakes(write(students=[{"kinds": 1}]))[0].startswith("students.0.kinds: unknown key; the keys here are kind, features, penalties")


@pytest.mark.parametrize("folder", ["/", "/tmp"])
def test_the_folder_is_not_a_key_of_the_file(write: Callable[..., Path], folder: str) -> None:
    assert mistakes(write(folder=folder)) == ["folder: unknown key"]


def test_a_size_is_a_number_or_a_range(write: Callable[..., Path]) -> None:
    assert load_project(write(taxonomy={"size": 7})).taxonomy.size == SizeRange(min=7, max=7)
    assert load_project(write(taxonomy={"size": {"min": 3, "max": 5}})).taxonomy.size == SizeRange(min=3, max=5)
    assert "min 5 is larger than max 3" in mistakes(write(taxonomy={"size": {"min": 5, "max": 3}}))[0]
    for size in (1, 201, True, "seven", [3, 5]):
        assert mistakes(write(taxonomy={"size": size}))[0].startswith("taxonomy.size")


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        ({"kind": "url"}, "engine.base_url is missing"),
        ({"base_url": "http://127.0.0.1:1/v1"}, "has no meaning with engine.kind 'embedded'"),
        ({"kind": "gpu"}, "engine.kind"),
        ({"port": 0}, "engine.port"),
    ],
)
def test_an_engine_that_cannot_be_is_refused(write: Callable[..., Path], engine: dict[str, Any], said: str) -> None:
    assert said in "\n".join(mistakes(write(engine=engine)))


def test_a_missing_file_is_reported_with_what_writes_one(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"There is no project file .*`linnaeus init` writes one"):
        load_project(tmp_path / "none.yaml")


@pytest.mark.parametrize("text", ["a: [", "a: b: c", "\t- x", "{\x00}", "", "- a\n- b\n", "just words"])
def test_what_is_no_mapping_in_yaml_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProjectError, match=r"not valid YAML|must hold a mapping"):
        load_project(path)


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(b"name: caf\xe9")
    with pytest.raises(ProjectError, match="not valid YAML"):
        load_project(path)


def test_required_keys_are_asked_for(write: Callable[..., Path]) -> None:
    assert sorted(mistakes(write(name=None, use_case=None, corpus=None))) == [
        "corpus: Field required",
        "name: Field required",
        "use_case: Field required",
    ]


@pytest.mark.parametrize(
    "model", [Project, *(field.annotation for field in Project.model_fields.values() if hasattr(field.annotation, "model_fields"))]
)
def test_every_key_is_explained(model: Any) -> None:
    assert [key for key, said in explained_keys(model) if len(said) < 10] == []


def test_a_project_is_found_by_its_name_and_says_the_same(write: Callable[..., Path], workspace: Path) -> None:
    (workspace / "projects" / "mine.yaml").write_text(write(corpus={"path": "../texts.csv"}).read_text(encoding="utf-8"), encoding="utf-8")
    assert find_workspace() == workspace
    assert find_project("mine", workspace).name == "mine"
    (workspace / "projects" / "other.yaml").write_text(write(corpus={"path": "../texts.csv"}).read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(ProjectError, match="a project file is called after its project"):
        find_project("other", workspace)
    with pytest.raises(ProjectError, match=r"There is no project 'third' .*\(there: mine, other\)"):
        find_project("third", workspace)


def test_the_workspace_is_the_nearest_folder_with_projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LINNAEUS_HOME", raising=False)
    (tmp_path / "projects").mkdir()
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert find_workspace(tmp_path / "a" / "b") == tmp_path


def test_slices_are_by_columns_that_are_kept(write: Callable[..., Path]) -> None:
    assert any("evaluation.slices names lang" in line for line in mistakes(write(evaluation={"slices": ["lang"]})))
    load_project(write(corpus={"path": "texts.csv", "metadata": ["lang"]}, evaluation={"slices": ["lang"]}))


@pytest.mark.parametrize(
    ("corpus", "said"),
    [
        ({"path": ["texts.csv", "nowhere.csv"]}, [r"corpus.path: there is no file or folder .*nowhere\.csv"]),
        ({"path": "nowhere/*.csv"}, [r"corpus.path: there is no folder .*nowhere"]),
        ({"path": []}, [r"corpus.path: must be a file, folder or pattern, as data/\*\.csv, or a list of them"]),
        ({"path": [3]}, [r"corpus.path: must be a file, folder or pattern"]),
        ({"path": ["a/b", "c/d"], "format": "hub"}, ["corpus: path lists 2 paths, and the format hub reads one", "no file", "no file"]),
        ({"path": "texts.csv", "table": "tickets"}, ["corpus: table names a table of a DuckDB file, and the format is csv"]),
        (
            {"path": "texts.csv", "format": "jsonl", "dialect": {"quote": "'"}},
            ["corpus: dialect says how CSV files are read, and the format is jsonl"],
        ),
        ({"path": "texts.csv", "dialect": {"delimitr": ";"}}, ["corpus.dialect.delimitr: unknown key; the keys here are delimiter, quote"]),
        ({"path": "texts.csv", "sample": {"rows": 5, "share": 0.5}}, ["corpus.sample: give either rows, as 100000, or share, as 0.1"]),
        ({"path": "texts.csv", "encoding": "latin-99"}, ["corpus.encoding: is no encoding that Python reads"]),
    ],
)
def test_a_corpus_that_cannot_be_is_refused(write: Callable[..., Path], corpus: dict[str, Any], said: list[str]) -> None:
    found = mistakes(write(corpus=corpus))
    assert len(found) == len(said)
    assert all(re.search(one, line) for one, line in zip(said, found, strict=True)), found


def test_the_format_of_several_files_is_that_of_the_first(write: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "more.jsonl.gz").touch()
    for path, kind in ((["more.jsonl.gz", "texts.csv"], "jsonl"), ("*.csv", "csv"), ("t*", "csv"), (["texts.csv"], "csv"), ("owner/name", "hub")):
        assert load_project(write(corpus={"path": path})).corpus_format == kind
    assert load_project(write(corpus={"path": ["*.csv", "more.jsonl.gz"]})).corpus_path == tmp_path
