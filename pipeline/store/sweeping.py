"""Looking through the files of a state for what was forgotten: logs, the history of runs, whatever else lies there.

Text files are only named, because a process may be writing them. SQLite files, as Dagster keeps its history in, hold examples of
labelled documents: there a mark takes the place of each quotation.
"""

import contextlib
import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.quoting import RUN, WHOLE, Quotations, bare_letters
from pipeline.state_records import Leftover

__all__ = ["blank_history", "files_with", "holds", "pieces_of"]

SQLITE = b"SQLite format 3\0"
CHUNK = 8 * 2**20  # bytes read at once
LONGEST_PIECE, PIECES_EACH, MOST_PIECES = 60, 3, 500
BREAKS = re.compile(r"[\"\\|<>&\n\r\t]+")  # what files spell in several ways
WAIT_SECONDS = 10.0  # for others that write a history


def pieces_of(texts: Iterable[str]) -> list[bytes]:
    """Choose pieces of texts that files hold as they are, or as JSON spells them; texts that are too short to tell have none."""
    found: dict[bytes, None] = {}
    for text in texts:
        fewest = max(WHOLE, min(RUN, len(bare_letters(text))))
        pieces = [piece.strip()[:LONGEST_PIECE] for piece in BREAKS.split(text)]
        telling = [piece for piece in pieces if len(bare_letters(piece)) >= fewest]
        for piece in telling[:PIECES_EACH]:
            found[piece.encode("utf-8", "replace")] = None
            found[json.dumps(piece)[1:-1].encode()] = None
        if len(found) >= MOST_PIECES:
            break
    return list(found)


def files_with(folders: Sequence[Path], pieces: Sequence[bytes]) -> Iterator[Path]:
    """Give the files in and under some folders that hold one of the pieces, each once."""
    seen: set[Path] = set()
    for folder in folders:
        for path in sorted(folder.rglob("*")) if pieces else ():
            real = path.resolve()
            if real not in seen and path.is_file() and not path.is_symlink():
                seen.add(real)
                if holds(path, pieces):
                    yield path


def blank_history(path: Path, quotations: Quotations, pieces: Sequence[bytes]) -> Leftover | None:
    """Blank what quotes the texts in a SQLite file, and write it anew; a leftover where the file is no such one, or in use for too long."""
    with path.open("rb") as handle:
        if handle.read(len(SQLITE)) != SQLITE:
            return Leftover(path, "holds it still; it is a file that others write, and was not changed")
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)) as connection:
            connection.execute("begin immediate")
            for table, column in _text_columns(connection):
                _blank_column(connection, table, column, quotations, pieces)
            connection.execute("commit")
            connection.execute("vacuum")
            connection.execute("pragma wal_checkpoint(truncate)")
    except sqlite3.Error as error:
        return Leftover(path, f"holds it still, and could not be changed: {error}; run the same command again when nothing uses it")
    return Leftover(path, "holds it still; remove the file") if holds(path, pieces) else None


def holds(path: Path, pieces: Sequence[bytes]) -> bool:
    """Say whether a file holds one of the pieces, read in parts."""
    overlap = max(map(len, pieces)) - 1
    kept = b""
    try:
        with path.open("rb") as handle:
            while chunk := handle.read(CHUNK):
                window = kept + chunk
                if any(piece in window for piece in pieces):
                    return True
                kept = window[len(window) - overlap :]
    except OSError:  # it went away, or is not ours to read
        return False
    return False


def _text_columns(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    tables = [row[0] for row in connection.execute("select name from sqlite_master where type = 'table' and name not like 'sqlite_%'")]
    return [(table, row[1]) for table in tables for row in connection.execute(f'pragma table_info("{table}")') if "INT" not in row[2].upper()]


def _blank_column(connection: sqlite3.Connection, table: str, column: str, quotations: Quotations, pieces: Sequence[bytes]) -> None:
    where = " or ".join([f'instr("{column}", ?)'] * len(pieces))
    sql = f'select rowid, "{column}" from "{table}" where {where}'  # noqa: S608 - names from the file's own schema
    rows = connection.execute(sql, [piece.decode("utf-8", "replace") for piece in pieces]).fetchall()
    for place, value in rows:
        if isinstance(value, str):
            connection.execute(f'update "{table}" set "{column}" = ? where rowid = ?', [_blanked(value, quotations), place])  # noqa: S608 - as above


def _blanked(value: str, quotations: Quotations) -> str:
    """Blank a value, and where it is JSON the strings in it."""
    try:
        content = json.loads(value)
    except ValueError:
        return quotations.blank(value)
    return json.dumps(_blanked_parts(content, quotations))


def _blanked_parts(content: Any, quotations: Quotations) -> Any:
    if isinstance(content, str):
        return quotations.blank(content)
    if isinstance(content, Mapping):
        return {key: _blanked_parts(part, quotations) for key, part in content.items()}
    return [_blanked_parts(part, quotations) for part in content] if isinstance(content, list) else content
