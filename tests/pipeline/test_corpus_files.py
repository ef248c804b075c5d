"""One document is the same document in whatever format, compression, file or database it comes."""

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from pipeline.corpus import corpus_files
from pipeline.errors import CorpusError
from tests.corpora import COMPRESSIONS, faults, project, read, texts

ROWS = [{"id": str(number), "text": f"text number {number}, of many"} for number in range(2500)]
LINES = {
    "csv": "id,text\n" + "".join(f'{row["id"]},"{row["text"]}"\n' for row in ROWS),
    "tsv": "id\ttext\n" + "".join(f"{row['id']}\t{row['text']}\n" for row in ROWS),
    "jsonl": "".join(json.dumps(row) + "\n" for row in ROWS),
    "json": json.dumps(ROWS),
    "txt": "".join(row["text"] + "\n" for row in ROWS),
}


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("ending", LINES)
def test_every_line_format_is_read_through_every_compression(tmp_path: Path, ending: str, compression: str) -> None:
    documents, rejects = read(tmp_path, f"a.{ending}{compression}", COMPRESSIONS[compression](LINES[ending].encode()))
    assert rejects == []
    assert texts(documents) == [row["text"] for row in ROWS]
    assert documents[0].source == f"a.{ending}{compression}:{2 if ending in {'csv', 'tsv'} else 1}"


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_files_packed_in_several_pieces_are_read_to_their_end(tmp_path: Path, compression: str) -> None:
    pack = COMPRESSIONS[compression]
    assert texts(read(tmp_path, f"a.txt{compression}", pack(b"one\ntw") + pack(b"o\nthree\n"))[0]) == ["one", "two", "three"]


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_damaged_or_cut_file_is_told(tmp_path: Path, compression: str) -> None:
    whole = COMPRESSIONS[compression](LINES["jsonl"].encode())
    for content in (whole[: len(whole) // 2], b"this was never packed\n" * 9):
        with pytest.raises(CorpusError, match=rf"a\.jsonl\{compression} cannot be unpacked: .*get it again"):
            read(tmp_path, f"a.jsonl{compression}", content)


def test_a_folder_may_hold_packed_files_beside_others(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_text("one\nmore")
    (folder / "b.txt.gz").write_bytes(COMPRESSIONS[".gz"](b"two"))
    (folder / "c.parquet.gz").write_bytes(b"packed twice, which nobody reads")
    assert [(document.text, document.source) for document in read(tmp_path, "folder")[0]] == [("one\nmore", "a.txt:1"), ("two", "b.txt.gz:1")]


def test_files_are_named_one_by_one_or_by_patterns(tmp_path: Path) -> None:
    for name in ("data/b.csv", "data/a.csv", "data/deep/c.csv", "more/d.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"text,x\n{name},1\n")
    (tmp_path / "data/e.csv.gz").write_bytes(COMPRESSIONS[".gz"](b"text,x\npacked,1\n"))

    def named(*paths: str, **keys: str) -> list[str]:
        return list(corpus_files(project(tmp_path, paths if len(paths) > 1 else paths[0], **keys)))

    assert named("data/*.csv") == ["a.csv", "b.csv"]
    assert named("data/**/*.csv") == ["a.csv", "b.csv", "deep/c.csv"]
    assert named("data/*.csv*") == ["a.csv", "b.csv", "e.csv.gz"] == named("data/*", format="csv")
    assert named("data/b.csv", "more/*.csv") == ["data/b.csv", "more/d.csv"]
    assert named("data/b.csv", "data/*.csv") == ["b.csv", "a.csv"]  # each file once, where it is named first
    assert named("data", "more", format="csv") == ["data/a.csv", "data/b.csv", "data/deep/c.csv", "data/e.csv.gz", "more/d.csv"]
    documents, _ = read(tmp_path, ("more/d.csv", "data/[a-b].csv"))
    assert [(document.text, document.source) for document in documents] == [
        ("more/d.csv", "more/d.csv:2"), ("data/a.csv", "data/a.csv:2"), ("data/b.csv", "data/b.csv:2"),
    ]  # fmt: skip


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    assert texts(read(tmp_path, "a[1]*.csv", "text,x\none,1\n")[0]) == ["one"]
    (tmp_path / "[2026]").mkdir()
    (tmp_path / "[2026]" / "b.csv").write_text("text,x\ntwo,1\n")
    assert texts(read(tmp_path / "[2026]", "*.csv")[0]) == ["two"]


def test_a_pattern_that_finds_nothing_or_too_much_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,x\none,1\n")
    (tmp_path / "a.jsonl").write_text("{}\n")
    with pytest.raises(CorpusError, match=r"No file matches .*\*\.txt; correct corpus\.path"):
        read(tmp_path, "*.txt")
    for path in ("a.*", ("a.csv", "a.jsonl")):
        with pytest.raises(CorpusError, match=r"several formats: csv, and also a\.jsonl\. .*set corpus\.format"):
            read(tmp_path, path)


def test_parquet_and_arrow_files_are_found_by_a_pattern(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    pq.write_table(table.slice(0, 1000), tmp_path / "a.parquet")
    pq.write_table(table.slice(1000), tmp_path / "b.parquet")
    pyarrow.feather.write_feather(table, str(tmp_path / "a.arrow"), compression="zstd")
    documents, _ = read(tmp_path, "*.parquet", id="id")
    assert texts(documents) == [row["text"] for row in ROWS]
    assert [documents[place].source for place in (0, 999, 1000)] == ["a.parquet:1", "a.parquet:1000", "b.parquet:1"]
    assert texts(read(tmp_path, "*.arrow")[0]) == texts(documents)


def write_database(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table tickets as select range as id, 'text ' || range as text, date '2026-01-31' as day from range(2500)")
        connection.execute("create view open_tickets as select * from tickets where id < 3")
        connection.execute("create schema archive")
        connection.execute("create table archive.old as select 7 as id, 'old' as text")
        connection.execute("""create table "a ""b"" ; drop table tickets" as select 'quoted' as text""")


def test_a_table_or_view_of_a_database_is_read(tmp_path: Path) -> None:
    write_database(tmp_path / "a.duckdb")
    before = (tmp_path / "a.duckdb").read_bytes()
    documents, rejects = read(tmp_path, "a.duckdb", table="tickets", id="id", metadata=("day",))
    assert rejects == []
    assert texts(documents) == [f"text {number}" for number in range(2500)]
    assert (documents[9].doc_id, documents[9].source, documents[9].metadata) == ("9", "a.duckdb:10", {"day": "2026-01-31"})
    assert len(read(tmp_path, "a.duckdb", table="open_tickets", format="duckdb")[0]) == 3
    assert texts(read(tmp_path, "a.duckdb", table="archive.old")[0]) == ["old"]
    assert texts(read(tmp_path, "a.duckdb", table='a "b" ; drop table tickets')[0]) == ["quoted"]
    assert (tmp_path / "a.duckdb").read_bytes() == before


def test_the_only_table_of_a_database_needs_no_name(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
        connection.execute("create table anything as select 'one' as text union all select null")
    documents, rejects = read(tmp_path, "a.duckdb")
    assert (texts(documents), faults(rejects)) == (["one"], [("missing_text", 2)])


def test_a_table_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    write_database(tmp_path / "a.duckdb")
    (tmp_path / "b.duckdb").write_bytes(b"no database" * 1000)
    with pytest.raises(CorpusError, match=r"There is no table ticket in .*a\.duckdb; it holds .*tickets.*archive\.old.*corpus\.table"):
        read(tmp_path, "a.duckdb", table="ticket")
    with pytest.raises(CorpusError, match=r"Several tables are there, and none is named .*open_tickets"):
        read(tmp_path, "a.duckdb")
    with pytest.raises(CorpusError, match=r"Missing column 'author' in a\.duckdb; found 'id', 'text', 'day'"):
        read(tmp_path, "a.duckdb", table="tickets", metadata=("author",))
    with pytest.raises(CorpusError, match=r"b\.duckdb cannot be read as a DuckDB database"):
        read(tmp_path, "b.duckdb", table="tickets")


def test_a_database_that_another_process_writes_to_is_told(tmp_path: Path) -> None:
    write_database(tmp_path / "a.duckdb")
    script = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "a.duckdb")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(CorpusError, match=rf"(?s)a\.duckdb cannot be read .*PID {other.pid}.*Wait until the other process has closed it"):
            read(tmp_path, "a.duckdb", table="tickets")
        other.communicate()
    assert len(read(tmp_path, "a.duckdb", table="open_tickets")[0]) == 3
