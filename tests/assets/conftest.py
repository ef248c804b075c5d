"""Sessions end with their test, and one whole run in Dagster is shared by all tests that only look at it."""

from collections.abc import Iterator

import dagster as dg
import pytest

from assets.resources import close_all
from tests.materialising import TELLING_NOBODY, Materialised, materialize
from tests.tiny import write_project
from tests.workspaces import as_workspace


@pytest.fixture(autouse=True)
def _close_sessions() -> Iterator[None]:
    yield
    close_all()


@pytest.fixture(scope="session")
def materialised(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Materialised]:
    """The tiny project after a whole run; to read from and to copy, not to change."""
    root = tmp_path_factory.mktemp("materialised")
    with dg.DagsterInstance.ephemeral(settings=TELLING_NOBODY) as instance:
        with pytest.MonkeyPatch.context() as environment:
            write_project(as_workspace(root, environment))
            result = materialize(root, instance=instance)
            close_all()
        yield Materialised(root, instance, result)
