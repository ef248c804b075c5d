"""CSV is read in whatever dialect it was written, named or found by looking."""

import csv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.corpus.delimited import read_delimited
from pipeline.corpus.dialects import Dialect, dialect_of
from pipeline.corpus_settings import DialectSettings
from tests.corpora import faults, read, texts

LAWS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ANY_TEXT = st.text(st.characters(codec="utf-8") | st.sampled_from(",;\t|\"'\\\n "), max_size=20)
PAIRS = st.lists(st.tuples(ANY_TEXT, ANY_TEXT), min_size=1, max_size=6)
DELIMITERS = st.sampled_from([",", ";", "\t", "|"])


def written(path: Path, rows: list[tuple[str, str]], **options: Any) -> Path:
    with path.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle, **options).writerows([("id", "text"), *rows])
    return path


def values(path: Path, dialect: Dialect) -> list[tuple[str, ...]]:
    return [tuple((row.values or {"error": str(row.error)}).values()) for row in read_delimited(path, path.name, dialect)]


@LAWS
@given(PAIRS, DELIMITERS, st.sampled_from(["\n", "\r\n"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_law_the_delimiter_is_found_whatever_the_texts_hold(
    tmp_path: Path, rows: list[tuple[str, str]], delimiter: str, end: str, quoting: int
) -> None:
    # the writer leaves a lone \r without quotes where lines end with \n, and nobody can tell it from the end of a line then
    assume(end == "\r\n" or quoting == csv.QUOTE_ALL or not any("\r" in text for row in rows for text in row))
    path = written(tmp_path / "a.csv", rows, delimiter=delimiter, lineterminator=end, quoting=quoting)
    dialect = dialect_of(path, None)
    assert dialect == Dialect(delimiter)
    assert values(path, dialect) == rows


@LAWS
@given(PAIRS, DELIMITERS | st.sampled_from("~^:# "), st.sampled_from("\"'`"), st.sampled_from([None, "\\", "!"]))
def test_law_what_a_named_dialect_wrote_is_read_back(
    tmp_path: Path, rows: list[tuple[str, str]], delimiter: str, quote: str, escape: str | None
) -> None:
    path = written(tmp_path / "a.csv", rows, delimiter=delimiter, quotechar=quote, escapechar=escape, doublequote=escape is None)
    named = DialectSettings(delimiter=delimiter, quote=quote, escape=escape)
    assert values(path, dialect_of(path, named)) == rows


@LAWS
@given(st.lists(st.text("abc \"',;éß", min_size=1, max_size=9), min_size=1, max_size=5))
def test_law_quotes_are_letters_where_no_field_is_quoted(tmp_path: Path, rows: list[str]) -> None:
    path = tmp_path / "a.csv"
    path.write_text("".join(f"{number}|{text}\n" for number, text in enumerate(["text", *rows])))
    assert values(path, dialect_of(path, DialectSettings(quote=""))) == [(str(number), text) for number, text in enumerate(rows, start=1)]


def test_a_delimiter_that_texts_hold_too_is_told_from_the_true_one(tmp_path: Path) -> None:
    header = "id, or number;text;price, in euro\n"
    rows = "".join(f"{number};one, two, three | and so on;{number},50\n" for number in range(20))
    documents, rejects = read(tmp_path, "a.csv", header + rows, id="id, or number", metadata=("price, in euro",))
    assert (len(documents), rejects) == (20, [])
    assert (documents[3].doc_id, documents[3].text, documents[3].metadata) == ("3", "one, two, three | and so on", {"price, in euro": "3,50"})


def test_a_single_column_is_no_reason_to_cut_texts(tmp_path: Path) -> None:
    documents, rejects = read(tmp_path, "a.csv", 'text\none; two\nthree | four\n"five, six"\n')
    assert (texts(documents), rejects) == (["one; two", "three | four", "five, six"], [])


def test_the_line_by_which_spreadsheets_name_the_delimiter_is_heeded(tmp_path: Path) -> None:
    documents, rejects = read(tmp_path, "a.csv", b"\xef\xbb\xbfsep=;\r\nid;text\r\n1;a, b\r\n")
    assert ([(one.text, one.source) for one in documents], rejects) == ([("a, b", "a.csv:3")], [])


def test_a_column_name_may_go_over_several_lines(tmp_path: Path) -> None:
    documents, _ = read(tmp_path, "a.csv", 'id;"text"\n1;a, b\n')
    assert texts(documents) == ["a, b"]
    documents, _ = read(tmp_path, "b.csv", '"number, or\nid";text\n1;a, b\n2;c\n', id="number, or\nid")
    assert [(one.doc_id, one.text, one.source) for one in documents] == [("1", "a, b", "b.csv:3"), ("2", "c", "b.csv:4")]


def test_spaces_after_a_delimiter_and_a_tab_by_name(tmp_path: Path) -> None:
    assert texts(read(tmp_path, "a.csv", 'id, text\n1, "a, b"\n', dialect={"skip_spaces": True})[0]) == ["a, b"]
    assert texts(read(tmp_path, "b.csv", "id\ttext\n1\ta, b\n", dialect={"delimiter": "tab"})[0]) == ["a, b"]


def test_broken_rows_of_another_dialect_cost_themselves(tmp_path: Path) -> None:
    rows = "".join(f"{number};'row {number}'\n" for number in range(400))
    documents, rejects = read(tmp_path, "a.csv", f"id;text\n{rows}x;'open\n{rows}y;z;1\n", dialect={"quote": "'"})
    assert len(documents) == 800
    assert faults(rejects) == [("broken_quotes", 402), ("wrong_field_count", 803)]


@pytest.mark.parametrize("wrong", [{"delimiter": ";;"}, {"delimiter": "\n"}, {"quote": "ab"}, {"escape": ""}, {"colour": "red"}])
def test_a_dialect_that_cannot_be_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        DialectSettings(**wrong)
