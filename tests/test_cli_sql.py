"""The command `sql`: what it takes, in which forms it answers, and what it says where it cannot."""

import csv
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipeline.cli import app, main
from pipeline.cli.results import destination, write_csv, write_json, write_json_lines
from pipeline.cli.sinks import STREAM
from pipeline.store.published import Rows

ODD = """select * from (values
    (1, 'plain', 0.5::double, [1, 2], null), (2, 'with "quotes",
and a line', 'nan'::double, [], ''), (3, null, null, null, 'é')) as t (nr, text, share, list, note) order by nr"""
LONG = "select i as nr from range(2500) as t (i) order by i"


def run(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, ["sql", "tiny", *arguments], input=typed, env={"COLUMNS": "200"})


@pytest.fixture
def tell(at_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run the installed command, and give its exit status and standard error."""

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["linnaeus", "sql", "tiny", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        return int(caught.value.code or 0), capsys.readouterr().err

    return call


def test_csv_and_json_lines_and_parquet_hold_the_same_rows(at_home: Path) -> None:
    text = ("plain", 'with "quotes",\nand a line', None)
    assert list(csv.reader(io.StringIO(run(ODD, "--format", "csv").stdout, newline=""))) == [
        ["nr", "text", "share", "list", "note"],
        ["1", text[0], "0.5", "[1, 2]", ""],
        ["2", text[1], "nan", "[]", ""],
        ["3", "", "", "", "é"],
    ]
    as_json = [
        {"nr": 1, "text": text[0], "share": 0.5, "list": [1, 2], "note": None},
        {"nr": 2, "text": text[1], "share": None, "list": [], "note": ""},
        {"nr": 3, "text": None, "share": None, "list": None, "note": "é"},
    ]
    assert [json.loads(line) for line in run(ODD, "--format", "jsonl").stdout.splitlines()] == as_json
    assert json.loads(run(ODD, "--json").stdout) == as_json
    target = at_home / "out.parquet"
    assert run(ODD, "--out", str(target)).exit_code == 0
    rows = pq.read_table(target).to_pylist()
    assert [row["text"] for row in rows] == list(text)
    assert [row["list"] for row in rows] == [[1, 2], [], None]


def test_null_and_empty_text_differ_in_csv(at_home: Path) -> None:
    assert run("select null::varchar as a, '' as b", "--format", "csv").stdout.splitlines()[1] == ',""'


def test_json_columns_are_objects_and_times_are_text(at_home: Path) -> None:
    sql = """select '{"a": [1]}'::json as j, timestamp '2026-01-05 09:00:00' as t, sum(i) as s, 1.5 as d from range(3) as r (i)"""
    assert json.loads(run(sql, "--json").stdout) == [{"j": {"a": [1]}, "t": "2026-01-05 09:00:00", "s": 3, "d": 1.5}]
    assert list(csv.reader([run(sql, "--format", "csv").stdout.splitlines()[1]])) == [['{"a": [1]}', "2026-01-05 09:00:00.000000", "3", "1.5"]]


def test_columns_of_one_name_are_all_there(at_home: Path) -> None:
    assert list(csv.reader([run("select 1 as a, 2 as a, 3 as a_2", "--format", "csv").stdout.splitlines()[0]])) == [["a", "a_3", "a_2"]]
    assert len(json.loads(run("select 1 as a, 2 as a", "--json").stdout)[0]) == 2


def test_only_a_table_is_cut_and_says_so(at_home: Path) -> None:
    shown = run(LONG)
    assert "The first 1,000 rows" in shown.stderr
    assert [line.strip() for line in shown.stdout.splitlines() if line.strip().isdigit()] == [str(nr) for nr in range(1000)]
    assert "The first" not in run(LONG, "--limit", "2500").stderr
    assert len(json.loads(run(LONG, "--json").stdout)) == 2500
    assert len(run(LONG, "--format", "csv").stdout.splitlines()) == 2501
    for form, heading in (("csv", 1), ("jsonl", 0)):
        assert len(run(LONG, "--format", form, "--limit", "3").stdout.splitlines()) == 3 + heading
    assert len(json.loads(run(LONG, "--json", "--limit", "3").stdout)) == 3


def test_sql_comes_from_an_argument_a_file_or_standard_input(at_home: Path) -> None:
    file = at_home / "question.sql"
    file.write_text("-- how many?\nselect count(*) as n from documents;\n", encoding="utf-8")
    expected = [{"n": 120}]
    for answer in (run("--file", str(file), "--json"), run("--json", typed=file.read_text()), run("-", "--json", typed="select 120 as n")):
        assert json.loads(answer.stdout) == expected
    assert "one of the two" in run("select 1", "--file", str(file)).stderr
    assert "there is no SQL" in run("--json", typed="-- nothing\n").stderr


def test_several_statements_are_run_in_turn(at_home: Path) -> None:
    sql = """create temp table few as select * from range(3) as t (i); set variable most = 1;
        select i from few where i > getvariable('most'); select 7 as b"""
    shown = run(sql).stdout
    assert "Count" not in shown
    assert "Success" not in shown
    assert [line.strip() for line in shown.splitlines() if line.strip().isdigit()] == ["2", "7"]
    assert json.loads(run(sql, "--json").stdout) == [{"b": 7}]
    assert run(f"{LONG}; select 8 as c", "--format", "csv").stdout.split() == ['"c"', "8"]
    assert run(f"{LONG}; select 8 as c", "--limit", "1").stdout.split() == ["nr", "━━", "0", "c", "━", "8"]


def test_a_file_is_whole_or_as_it_was(tell: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_text("as it was", encoding="utf-8")
    fails_late = "select case when i < 50000 then i else error('too far') end as n from range(60000) as t (i)"
    code, said = tell(fails_late, "--out", str(target))
    assert code == 1
    assert "too far" in said
    assert target.read_text() == "as it was"
    assert not list(tmp_path.glob("*.part"))
    assert "Wrote" in run("select 1 as n", "--out", str(target)).stderr
    assert target.read_text().split() == ['"n"', "1"]


def test_forms_that_do_not_fit_are_refused(at_home: Path) -> None:
    assert "cannot write out.xlsx" in run("select 1", "--out", "out.xlsx").stderr
    assert "cannot write out.csv as table" in run("select 1", "--out", "out.csv", "--format", "table").stderr
    assert run("select 1 as n", "--out", str(at_home / "numbers"), "--format", "jsonl").exit_code == 0
    assert (at_home / "numbers").read_text() == '{"n":1}\n'


@pytest.mark.parametrize(
    ("sql", "hint"),
    [
        ("select categry from labelled_documents", '"category"'),
        ("select written_at from labelled_documents", "`written_at` is a column of documents"),
        ("select lable_count from documents", "--tables lists what there is"),
        ("from label_count", "label_counts"),
        ("from category", "It is a column of"),
        ("delete from documents", "the pipeline writes them"),
        ("copy documents to '/tmp/x.csv'", "--out"),
        ("select * from read_csv('/etc/passwd')", "no other file"),
        ("set enable_external_access = true", "no setting"),
        ("selec 1", "syntax error"),
        ("select 1; from nosuch; select 2", "nosuch"),
    ],
)
def test_an_error_says_what_to_do(sql: str, hint: str, tell: Callable[..., tuple[int, str]]) -> None:
    code, said = tell(sql)
    assert code == 1
    assert "could not answer" in said
    assert hint in said


def test_what_gives_no_rows_is_not_written(tell: Callable[..., tuple[int, str]]) -> None:
    code, said = tell("set variable a = 1", "--format", "csv")
    assert code == 1
    assert "gives no rows" in said


def test_tables_and_their_columns_are_listed_with_their_meaning(at_home: Path) -> None:
    listed = {row["name"]: row for row in json.loads(run("--tables", "--json").stdout)}
    assert (listed["documents"]["kind"], listed["label_counts"]["kind"]) == ("table", "view")
    assert listed["documents"]["rows"] == 120
    assert all(row["comment"] for row in listed.values())
    columns = json.loads(run("--describe", "label_counts", "--json").stdout)
    assert columns[0] == {"column": "category", "type": "VARCHAR", "comment": "Name of the category; null for documents without one."}


def test_a_table_that_is_not_there_cannot_be_described(tell: Callable[..., tuple[int, str]]) -> None:
    code, said = tell("--describe", "label_count")
    assert code == 1
    assert "label_counts" in said


def test_a_writer_is_not_waited_for(at_home: Path, copied: Path) -> None:
    from pipeline.store import Store

    with Store.open(copied).writer():
        assert json.loads(run("select 1 as n", "--json").stdout) == [{"n": 1}]


def test_an_unknown_facet_is_refused(tell: Callable[..., tuple[int, str]]) -> None:
    code, said = tell("select 1", "--facet", "urgency")
    assert code == 1
    assert "no facet 'urgency'" in said


def test_a_reader_who_leaves_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with pytest.raises(SystemExit), destination(STREAM) as file:
            file.write(b"x" * 1_000_000)


def batches_of(*sizes: int) -> Iterator[pa.RecordBatch]:
    for size in sizes:
        yield pa.RecordBatch.from_pydict({"n": list(range(size))})
    raise AssertionError("more was read than is needed")


def test_nothing_is_read_beyond_the_limit() -> None:
    file = io.BytesIO()
    write_csv(Rows(pa.schema([("n", pa.int64())]), batches_of(3, 3)), file, limit=5)
    assert file.getvalue().split() == [b'"n"', b"0", b"1", b"2", b"0", b"1"]
    for write in (write_json, write_json_lines):
        lines: Iterator[list[str]] = iter([["1", "2"], ["3", "4"]])
        file = io.BytesIO()
        write(lines, file, limit=3)
        assert file.getvalue().count(b"\n") == (5 if write is write_json else 3)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), st.none() | st.integers(-9, 9))))
def test_csv_reads_back_as_it_was(rows: list[tuple[str | None, int | None]]) -> None:
    table = pa.table({"text": pa.array([row[0] for row in rows], pa.string()), "number": pa.array([row[1] for row in rows], pa.int64())})
    file = io.BytesIO()
    write_csv(Rows(table.schema, iter(table.to_batches())), file, limit=None)
    back = pa_csv.read_csv(
        io.BytesIO(file.getvalue()),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=pa_csv.ConvertOptions(
            column_types=table.schema, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
        ),
    )
    assert back.to_pylist() == table.to_pylist()
