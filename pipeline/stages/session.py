"""What every stage of one run shares: the project, its store, the model, the embedder, and where progress is shown."""

import contextlib
import copy
import os
import time
import uuid
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pipeline.call_records import StageServing
from pipeline.embedder_settings import EmbedderName
from pipeline.embedding import Embedder, open_embedder
from pipeline.embedding.served import ServedEmbedder
from pipeline.serving import Chat, OpenAIChat, Spending, open_chat
from pipeline.settings import MAIN, EngineSettings, JudgeSettings, Project, Role
from pipeline.store import Store, StoreLedger
from pipeline.weights import known_weights, resolve_model

__all__ = ["ROLE_OF", "Progress", "Quiet", "Report", "Session", "new_run_id", "open_session", "opening_sessions", "project_state", "state_folder"]

# Whose model a stage asks.
ROLE_OF: Mapping[str, Role] = {
    "facets": "generator", "summaries": "generator", "generated_taxonomy": "generator", "updated_taxonomy": "generator",
    "reviewed_taxonomy": "generator", "selected_taxonomy": "generator", "taxonomy": "generator", "annotations": "annotator",
    "written_examples": "generator", "cascade": "annotator", "definition_checks": "annotator", "repeated_labels": "annotator",
    "baseline": "generator", "judgements": "annotator", "mistakes": "generator",
}  # fmt: skip
T = TypeVar("T")
R = TypeVar("R")


class Progress(Protocol):
    """Where long work shows how far it is."""

    def track(self, items: Iterable[T], *, total: int, what: str, size: Callable[[T], int]) -> Iterator[T]:
        """Pass items on, counting `size` of each towards `total`."""

    def status(self, message: str) -> None:
        """Show what is going on."""


class Quiet:
    """Shows nothing."""

    def track(self, items: Iterable[T], *, total: int, what: str, size: Callable[[T], int]) -> Iterator[T]:
        """Pass items on."""
        yield from items

    def status(self, message: str) -> None:
        """Show nothing."""


@dataclass(frozen=True)
class Report:
    """What a stage did: rows made in this run, rows there are now, what the model spent on it, and why it stopped early if it did."""

    stage: str
    made: int
    total: int
    seconds: float
    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    served: tuple[StageServing, ...] = ()
    stopped: str | None = None


def state_folder(root: Path) -> Path:
    """Give the folder of everything a workspace's runs leave behind: $LINNAEUS_STATE, or `.linnaeus` in the workspace."""
    return Path(os.environ.get("LINNAEUS_STATE") or root / ".linnaeus").expanduser().resolve()


def project_state(project: Project) -> Path:
    """Give the folder of one project's tables and students; project files lie in `projects/` of the workspace."""
    return state_folder(project.folder.parent) / "projects" / project.name


def new_run_id() -> str:
    """Make an id for a run that sorts by time."""
    return f"{time.strftime('%Y%m%dT%H%M%S')}-{uuid.uuid4().hex[:8]}"


class Session:
    """One run's view of a project; opens what it needs when it is first needed.

    :param chat: answers instead of the project's engines.
    :param embedder: embeds instead of the project's embedder.
    :param partitions: those that the run is about; all when empty.
    :param judges: answer instead of the project's judges of these models.
    """

    def __init__(
        self,
        project: Project,
        *,
        folder: Path | None = None,
        run_id: str | None = None,
        progress: Progress | None = None,
        chat: Chat | None = None,
        embedder: Embedder | None = None,
        partitions: Sequence[str] = (),
        judges: Mapping[str, Chat] | None = None,
    ) -> None:
        """Open the store; the model and the embedder wait for the first question and the first text."""
        self.project = self.whole = project  # a facet's view has a project of its own
        self.facet = MAIN
        self.sampled_first: tuple[str, ...] | None = None  # not None where a proposal is made aside
        self.folder = folder or project_state(project)
        self.run_id = run_id or new_run_id()
        self.partitions = tuple(partitions)
        self.progress: Progress = progress or Quiet()
        self.store = Store.open(self.folder, tell=self.progress.status)
        StoreLedger(self.store).recover()  # what a killed run had noted and not recorded
        self._stack = contextlib.ExitStack()
        self._chat = chat
        self._chats: dict[EngineSettings, OpenAIChat] = {}
        self._judges = dict(judges or {})
        self.stopped: list[str] = []
        self._embedder = embedder
        self._remembered: dict[str, tuple[Hashable, Any]] = {}

    @property
    def generator(self) -> Chat:
        """Give the model of the taxonomy."""
        return self.chat_of("generator")

    @property
    def annotator(self) -> Chat:
        """Give the model of the labels."""
        return self.chat_of("annotator")

    def chat_of(self, role: Role) -> Chat:
        """Give the model of a role; its server starts with the first question, and one engine serves both roles."""
        return self._chat if self._chat is not None else self._opened(self.project.engine_of(role))

    def chat_of_judge(self, judge: JudgeSettings) -> Chat:
        """Give the model of a judge; one that is also a role's has one server.

        :raises EngineError: where its key is missing.
        :raises WeightsError: where it is embedded and cannot be had.
        """
        return self._judges[judge.model] if judge.model in self._judges else self._opened(judge.engine)

    def _opened(self, engine: EngineSettings) -> OpenAIChat:
        if engine not in self._chats:
            self._chats[engine] = self._stack.enter_context(
                open_chat(
                    engine,
                    ledger=StoreLedger(self.store),
                    run_id=self.run_id,
                    spending=self._spending,
                    log_folder=self.folder / "logs",
                    on_status=self.progress.status,
                )
            )
        return self._chats[engine]

    def model_of(self, role: Role) -> str:
        """Name the model of a role, weights and all, as its `chat.model` will; nothing is started or fetched for it."""
        return self._chat.model if self._chat is not None else _named(self.project.engine_of(role))

    def model_of_judge(self, judge: JudgeSettings) -> str:
        """Name the model of a judge, as its `chat.model` will; nothing is started or fetched for it.

        :raises WeightsError: where it is embedded, and no model that is known.
        """
        return self._judges[judge.model].model if judge.model in self._judges else _named(judge.engine)

    @cached_property
    def embedder(self) -> Embedder:
        """Give the project's embedder; its weights load, or its server is asked, with the first text."""
        if self._embedder is not None:
            return self._embedder
        opened = open_embedder(self.project.embedder)
        if isinstance(opened, ServedEmbedder):
            self._stack.callback(opened.close)
        return opened

    def embedder_called(self, name: EmbedderName) -> Embedder:
        """Give an embedder of this machine by its name: the session's own where the project names that one."""
        return self.embedder if name == self.project.embedder else open_embedder(name)

    def view(self, facet: str) -> "Session":
        """Give the session as one facet sees it: its use case, its taxonomy settings, its pointers; all else is shared."""
        if facet == self.facet:
            return self
        _ = self.embedder, self._spending  # made once, and shared
        view = copy.copy(self)
        view.facet, view.project = facet, self.whole.facet(facet)
        view.store = self.store.of_facet("" if facet == MAIN else facet)
        if self.sampled_first is not None:
            view.store = view.store.set_aside(self.sampled_first)
        return view

    def aside(self, foremost: Sequence[str]) -> "Session":
        """Give the session with pointers of its own, so that a taxonomy is made beside the one in use, from other documents first."""
        _ = self.embedder, self._spending
        view = copy.copy(self)
        view.store = self.store.set_aside(foremost)
        view.sampled_first = tuple(foremost)
        return view

    def served(self, stage: str) -> list[StageServing]:
        """Give what was asked of each model since the last time, and how busy its server was kept; for a stage that has just run."""
        return [
            StageServing(
                self.run_id, stage, chat.model, chat.server, questions=now.questions, from_ledger=now.from_ledger, calls=now.calls,
                failed_calls=now.failed_calls, tokens_in=now.tokens_in, tokens_cached=now.tokens_cached, tokens_out=now.tokens_out, cost=now.cost,
                seconds=now.seconds, busy_seconds=now.busy_seconds, in_flight=now.in_flight, most_in_flight=now.most_in_flight,
                queued=sum(now.queue) / len(now.queue) if now.queue else None, most_queued=max(now.queue, default=None),
            )
            for chat in self._chats.values()
            if (now := chat.measured()).questions
        ]  # fmt: skip

    @property
    def tokens(self) -> int:
        """Give the tokens that the run has spent so far."""
        return self._spending.tokens

    def stop(self, reason: str) -> None:
        """Note that the run has reached its budget and goes on with what there is."""
        self.stopped.append(reason)
        self.progress.status(reason)

    @cached_property
    def _spending(self) -> Spending:
        """Give what the run may still spend: one budget for all its engines."""
        calls, tokens_in, tokens_out, cost = self.store.spent(self.run_id)
        return Spending(self.project.budget, calls=calls, tokens=tokens_in + tokens_out, cost=cost)

    def remember(self, kind: str, key: Hashable, make: Callable[[], R]) -> R:
        """Make something once in a session and keep the latest of its kind, where making it again is work for nothing."""
        if kind not in self._remembered or self._remembered[kind][0] != key:
            self._remembered[kind] = key, make()
        found: R = self._remembered[kind][1]
        return found

    def drop(self, kind: str) -> None:
        """Make something anew when it is next asked for."""
        self._remembered.pop(kind, None)

    def close(self) -> None:
        """Stop what this session started."""
        self._stack.close()

    def __enter__(self) -> "Session":
        """Use the session in a `with` block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop what this session started."""
        self.close()


def _named(engine: EngineSettings) -> str:
    if engine.kind != "embedded":
        return engine.model
    weights = known_weights().get(engine.model)
    return resolve_model(engine.model).identity if weights is None else f"{weights.name}@{weights.sha256[:12]}"


Opener = Callable[..., Session]
_OPENERS: list[Opener] = [Session]


def open_session(project: Project, *, run_id: str | None = None, progress: Progress | None = None) -> Session:
    """Open a session for a shell, by the opener of the innermost `opening_sessions` block."""
    return _OPENERS[-1](project, run_id=run_id, progress=progress)


@contextlib.contextmanager
def opening_sessions(opener: Opener) -> Iterator[None]:
    """Let the shells of this process open their sessions by `opener`, which may give them another chat and embedder."""
    _OPENERS.append(opener)
    try:
        yield
    finally:
        _OPENERS.pop()
