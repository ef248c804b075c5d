"""Older versions of the code, as far as the store goes: those that know fewer migrations."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.store import schema

__all__ = ["version"]


@contextmanager
def version(number: int, folder: Path) -> Iterator[None]:
    """Be a version of the code that knows migrations up to a number, and no views."""
    migrations, views = folder / f"migrations-{number}", folder / "views"
    for made in (migrations, views):
        made.mkdir(exist_ok=True)
    for migration in schema.known_migrations():
        if migration.number <= number:
            shutil.copy(schema.MIGRATIONS / migration.name, migrations)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(schema, "MIGRATIONS", migrations)
        patched.setattr(schema, "VIEWS", views)
        yield
