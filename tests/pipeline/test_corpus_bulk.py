"""A corpus in bulk gives what the row reader gives: the same documents with the same hashes, and the same rejects in the same order."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpus import reads_in_bulk, stretches
from pipeline.corpus.lines import Lines
from pipeline.corpus.templates import fitting, template_of
from pipeline.schedule_settings import PartitionSettings
from tests.bulk import LAWS, SAMPLES, TEXTS, Row, check, project

SETTINGS: Sequence[Row] = (
    {"id": "id", "gold": "label", "metadata": ("day", "score")},
    {"id": "id", "language": "label", "metadata": ()},
    {"gold": "label", "metadata": ("label", "day")},
    {"metadata": ()},
    {"id": "id", "title": "label", "time": "day"},
    {"id": "id", "time": "day"},
    {"title": "more", "time": "score"},
)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretches, "BLOCK_BYTES", 300)
    monkeypatch.setattr(stretches, "BULK_ROWS", 20)


LABELS = st.one_of(st.sampled_from(["x", "y", " z ", "", "été", 5, 1.5, True, None, ["x"], ["x", "y", "x"], 1e20, 10**20, {"a": 1}]), TEXTS)
SCORES = st.sampled_from(
    ["a", "b\n", 1, -0.0, 0.1, 1e16, 10**16, 10**25, float("nan"), None, True, [1, {"b": [2.5, "ü"]}], {"z": 1, "a": {"é": None}}]
)
ROWS = st.fixed_dictionaries(
    {"id": st.integers(0, 60).map(lambda n: f"d{n}") | st.sampled_from([7, "", " d1 ", "\0", None, 1.5, True, 10**25]), "text": TEXTS},
    optional={
        "label": LABELS,
        "day": st.sampled_from(["2026-01-02", "2026-01-03T10:00:00", "never", "1999-01-01", None, 5]),
        "score": SCORES,
        "more": TEXTS,
    },
)


def plain_row(number: int) -> Row:
    return {"id": f"p{number}", "text": f"what about card {number}", "label": f"l{number % 3}", "day": "2026-01-02", "score": "s"}


BROKEN: Sequence[Callable[[bytes], bytes]] = (
    lambda line: line[: len(line) // 2],  # cut short
    lambda line: line[:-1] + b",}",  # trailing comma
    lambda line: line[:10] + b"\xff" + line[10:],  # not UTF-8
    lambda line: line[:-1] + b', "more": "\xc3("}',
    lambda line: b"[" + line + b"]",  # no object
    lambda line: b"null",
    lambda line: line + line,  # two objects
    lambda line: b'{"text": null, ' + line[1:],  # a key that comes twice
    lambda line: line[:-1] + b', "text": true}',
    lambda line: line[:-1] + b', "text": "   "}',
    lambda line: line[:-1] + b', "x": nan}',
    lambda line: line[:-1] + b', "x": NaN, "y": 1e999}',
    lambda line: line[:-1] + b', "text": "\\ud800 half"}',
    lambda line: line[:-1] + b', "text": "\\u0000nul\\u0000"}',
    lambda line: line[:-1] + b', "x": ' + b"[" * 1010 + b"]" * 1010 + b"}",
    lambda line: line[:-1] + b', "x": ' + b"[" * 150 + b"]" * 150 + b', "y": ' + b"[" * 199 + b"1" + b"]" * 199 + b"}",
    lambda line: line[:10] + b"\t" + line[10:],
    lambda line: b"\xef\xbb\xbf" + line,
    lambda line: b"",
    lambda line: b" \t\r",
    lambda line: line + b"\r",
    lambda line: line.replace(b"card", b"c\x00rd"),
    lambda line: line.replace(b'"', b"'"),
)
LINES = st.lists(
    st.one_of(
        st.integers(0, 40).map(lambda number: json.dumps(plain_row(number)).encode()),
        st.tuples(ROWS, st.booleans()).map(lambda made: json.dumps(made[0], ensure_ascii=made[1]).encode("utf-8", "surrogatepass")),
        st.tuples(ROWS, st.sampled_from(BROKEN)).map(lambda made: made[1](json.dumps(made[0]).encode())),
        st.tuples(st.integers(0, 40), st.sampled_from(BROKEN)).map(lambda made: made[1](json.dumps(plain_row(made[0])).encode())),
    ),
    max_size=60,
)


@LAWS
@given(LINES, st.sampled_from([b"\n", b"\r\n"]), st.booleans(), st.sampled_from(SETTINGS), SAMPLES)
def test_law_json_lines_are_the_same_in_bulk(tmp_path: Path, lines: list[bytes], end: bytes, ended: bool, keys: Row, sample: Row | None) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(end.join(lines) + (end if ended else b""))
    check(project(path, encoding="utf-8", sample=sample, **keys))


@LAWS
@given(LINES, st.sampled_from([None, "day"]))
def test_law_partitions_are_the_same_in_bulk(tmp_path: Path, lines: list[bytes], column: str | None) -> None:
    path = tmp_path / "2026-01-05.jsonl"
    path.write_bytes(b"\n".join(lines))
    wanted = PartitionSettings(by="day", column=column, start=date(2026, 1, 1))
    check(project(path, encoding="utf-8", partitions=wanted))
    check(project(path, encoding="utf-8", partitions=wanted, id="id", metadata=("day",)))


FIELDS = st.one_of(TEXTS, st.sampled_from(["", '"', '"a', 'b"c', "a,b", "x\ny", "x\r", "\0"]))
RECORDS = st.lists(
    st.one_of(
        st.lists(FIELDS, min_size=3, max_size=3).map(lambda fields: written(fields)),
        st.integers(0, 30).map(lambda number: f"d{number},card number {number},x\n".encode()),
        st.sampled_from(
            [
                b"\n",
                b"\r\n",
                b"a,b\n",
                b"a,b,c,d\n",
                b'a,"b,c\n',
                b'a,"b"c,d\n',
                b"a,\xff,c\n",
                b'a,"\xff\nb",c\n',
                b'd,"one\ntwo",x\n',
                b"a,b\rc,d\n",
            ]
        ),
    ),
    max_size=40,
)


def written(fields: Sequence[str]) -> bytes:
    handle = io.StringIO(newline="")
    csv.writer(handle).writerow(fields)
    return handle.getvalue().encode("utf-8", "surrogatepass")


@LAWS
@given(RECORDS, st.booleans(), st.sampled_from([{"id": "id", "gold": "label"}, {"metadata": ("label", "id")}]))
def test_law_csv_is_the_same_in_bulk(tmp_path: Path, records: list[bytes], quoted: bool, keys: Row) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes((b'"id","text",label\n' if quoted else b"id,text,label\n") + b"".join(records))
    check(project(path, encoding="utf-8", **keys))


def test_a_quote_that_is_not_closed_costs_its_line_in_bulk_too(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    lines = [f"{number},row {number}\n" for number in range(3000)]
    lines[5], lines[1500] = '5,"open\n', '1500,"open again\n'
    lines[2000] = '2000,"' + "a long letter\n" * 400 + '"\n'
    path.write_text("id,text\n" + "".join(lines))
    found = check(project(path, id="id"))
    assert not isinstance(found, str)
    assert [(reject.reason, reject.position) for reject in found[1]] == [("broken_quotes", 7), ("broken_quotes", 1502)]


def test_ids_that_come_again_in_a_later_batch_or_file_are_rejected(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(plain_row(number % 70)) + "\n" for number in range(100)))
    found = check(project(folder, format="jsonl", id="id"))
    assert not isinstance(found, str)
    assert (len(found[0]), {reject.reason for reject in found[1]}) == (70, {"duplicate_id"})
    assert found[1][-1].source == "b.jsonl"


def test_equal_texts_without_ids_are_numbered_through_all_batches(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "same"}\n{"text": "s\\u0061me"}\n{"text": "other"}\n' * 30)
    found = check(project(path))
    assert not isinstance(found, str)
    assert len({row["doc_id"] for row in found[0]}) == 90


def test_most_lines_of_a_program_need_no_parser() -> None:
    block = b"".join(json.dumps(plain_row(number)).encode() + b"\n" for number in range(50)) + b'{"id": "a"}\n'
    lines = Lines(block)
    template = template_of(lines.line(0)[:-1], ["id", "text"])
    assert template is not None
    assert fitting(lines, template, np.arange(51)).lines.tolist() == list(range(50))


@pytest.mark.parametrize(
    "line", [b'{"id": "a", "id": "b", "text": "c"}', b'{"id": "a\\n", "text": "c"}', b'["id", "text"]', b'{"text": {"x": "y"}, "id": "a"}', b""]
)
def test_what_proves_nothing_is_no_template(line: bytes) -> None:
    assert template_of(line, ["id", "text"]) is None


@pytest.mark.parametrize(
    ("keys", "can"),
    [
        ({}, True),
        ({"title": "t"}, True),
        ({"time": "t"}, True),
        ({"limit": 5}, False),
        ({"sample": {"share": 0.5}}, True),
        ({"encoding": "cp1252"}, False),
    ],
)
def test_what_has_to_be_read_row_by_row_is_known(tmp_path: Path, keys: Row, can: bool) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n')
    assert reads_in_bulk(project(tmp_path / "a.jsonl", **keys)) is can


def test_files_that_are_no_lines_of_utf_8_are_read_row_by_row(tmp_path: Path) -> None:
    for name, content in (("a.json", b'[{"text": "a"}]'), ("b.jsonl", '{"text": "a"}\n'.encode("utf-16")), ("c.txt", b"a\n"), ("d.parquet", b"x")):
        (tmp_path / name).write_bytes(content)
        assert not reads_in_bulk(project(tmp_path / name)), name


def test_errors_of_a_corpus_are_the_same_in_bulk(tmp_path: Path) -> None:
    for name, content in (
        ("a.jsonl", '{"body": "a"}\n'),
        ("b.jsonl", '{"text": " "}\n'),
        ("c.csv", "id,body\n1,a\n"),
        ("d.csv", ""),
        ("e.csv", '"x\n'),
    ):
        (tmp_path / name).write_text(content)
        assert isinstance(check(project(tmp_path / name)), str)
