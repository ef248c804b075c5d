"""Where exports are written: whole or not at all, and over nothing but what an export wrote."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.errors import ExportError
from pipeline.export_settings import ExportSettings
from pipeline.exports import placing
from pipeline.exports.placing import MARK


def write(target: Path, content: str, *, folder: bool, replacing: bool = False) -> None:
    with placing(target, folder=folder, replacing=replacing, mark={"format": "x"}) as path:
        (path / "a.txt" if folder else path).write_text(content, encoding="utf-8")


def held(target: Path) -> str:
    return (target / "a.txt" if target.is_dir() else target).read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", [False, True])
def test_what_fails_leaves_the_place_as_it_was(tmp_path: Path, folder: bool) -> None:
    target = tmp_path / "new" / "x"
    with pytest.raises(ZeroDivisionError), placing(target, folder=folder, replacing=False, mark={}) as path:
        (path / "a.txt" if folder else path).write_text("half", encoding="utf-8")
        raise ZeroDivisionError
    assert list((tmp_path / "new").iterdir()) == []
    write(target, "whole", folder=folder)
    with pytest.raises(ZeroDivisionError), placing(target, folder=folder, replacing=True, mark={}):
        raise ZeroDivisionError
    assert held(target) == "whole"


@pytest.mark.parametrize("folder", [False, True])
def test_what_is_there_is_replaced_only_where_it_is_said(tmp_path: Path, folder: bool) -> None:
    target = tmp_path / "x"
    write(target, "old", folder=folder)
    with pytest.raises(ExportError, match=r"is there already; .* --overwrite"):
        write(target, "new", folder=folder)
    assert held(target) == "old"
    write(target, "new", folder=folder, replacing=True)
    assert held(target) == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_folder_that_no_export_made_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years", encoding="utf-8")
    with pytest.raises(ExportError, match="no export made"):
        write(tmp_path / "mine", "new", folder=True, replacing=True)
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_an_empty_folder_is_a_place_as_good_as_any(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty", "new", folder=True)
    assert held(tmp_path / "empty") == "new"
    assert (tmp_path / "empty" / MARK).exists()


@pytest.mark.parametrize("folder", [False, True])
def test_a_file_does_not_become_a_folder_nor_the_other_way_round(tmp_path: Path, folder: bool) -> None:
    write(tmp_path / "x", "old", folder=not folder)
    with pytest.raises(ExportError, match="name another place"):
        write(tmp_path / "x", "new", folder=folder, replacing=True)
    assert held(tmp_path / "x") == "old"


def test_what_a_killed_process_left_is_tidied_up_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left, living = tmp_path / f".x[1].{gone.pid}.part", tmp_path / f".x[1].{os.getppid()}.part"
    left.mkdir()
    living.write_text("half", encoding="utf-8")
    write(tmp_path / "x[1]", "new", folder=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [living.name, "x[1]"]


@pytest.mark.parametrize(
    ("wishes", "error"),
    [
        ({"to": "x.xlsx"}, r"names no format; end it in .parquet, .csv, .jsonl"),
        ({"to": "x"}, "names no format"),
        ({"to": "x", "format": "argilla", "what": "documents"}, "argilla holds documents with labels, and 'documents' is something else"),
        ({"to": "x.csv", "partition_by": "category"}, "partition_by is for parquet, and the format is csv"),
        ({"to": "x.parquet", "partition_by": "category", "columns": ("category",)}, "the only column"),
        ({"to": "x.jsonl", "spreadsheet_safe": True}, "spreadsheet_safe is for csv"),
        ({"to": "x.jsonl", "license": "mit"}, "license is for datasets"),
        ({"to": "x.jsonl", "test_share": 1.0}, "less than 1"),
        ({"to": "x.jsonl", "colour": "red"}, "Extra inputs"),
    ],
)
def test_wishes_that_do_not_go_together_are_refused(wishes: dict[str, Any], error: str) -> None:
    with pytest.raises(ValidationError, match=error):
        ExportSettings(**wishes)


@pytest.mark.parametrize(("to", "kind"), [("a.parquet", "parquet"), ("a.CSV", "csv"), ("a.b.ndjson", "jsonl")])
def test_the_ending_says_the_format(to: str, kind: str) -> None:
    assert (ExportSettings(to=to).kind, ExportSettings(to=to).is_folder) == (kind, False)
