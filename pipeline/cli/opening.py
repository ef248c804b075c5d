"""Opens the student that a project has in use, and the one after it while the first one answers."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from pipeline.cli.progress import ConsoleProgress
from pipeline.cli.terminal import errors, facet_project, facet_store
from pipeline.embedding import Embedder
from pipeline.endpoint import Served
from pipeline.settings import Project
from pipeline.stages import Session, load_current_student, open_session
from pipeline.stages.lookout import Lookout, Pointers, pointers_of
from pipeline.students import TextClassifier

__all__ = ["Opened", "Successors", "opened"]


@dataclass(frozen=True)
class Opened:
    """A student ready to score, its project where it has one, and what the tables pointed to when it was opened."""

    served: Served
    project: Project | None = None
    pointers: Pointers = (None, None)


@contextmanager
def opened(name: str, facet: str) -> Iterator[Opened]:
    """Open the student that a facet of a project has in use.

    :raises ProjectError: where there is no such project or facet, or it has not been run.
    :raises LinnaeusError: where there is no student yet, or it cannot be loaded.
    """
    project = facet_project(name, facet)
    facet_store(name, facet)
    with open_session(project, progress=ConsoleProgress(errors)) as session:
        yield _in_use(session.view(facet))


class Successors:
    """Gives the student that a project has in use now, whenever its tables were published since the last call.

    The project's file is read again each time, so that a student of another embedder can follow. To be used in a `with` block.
    """

    def __init__(self, name: str, facet: str, first: Opened) -> None:
        """Know the student that is in use."""
        self._name, self._facet, self._latest = name, facet, first
        self._lookout = Lookout(facet_store(name, facet))
        self._stack = ExitStack()

    def __call__(self) -> Served | None:
        """Give the student in use, be it the same again; None where nothing was published since the last call that succeeded.

        :raises LinnaeusError: where it cannot be opened.
        """
        found = self._lookout.look()
        if found is None:
            return None
        if found != self._latest.pointers:
            try:
                self._latest = self._opened()
            except Exception:
                self._lookout.forget()
                raise
        return self._latest.served

    def __enter__(self) -> "Successors":
        """Use it in a `with` block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what the students opened."""
        self._stack.close()

    def _opened(self) -> Opened:
        session = self._stack.enter_context(open_session(facet_project(self._name, self._facet), progress=ConsoleProgress(errors)))
        return _in_use(session.view(self._facet), embedder=self._latest.served.classifier.embedder)


def _in_use(session: Session, *, embedder: Embedder | None = None) -> Opened:
    """Open the student in use; with the embedder given where it is the same as the project's, since that one is loaded already."""
    pointers, student = pointers_of(session.store), load_current_student(session)
    taxonomy = session.store.find_taxonomy(student.card["taxonomy_id"])
    described = {one.category_id: one.description for one in taxonomy.categories} if taxonomy else {}
    same = embedder is not None and embedder.embedder_id == session.embedder.embedder_id
    return Opened(Served(TextClassifier(student, embedder if same else session.embedder), described), session.project, pointers)
