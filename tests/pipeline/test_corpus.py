"""A corpus is read whatever it holds: bad rows are set aside with the reason, all others become documents."""

import csv
import json
import math
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.corpus import CorpusBatch, RawRow, make_documents
from pipeline.corpus.delimited import MAX_LINES, read_delimited
from pipeline.corpus.json_lines import read_json
from pipeline.errors import CorpusError
from pipeline.ids import text_hash
from pipeline.records import Document
from tests.corpora import faults, project, read, texts

LAWS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=40)


def test_a_csv_gives_documents(tmp_path: Path) -> None:
    documents, rejects = read(tmp_path, "a.csv", "id,text,label,day\n1,one two,x,mon\n2,three,,tue\n", id="id", gold="label", metadata=("day",))
    assert rejects == []
    assert documents == [
        Document("1", text_hash("one two"), "one two", "a.csv:2", {"day": "mon"}, "x"),
        Document("2", text_hash("three"), "three", "a.csv:3", {"day": "tue"}, None),
    ]


@LAWS
@given(st.lists(st.tuples(ANY_TEXT, ANY_TEXT), min_size=1, max_size=6), st.sampled_from([",", "\t"]))
def test_law_csv_round_trip(tmp_path: Path, rows: list[tuple[str, str]], delimiter: str) -> None:
    path = tmp_path / "a.csv"
    with path.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle, delimiter=delimiter).writerows([("a", "b"), *rows])
    found = list(read_delimited(path, "a.csv", delimiter))
    assert [row.error for row in found] == [None] * len(rows)
    assert [tuple((row.values or {}).values()) for row in found] == rows


@LAWS
@given(st.lists(st.dictionaries(ANY_TEXT, ANY_TEXT | st.integers() | st.none() | st.lists(ANY_TEXT)), max_size=6))
def test_law_json_lines_round_trip(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = list(read_json(path, "a.jsonl"))
    assert [row.values for row in found] == rows
    assert [row.position for row in found] == list(range(1, len(rows) + 1))


@LAWS
@given(st.binary(max_size=200))
def test_law_no_bytes_break_a_reader(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n" + content)
    for row in [*read_delimited(path, "a", ","), *read_json(path, "a")]:
        assert (row.values is None) == (row.error is not None)
        row.raw.encode()


@pytest.mark.parametrize(("path", "content"), [("a.tsv", "text\tx\nein\t1\n"), ("a.jsonl", '{"text": "ein"}\n'), ("a.ndjson", '{"text": "ein"}')])
def test_other_line_formats(tmp_path: Path, path: str, content: str) -> None:
    assert texts(read(tmp_path, path, content)[0]) == ["ein"]


def test_marks_and_line_ends_of_windows(tmp_path: Path) -> None:
    documents, rejects = read(tmp_path, "a.csv", b'\xef\xbb\xbftext,x\r\none,1\r\n"two\r\nlines",2\r\n\r\n')
    assert texts(documents) == ["one", "two\r\nlines"]
    assert rejects == []
    assert texts(read(tmp_path, "a.jsonl", b'\xef\xbb\xbf{"text": "one"}\r\n\r\n{"text": "two"}\r\n')[0]) == ["one", "two"]


def test_undecodable_bytes_cost_their_row(tmp_path: Path) -> None:
    for path, content in (
        ("a.csv", b'text,x\none,1\ntw\xff,2\n"th\n\xc3(",3\nfour,4\n'),
        ("a.jsonl", b'{"text": "one"}\n{"text": "tw\xff"}\n{"text": \xc3(}\n{"text": "four"}\n'),
        ("a.txt", b"one\ntw\xff\n\xc3(\nfour\n"),
        ("a.json", b'[{"text": "one"}, {"text": "tw\xff"}, {"text": "\xc3("}, {"text": "four"}]'),
    ):
        documents, rejects = read(tmp_path, path, content)
        assert texts(documents) == ["one", "four"], path
        assert [reject.reason for reject in rejects] == ["undecodable_bytes"] * 2
        assert "tw\\xff" in rejects[0].record
        assert "0xff" in rejects[0].message or path == "a.json"


def test_a_broken_quote_costs_one_line(tmp_path: Path) -> None:
    content = 'id,text\n1,one\n2,"two\n' + "".join(f"{number},row {number}\n" for number in range(3, 1000)) + '1000,"last\n1001,end\n'
    documents, rejects = read(tmp_path, "a.csv", content, id="id")
    assert faults(rejects) == [("broken_quotes", 3), ("broken_quotes", 1001)]
    assert rejects[0].record == '2,"two'
    assert str(MAX_LINES) in rejects[0].message
    assert [document.doc_id for document in documents] == [str(number) for number in (1, *range(3, 1000), 1001)]


def test_a_broken_quote_before_a_quoted_row_costs_one_line(tmp_path: Path) -> None:
    documents, rejects = read(tmp_path, "a.csv", 'id,text\n1,"one\n2,two\n3,"three"\n4,"fo""ur"\n5,"fi"ve\n')
    assert faults(rejects) == [("broken_quotes", 2), ("broken_quotes", 6)]
    assert texts(documents) == ["two", "three", 'fo"ur']


def test_long_prose_in_quotes_is_no_broken_quote(tmp_path: Path) -> None:
    text = "\n".join(f"line {number} of a long letter" for number in range(5 * MAX_LINES))
    documents, rejects = read(tmp_path, "a.csv", f'id,text\n1,"{text}"\n2,short\n', id="id")
    assert texts(documents) == [text, "short"]
    assert rejects == []


def test_wrong_field_counts_are_set_aside(tmp_path: Path) -> None:
    documents, rejects = read(tmp_path, "a.csv", "id,text\n1,a\n2\n3,c,d\n4,e\n")
    assert texts(documents) == ["a", "e"]
    assert faults(rejects) == [("wrong_field_count", 3), ("wrong_field_count", 4)]
    assert (rejects[1].message, rejects[1].record) == ("3 fields where the header has 2", "3,c,d")


def test_a_huge_field_is_read(tmp_path: Path) -> None:
    text = "word " * 100_000
    documents, rejects = read(tmp_path, "a.csv", f'text,x\n"{text}",1\n{text},2\n')
    assert texts(documents) == [text, text]
    assert rejects == []
    assert documents[0].words == 100_000


def test_bad_json_lines_are_set_aside(tmp_path: Path) -> None:
    lines = ['{"text": "a"}', "{broken", "[1, 2]", "null", '{"text": "b"}', "[" * 100_000, '{"text": "\\ud800c"}']
    documents, rejects = read(tmp_path, "a.jsonl", "\n".join(lines))
    assert texts(documents) == ["a", "b", "\ufffdc"]
    assert faults(rejects) == [("broken_json", 2), ("not_an_object", 3), ("not_an_object", 4), ("broken_json", 6)]
    assert rejects[0].record == "{broken"


def test_a_json_array_is_read(tmp_path: Path) -> None:
    documents, rejects = read(tmp_path, "a.json", '\n [{"text": "a"},\n 3, {"text": "b"}]')
    assert texts(documents) == ["a", "b"]
    assert faults(rejects) == [("not_an_object", 2)]
    assert texts(read(tmp_path, "b.json", '{"text": "a"}\n{"text": "b"}')[0]) == ["a", "b"]
    with pytest.raises(CorpusError, match="not a JSON array"):
        read(tmp_path, "c.json", '[{"text": "a"},')


def test_text_files(tmp_path: Path) -> None:
    documents, rejects = read(tmp_path, "a.txt", "one\n\n two \n")
    assert texts(documents) == ["one", " two "]
    assert [document.source for document in documents] == ["a.txt:1", "a.txt:3"]
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    for name, content in (("b.txt", b"two\nlines"), ("a.txt", b"one"), ("sub/a.txt", b"x\xff"), ("c.txt", b"  "), ("note.md", b"not read")):
        (folder / name).write_bytes(content)
    documents, rejects = read(tmp_path, "folder", metadata=("file",))
    assert [(document.text, document.source, document.metadata) for document in documents] == [
        ("one", "a.txt:1", {"file": "a.txt"}),
        ("two\nlines", "b.txt:1", {"file": "b.txt"}),
    ]
    assert [(reject.reason, reject.source) for reject in rejects] == [("empty_text", "c.txt"), ("undecodable_bytes", "sub/a.txt")]


def test_a_folder_of_any_format(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "b.csv").write_text("text,x\nb,1\n")
    (folder / "a.csv").write_text("x,text\n1,a\n")
    documents, _ = read(tmp_path, "folder", format="csv")
    assert [(document.text, document.source) for document in documents] == [("a", "a.csv:2"), ("b", "b.csv:2")]
    with pytest.raises(CorpusError, match=r"holds no \.txt file, but \.csv; .*corpus\.format"):
        read(tmp_path, "folder")


def test_parquet_and_arrow(tmp_path: Path) -> None:
    rows = 2500
    columns = {
        "text": ["a\0b", None, ""] + [f"text {number}" for number in range(rows)],
        "id": list(range(rows + 3)),
        "day": [date(2026, 1, 2)] * (rows + 3),
        "score": [math.nan] * (rows + 3),
        "tags": [{"x": [1, 2]}] * (rows + 3),
    }
    table = pa.table(columns)
    pq.write_table(table, tmp_path / "a.parquet")
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    for path in ("a.parquet", "a.arrow"):
        documents, rejects = read(tmp_path, path, id="id", metadata=("day", "score", "tags"))
        assert len(documents) == rows + 1
        assert documents[0] == Document("0", text_hash("ab"), "ab", f"{path}:1", {"day": "2026-01-02", "score": None, "tags": {"x": [1, 2]}})
        assert documents[-1].source == f"{path}:{rows + 3}"
        assert faults(rejects) == [("missing_text", 2), ("empty_text", 3)]


def test_numbered_labels_get_their_names(tmp_path: Path) -> None:
    import datasets

    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["spam", "ham"])})
    datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": [1, 0, -1]}, features=features).to_parquet(str(tmp_path / "a.parquet"))
    assert [document.gold for document in read(tmp_path, "a.parquet", gold="label")[0]] == ["ham", "spam", None]


def test_a_missing_column_is_told_with_those_found(tmp_path: Path) -> None:
    pq.write_table(pa.table({"body": ["a"], "id": [1]}), tmp_path / "a.parquet")
    for path, content in (("a.csv", "id,body\n1,a\n"), ("a.jsonl", '{"id": 1}\n{"body": "a"}\n'), ("a.parquet", None)):
        with pytest.raises(CorpusError, match=r"Missing columns 'text', 'day' in .*found ('id', 'body'|'body', 'id')"):
            read(tmp_path, path, content, metadata=("day",))


def test_json_lines_may_lack_a_key_here_and_there(tmp_path: Path) -> None:
    documents, rejects = read(tmp_path, "a.jsonl", '{"id": 1}\n{"id": 2, "text": "a"}\n{"id": 3, "text": null}\n', id="id")
    assert texts(documents) == ["a"]
    assert faults(rejects) == [("missing_text", 1), ("missing_text", 3)]


def test_texts_of_other_types(tmp_path: Path) -> None:
    lines = ["12", "1.5", "NaN", "true", "[1]", '{"a": 1}', '" \\t\\n"', '"\\u0000"', '"ok"']
    documents, rejects = read(tmp_path, "a.jsonl", "\n".join(f'{{"text": {line}}}' for line in lines))
    assert texts(documents) == ["12", "1.5", "ok"]
    reasons = ["missing_text", "not_text", "not_text", "not_text", "empty_text", "empty_text"]
    assert faults(rejects) == list(zip(reasons, range(3, 9), strict=True))


def test_ids_are_unique_and_the_first_wins(tmp_path: Path) -> None:
    documents, rejects = read(tmp_path, "a.csv", "id,text\n1,a\n1,b\n,c\n2,\n2,d\n 1 ,e\n", id="id")
    assert [(document.doc_id, document.text) for document in documents] == [("1", "a"), ("2", "d")]
    assert faults(rejects) == [("duplicate_id", 3), ("missing_id", 4), ("empty_text", 5), ("duplicate_id", 7)]
    assert "'id': '1', 'text': 'b'" in rejects[0].record


def test_ids_from_content_do_not_depend_on_the_order(tmp_path: Path) -> None:
    first = read(tmp_path, "a.txt", "a\nb\na\nc\n")[0]
    second = read(tmp_path, "b.txt", "c\na\na\nb\n")[0]
    assert len({document.doc_id for document in first}) == 4
    assert {document.doc_id for document in first} == {document.doc_id for document in second}
    assert len({document.text_hash for document in first}) == 3


def test_a_limit_stops_reading(tmp_path: Path) -> None:
    documents, rejects = read(tmp_path, "a.txt", b"a\n\xff\nb\nc\n", limit=3)
    assert (texts(documents), len(rejects)) == (["a", "b"], 1)


def test_batches_are_made_as_rows_come(tmp_path: Path) -> None:
    rows = (RawRow("f", number, {"text": f"t{number}"}) for number in range(1, 2501))
    batches = make_documents(rows, project(tmp_path, "f"))
    first = next(batches)
    assert isinstance(first, CorpusBatch)
    assert len(first.documents) == 1000
    assert next(rows).position == 1001
    assert [len(batch.documents) for batch in batches] == [1000, 499]


def test_nothing_to_work_on_is_an_error_with_the_reasons(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no document that can be used: 1 empty_text, 2 wrong_field_count"):
        read(tmp_path, "a.csv", "id,text\n1, \n2\n3\n")
    for path in ("b.csv", "b.jsonl", "b.txt"):
        with pytest.raises(CorpusError, match="no rows"):
            read(tmp_path, path, "")


def test_corpora_that_cannot_be_read_at_all(tmp_path: Path) -> None:
    (tmp_path / "known.log").write_text("a\n")
    for path, content, message in (
        ("nosuch.csv", None, r"no corpus file or folder .*nosuch\.csv"),
        ("a.csv", "text,x\n".encode("utf-16"), "no rows"),
        ("b.csv", '"text,x\n1,2\n', r"header of .*b\.csv cannot be read"),
        ("c.csv", b"te\xffxt,x\n1,2\n", r"header of .*c\.csv cannot be read"),
        ("a.parquet", b"garbage", r"a\.parquet cannot be read as parquet"),
        ("a.arrow", b"garbage", r"a\.arrow cannot be read as arrow"),
        ("known.log", None, r"format of .*known\.log is not known .*set corpus\.format"),
    ):
        with pytest.raises(CorpusError, match=message):
            read(tmp_path, path, content)


def test_a_data_set_that_cannot_be_had_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(CorpusError, match=r"no file .*'owner/name' cannot be had .*\(split 'train'\): no network"):
        read(tmp_path, "owner/name")
