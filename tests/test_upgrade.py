"""An upgrade as docs/how-to/upgrade.md has it: back up, open with the new version, and go back with the backup."""

import re
import subprocess
from pathlib import Path

import duckdb
import pytest

from pipeline.errors import StoreError
from pipeline.store import Store, schema
from tests.versions import version

GUIDE = (Path(__file__).parent.parent / "docs" / "how-to" / "upgrade.md").read_text(encoding="utf-8")
PRODUCTION = (Path(__file__).parent.parent / "docs" / "how-to" / "production.md").read_text(encoding="utf-8")
NEWEST = schema.known_migrations()[-1].number
DOCUMENT = "insert into documents (doc_id, text_hash, text, source, order_key, words, active, first_seen, last_seen)"
VALUES = "values ('doc:1', 'text:1', 'kept', 'a.csv:1', '0', 1, true, now()::timestamp, now()::timestamp)"


def old_store(folder: Path, number: int, codes: Path) -> None:
    with version(number, codes):
        store = Store.open(folder)
        with store.writer() as connection:
            connection.execute(f"{DOCUMENT} {VALUES}")
        store.publish()


def command(page: str, begin: str) -> str:
    (found,) = re.findall(rf"^{begin}.*$", page, flags=re.MULTILINE)
    return str(found)


def test_the_backup_leads_back_to_the_version_before(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    folder = workspace / ".linnaeus" / "projects" / "tiny"
    (workspace / "projects").mkdir(parents=True)
    (workspace / "dagster.yaml").touch()
    old_store(folder, NEWEST - 1, tmp_path)
    subprocess.run(command(GUIDE, "tar -czf"), shell=True, cwd=workspace, check=True)
    with Store.open(folder).writer() as connection:
        connection.execute("delete from documents")
    with version(NEWEST - 1, tmp_path), pytest.raises(StoreError, match=rf"has schema {NEWEST} .* up to {NEWEST - 1}"):
        Store.open(folder)
    subprocess.run(command(GUIDE, "rm -r"), shell=True, cwd=workspace, check=True)
    with version(NEWEST - 1, tmp_path):
        assert Store.open(folder).rows("select text from documents") == [("kept",)]


def test_readers_elsewhere_get_a_whole_copy(copied: Path, tmp_path: Path) -> None:
    (tmp_path / "SHARED").mkdir()
    line = command(PRODUCTION, r"cp \.linnaeus").replace("NAME", "tiny")
    with Store.open(copied).writer():  # while the pipeline writes
        subprocess.run(line, shell=True, cwd=tmp_path, check=True)
    with duckdb.connect(str(tmp_path / "SHARED" / "labels.duckdb"), read_only=True) as reader:
        assert reader.execute("select count(*) from labelled_documents").fetchall() == [(120,)]
    assert [path.name for path in (tmp_path / "SHARED").iterdir()] == ["labels.duckdb"]
