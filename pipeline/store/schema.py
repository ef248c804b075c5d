"""Migrations and views: .sql files, applied when a store is opened.

Each migration runs in one transaction together with the row of `migrations` that records it; a migration that was ever
released is never edited. Views are made anew, all of them, when a migration ran or the text of any view changed.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import StoreError
from pipeline.store.warehouse import Connection, transaction

__all__ = ["MIGRATIONS", "VIEWS", "Migration", "applied_migrations", "is_current", "known_migrations", "migrate", "missing_migrations"]

MIGRATIONS = Path(__file__).parent / "sql" / "migrations"
VIEWS = Path(__file__).parent / "sql" / "views"
VIEWS_KEY = "views_sha256"


@dataclass(frozen=True)
class Migration:
    """One numbered .sql file."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Give the checksum of its text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def known_migrations() -> list[Migration]:
    """List the migrations of this version of the code, in order."""
    paths = sorted(MIGRATIONS.glob("*.sql"))
    return [Migration(int(path.name.split("_")[0]), path.name, path.read_text(encoding="utf-8")) for path in paths]


def is_current(connection: Connection) -> bool:
    """Tell whether a file has every migration and the present views.

    :raises StoreError: where the file was written by a newer or a different version of the code.
    """
    return not missing_migrations(connection) and stored_views(connection) == views_checksum()


def missing_migrations(connection: Connection) -> list[Migration]:
    """List the migrations that a file lacks.

    :raises StoreError: where the file has one that this code does not know, or knows with another text.
    """
    known = known_migrations()
    applied = applied_migrations(connection)
    newest = max((migration.number for migration in known), default=0)
    if unknown := sorted(number for number in applied if number > newest):
        raise StoreError(
            f"The store has schema {unknown[-1]} and this version of linnaeus knows schemas up to {newest}; "
            "update linnaeus, or use another store folder."
        )
    for migration in known:
        if applied.get(migration.number, migration.sha256) != migration.sha256:
            raise StoreError(
                f"The store was made with another text of migration {migration.name} than this version of linnaeus has; "
                "use the version that made it, or another store folder."
            )
    return [migration for migration in known if migration.number not in applied]


def applied_migrations(connection: Connection) -> dict[int, str]:
    """Give the checksum of each migration that a file has, by number."""
    if not has_table(connection, "migrations"):
        return {}
    return dict(connection.execute("select number, sha256 from migrations").fetchall())


def has_table(connection: Connection, name: str) -> bool:
    """Tell whether a file has a table."""
    return bool(connection.execute("select 1 from duckdb_tables() where table_name = ? and not internal", [name]).fetchall())


def migrate(connection: Connection) -> None:
    """Apply the migrations that a file lacks, then the views."""
    missing = missing_migrations(connection)
    for migration in missing:
        with transaction(connection):
            connection.execute(migration.sql)
            row = [migration.number, migration.name, migration.sha256, datetime.now(UTC).replace(tzinfo=None)]
            connection.execute("insert into migrations values (?, ?, ?, ?)", row)
    if missing or stored_views(connection) != views_checksum():
        with transaction(connection):
            make_views(connection)


def make_views(connection: Connection) -> None:
    """Drop every view of a file and make the present ones."""
    for (name,) in connection.execute("select view_name from duckdb_views() where not internal and not temporary").fetchall():
        quoted = name.replace('"', '""')
        connection.execute(f'drop view "{quoted}"')
    for path in view_files():
        connection.execute(path.read_text(encoding="utf-8"))
    connection.execute("delete from current where key = ?", [VIEWS_KEY])
    connection.execute("insert into current values (?, ?)", [VIEWS_KEY, views_checksum()])


def view_files() -> list[Path]:
    """List the files of the views, in the order in which they are made."""
    return sorted(VIEWS.glob("*.sql"))


def views_checksum() -> str:
    """Hash the texts of all views."""
    return hashlib.sha256("\0".join(path.read_text(encoding="utf-8") for path in view_files()).encode()).hexdigest()


def stored_views(connection: Connection) -> str | None:
    """Give the checksum of the views that a file has."""
    rows = connection.execute("select value from current where key = ?", [VIEWS_KEY]).fetchall()
    return rows[0][0] if rows else None
