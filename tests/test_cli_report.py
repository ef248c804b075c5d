"""`linnaeus report` as a person types it."""

import webbrowser
from collections.abc import Callable
from pathlib import Path

import pytest

Tell = Callable[..., tuple[int, str, str]]


def test_the_page_lies_beside_the_tables(at_home: Path, tell: Tell) -> None:
    status, said, _ = tell("report", "tiny")
    path = at_home / ".linnaeus" / "projects" / "tiny" / "report.html"
    assert status == 0
    assert f"Wrote {path} (0." in said
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_page_can_be_written_anywhere_and_is_replaced(at_home: Path, tell: Tell, tmp_path: Path) -> None:
    out = tmp_path / "a page with spaces.html"
    out.write_text("old", encoding="utf-8")
    assert tell("report", "tiny", "--out", str(out))[0] == 0
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(("place", "found"), [("nowhere/page.html", "lies in"), (".", "is a folder")])
def test_a_place_that_cannot_be_written_to_is_said(place: str, found: str, at_home: Path, tell: Tell, tmp_path: Path) -> None:
    status, _, error = tell("report", "tiny", "--out", str(tmp_path / place))
    assert status == 1
    assert found in error
    assert "a file in a folder that there is" in error


def test_it_is_opened_where_there_is_a_browser(at_home: Path, tell: Tell, tmp_path: Path) -> None:
    opened: list[str] = []

    class Recording(webbrowser.GenericBrowser):
        def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
            opened.append(url)
            return True

    webbrowser.register("recording", None, Recording("true"), preferred=True)
    assert tell("report", "tiny", "--out", str(tmp_path / "page.html"), "--open")[0] == 0
    assert opened == [(tmp_path / "page.html").as_uri()]


def test_a_project_that_has_not_been_run_is_told_so(workspace: Path, tell: Tell, make_project: Callable[..., object]) -> None:
    make_project()
    status, _, error = tell("report", "tiny")
    assert status == 1
    assert "has not been run yet" in error
