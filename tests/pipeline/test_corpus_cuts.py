"""CSV and Parquet that need no parser: what is cut is what the parser gives, ordinary rows are cut, and the rest is left."""

import csv
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.corpus.arrow_cuts import cut_of_columns
from pipeline.corpus.csv_blocks import csv_blocks
from pipeline.corpus.csv_cuts import can_be_cut, cut_lines
from pipeline.corpus.cut_parts import cut_part
from pipeline.corpus.dialects import Dialect
from pipeline.corpus.lines import Lines
from pipeline.corpus.stretches import stretches_of
from pipeline.errors import CorpusError
from pipeline.settings import CorpusSettings, Project

MARKS = (",", ";", "\t", "|", "x")
PIECES = st.sampled_from(["a", "bc", "", '"', '""', ",", ";", "\t", "|", "x", " ", "é", "\r", "\\", "\0", "\udcff", '"a,b"', '"a\tb"', ',"', '",'])


def fields_of(text: str, delimiter: str) -> tuple[list[bool], list[list[str]]]:
    cuts = cut_lines(Lines(text.encode("utf-8", "surrogateescape")), delimiter, 3)
    every = np.ones(int(cuts.simple.sum()), dtype=bool)
    columns = cuts.columns({"a": 0, "b": 1, "c": 2}, every)
    return cuts.simple.tolist(), [list(row) for row in zip(*(columns[name].array().to_pylist() for name in "abc"), strict=True)]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.lists(PIECES, max_size=9).map("".join), min_size=1, max_size=6), st.sampled_from(MARKS), st.sampled_from(["\n", "\r\n"]))
def test_law_a_line_that_is_cut_is_the_record_that_a_parser_finds(lines: list[str], delimiter: str, end: str) -> None:
    simple, cut = fields_of("".join(f"{line}{end}" for line in lines), delimiter)
    assert len(simple) == len(lines)
    kept = [line for line, one in zip(lines, simple, strict=True) if one]
    assert cut == [next(csv.reader([f"{line}{end}"], delimiter=delimiter, strict=True)) for line in kept]


@pytest.mark.parametrize(
    ("line", "simple"),
    [
        ("a,b,c", True),
        ('"a, b",,"c"', True),
        ('"","",""', True),
        ("é,ü,ß", True),
        ("a,b", False),
        ("a,b,c,d", False),
        ("", False),
        ('a,"say ""b""",c', True),
        ('a,"""",""""""', True),
        ('a,b"",c', False),
        ('a,"b"" c,d', False),
        ('a,"b""c"d,e', False),
        ('a,b"c"d,e', False),
        ('a,"b"c,d', False),
        ('a,"b,c', False),
        ("a,b\\,c", False),
        ("a,b\0,c", False),
        ("a,\udcff,c", False),
    ],
)
def test_it_is_known_which_lines_are_a_record(line: str, simple: bool) -> None:
    for end in ("\n", "\r\n", ""):
        assert fields_of(f"{line}{end}x,y,z" if end else f"x,y,z\n{line}", ",")[0][0 if end else -1] is (simple if line or end else True)


def test_a_tab_parts_fields_and_is_none_within_one() -> None:
    simple, cut = fields_of('a\t"b c"\td\na\t"b\tc"\td\n', "\t")
    assert (simple, cut) == ([True, False], [["a", "b c", "d"]])


@pytest.mark.parametrize(
    ("dialect", "can"),
    [
        (Dialect(), True),
        (Dialect("\t"), True),
        (Dialect(quote="'"), False),
        (Dialect(quote=""), False),
        (Dialect(escape="\\"), False),
        (Dialect(skip_spaces=True), False),
        (Dialect("§"), False),
    ],
)
def test_other_dialects_are_left_to_the_parser(dialect: Dialect, can: bool) -> None:
    assert can_be_cut(dialect, ["id", "text"], ["text"]) is can
    assert not can_be_cut(dialect, ["id", "text"], ["text", "label"])


def test_ordinary_records_are_cut_and_the_others_keep_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    lines = [f'{number},"row {number}, of many"\n' for number in range(500)]
    lines[7], lines[90] = '7,"over\ntwo lines, as\nsimple,ones"\n', '90,"say ""yes"""\n'
    path.write_text("id,text\n" + "".join(lines))
    found = list(csv_blocks(path, "a.csv", ["id", "text"], Dialect(), 2**20))
    cut, parsed = [cut for cut, _ in found if cut is not None], [block for _, block in found]
    assert sum(len(block.positions) for block in cut) == 499
    rows = {
        position: text for block in cut for position, text in zip(block.positions.tolist(), block.values["text"].array().to_pylist(), strict=True)
    }
    assert rows[90 + 4] == 'say "yes"'
    assert (rows[2], rows[501 + 2]) == ("row 0, of many", "row 499, of many")
    assert cut[0].raw(0).values == {"id": "0", "text": "row 0, of many"}
    assert [text for block in parsed for text in block.columns["text"]] == ["over\ntwo lines, as\nsimple,ones"]


def made(columns: dict[str, Sequence[Any] | pa.Array], **keys: Any) -> tuple[list[dict[str, Any]], list[int]]:
    arrays = {name: values if isinstance(values, pa.Array) else pa.array(values, pa.string()) for name, values in columns.items()}
    project = Project(name="p", use_case="what", corpus=CorpusSettings(path="a.parquet", **keys))
    part, left = cut_part(cut_of_columns("a", 1, arrays), project)
    rows = [] if part is None else pa.table(dict(part.columns)).to_pylist()
    return rows, list(left)


def test_texts_of_columns_are_cut_whatever_they_hold_but_nothing() -> None:
    texts = ["fine", None, "two\nlines", 'a "quote"', "back\\slash", "tab\t", " ", "also  fine\0"]
    rows, left = made({"text": texts, "id": list(string.ascii_lowercase[:8])}, id="id")
    assert left == [1, 6, 7]
    assert [(row["doc_id"], row["text"], row["words"]) for row in rows[1:3]] == [("c", "two\nlines", 2), ("d", 'a "quote"', 2)]
    assert made({"text": [None, None]}) == ([], [0, 1])
    assert made({"text": ["a", "b"], "title": ["A", "B"]}, title="title") == ([], [0, 1])
    assert made({"text": []}) == ([], [])


def test_odd_ids_are_left_and_numbers_are_ids() -> None:
    assert made({"text": ["a", "b", "c"], "id": [None, "x", " y"]}, id="id")[1] == [0, 2]
    rows, left = made({"text": ["a", "b", "c"], "id": pa.array([7, None, -8])}, id="id", metadata=("id",))
    assert left == [1]
    assert [(row["doc_id"], row["metadata"]) for row in rows] == [("7", '{"id":7}'), ("-8", '{"id":-8}')]
    assert made({"text": ["a"], "id": pa.array([1.5])}, id="id") == ([], [0])


def test_text_that_is_not_utf_8_is_told_with_its_column_and_rows() -> None:
    texts = pa.array([b"ok", b"\xff", b"fine"], pa.binary()).view(pa.string())
    with pytest.raises(CorpusError, match="a: of column 'text', one of the rows 11 to 13 is not UTF-8; write the file anew"):
        cut_of_columns("a", 11, {"id": pa.array(["1", "2", "3"]), "text": texts})


def test_a_parquet_file_of_text_needs_no_parser_and_is_cut_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    kinds = {"text": pa.large_string(), "id": pa.string(), "label": pa.dictionary(pa.int32(), pa.string())}
    columns = [pa.array([f"{name} {number % 7 if name == 'label' else number}" for number in range(900)], kind) for name, kind in kinds.items()]
    pq.write_table(pa.table(columns, names=list(kinds)), path, row_group_size=300)
    project = Project(name="p", use_case="what", corpus=CorpusSettings(path="a.parquet", id="id", gold="label"), folder=tmp_path)
    stretches = list(stretches_of(path, "a.parquet", "parquet", project))
    parts = [part for stretch in stretches for part in stretch.parts if len(part)]
    assert (sum(map(len, parts)), [row for stretch in stretches for row in stretch.rows]) == (900, [])
    assert sorted(place for part in parts for place in part.positions.tolist()) == list(range(1, 901))
    assert parts[-1].raw(0).values is not None
