"""Rules label by Python: what is called, what fails alone, and what is refused with its place."""

from pathlib import Path

import pytest

from pipeline.annotation.rules import apply_rules
from pipeline.ids import text_hash
from pipeline.records import Failure
from tests.ruled import TAXONOMY, document, loaded, mistake, python, write


def test_a_python_rule_is_called_with_the_text_and_its_metadata(tmp_path: Path) -> None:
    write(tmp_path, "def refunds(text, metadata):\n    metadata['seen'] = True\n    return 'Refunds' if metadata.get('paid') else None\n")
    (rule,) = loaded(tmp_path, python("mine.py:refunds"))
    paid = document("a", paid=True)
    assert rule.apply([paid, document("b")]) == ["Refunds", None]
    assert paid.metadata == {"paid": True}, "a rule gets a copy"
    assert not (tmp_path / "__pycache__").exists()


def test_a_python_file_may_hold_classes_and_lie_in_a_folder_below(tmp_path: Path) -> None:
    source = """
from __future__ import annotations
from dataclasses import dataclass

@dataclass
class Sign:
    word: str

def refunds(text: str, metadata: dict, sign=Sign("refund")) -> str | None:
    return "Refunds" if sign.word in text else None
"""
    write(tmp_path, source, "rules/mine.py")
    (rule,) = loaded(tmp_path, python("rules/mine.py:refunds"))
    assert rule.apply([document("my refund"), document("hello")]) == ["Refunds", None]


def test_a_python_rule_that_raises_fails_for_that_text_alone(tmp_path: Path) -> None:
    source = """
import sys
def one(text, metadata):
    if text == "exit":
        sys.exit(1)
    return ["Refunds", 3, None][int(text)]
"""
    write(tmp_path, source)
    (rule,) = loaded(tmp_path, python("mine.py:one"))
    answers = rule.apply([document(text) for text in ("0", "exit", "words", "1", "2", "9")])
    assert (answers[0], answers[4]) == ("Refunds", None)
    failures = [answer for answer in answers if isinstance(answer, Failure)]
    assert [(failure.text_hash, failure.reason) for failure in failures] == [
        (text_hash("exit"), "rule_error"), (text_hash("words"), "rule_error"), (text_hash("1"), "not_an_option"), (text_hash("9"), "rule_error"),
    ]  # fmt: skip
    assert "ValueError: invalid literal for int() with base 10: 'words' (mine.py, line 6)" in failures[1].message
    assert "answers 3 (int)" in failures[2].message


@pytest.mark.parametrize(
    ("source", "place", "told"),
    [
        ("", "mine.py", "file.py:function is expected"),
        ("", "mine:one", "file.py:function is expected"),
        ("", "mine.py:not a name", "file.py:function is expected"),
        ("", "other.py:one", "there is no file {folder}/other.py (Python files in {folder}: mine.py)"),
        ("def two(text, metadata): ...", "mine.py:one", "{folder}/mine.py has no function one (there: two); expected def one(text, metadata)"),
        ("from json import dumps", "mine.py:one", "(there: none)"),
        ("one = 3", "mine.py:one", "is of type int, and no function"),
        ("def one(text): ...", "mine.py:one", "cannot be called with a text and its metadata: too many positional arguments"),
        ("def one(text, metadata, more): ...", "mine.py:one", "missing a required argument: 'more'"),
        ("async def one(text, metadata): ...", "mine.py:one", "is async or a generator"),
        ("def one(text, metadata):\n    yield 'Refunds'", "mine.py:one", "is async or a generator"),
        (
            "def one(text, metadata)\n    return None",
            "mine.py:one",
            "{folder}/mine.py cannot be loaded: SyntaxError: expected ':' (mine.py, line 1) (line 1)",
        ),
        ("import nothing_of_that_name", "mine.py:one", "ModuleNotFoundError: No module named 'nothing_of_that_name' (mine.py, line 1)"),
        ("raise SystemExit(2)", "mine.py:one", "SystemExit: 2 (mine.py, line 1)"),
    ],
)
def test_a_python_rule_that_cannot_be_loaded_says_where_and_what_was_expected(tmp_path: Path, source: str, place: str, told: str) -> None:
    write(tmp_path, source)
    assert told.format(folder=tmp_path) in mistake(tmp_path, python(place))


@pytest.mark.parametrize("place", ["../mine.py:one", "{outside}/mine.py:one", "link.py:one", "below/../../mine.py:one"])
def test_a_python_rule_outside_the_project_folder_is_refused(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "projects"
    (folder / "below").mkdir(parents=True)
    outside = write(tmp_path, "raise AssertionError('it was run')")
    (folder / "link.py").symlink_to(outside)
    assert "lies outside" in mistake(folder, python(place.format(outside=tmp_path)))


def test_failures_of_a_rule_are_kept_beside_its_labels(tmp_path: Path) -> None:
    write(tmp_path, "def one(text, metadata):\n    return {'a': 'Refunds'}[text]")
    outcome = apply_rules([document("a"), document("b")], rules=loaded(tmp_path, python("mine.py:one")), taxonomy=TAXONOMY)
    assert outcome.counts() == {"records": 1, "failed_rule_error": 1}
