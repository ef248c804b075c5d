"""The probe of a plan: the first questions that a run would ask, asked now.

Their answers go into the ledger, so that the run finds them there and pays nothing for them again.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pipeline.dictation import PURPOSE as DICTATION
from pipeline.errors import BudgetReachedError, EngineError, WeightsError
from pipeline.records import Document
from pipeline.serving import Answer, Chat, Message, Question
from pipeline.stages.asking import annotation_sample, answers, current_taxonomy, first_annotator
from pipeline.stages.corpus import documents
from pipeline.stages.kept import kept_taxonomy
from pipeline.stages.session import ROLE_OF, Session
from pipeline.stages.summaries import facets, written_facets
from pipeline.store import StoreLedger, Throughput
from pipeline.taxonomy import summarise, summary_spec

__all__ = ["PROBED", "AskingStage", "Probe", "pending_of", "run_probe", "unanswered"]

AskingStage = Literal["summaries", "annotations"]  # whose questions are known before anything is asked
PROBED = 20  # documents
HINT = "To plan without asking anything: linnaeus plan {name} --no-probe"


@dataclass(frozen=True)
class Probe:
    """What the probe asked, and what it took; a question of which the answer was in the ledger is asked by nobody.

    `now` is what was asked just now, start and queue included; `settled` is the pace after the first quarter of the
    questions, just now or when they were asked; `answers` sums up all of them, without a time.
    """

    stage: AskingStage
    documents: int
    from_ledger: int
    failed: int
    characters: int  # of the prompts
    turns: int
    now: Throughput
    settled: Throughput
    answers: Throughput


class TimingChat:
    """Passes questions on and keeps the time of each answer; implements `Chat`."""

    def __init__(self, chat: Chat) -> None:
        """Ask this one."""
        self.model = chat.model
        self.times: list[float] = []
        self._chat = chat

    def ask(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """Pass answers on."""
        for answer in self._chat.ask(questions):
            self.times.append(time.monotonic())
            yield answer

    def room(self, messages: Sequence[Message], max_tokens: int) -> int | None:
        """Pass the count on."""
        return self._chat.room(messages, max_tokens)

    @property
    def pace(self) -> float | None:
        """Give the seconds between two answers, those of the first quarter left out; None where there are too few."""
        first = len(self.times) // 4
        return (self.times[-1] - self.times[first - 1]) / (len(self.times) - first) if first else None


class NotingChat:
    """Keeps the questions and answers none; implements `Chat`."""

    def __init__(self, model: str) -> None:
        """Take the name of the model that would be asked."""
        self.model = model
        self.questions: list[Question] = []

    def ask(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """Note the questions."""
        for question in questions:
            self.questions.append(question)
            yield Answer("empty")

    def room(self, messages: Sequence[Message], max_tokens: int) -> int | None:
        """Count nothing, so that no server is needed."""
        return None


def run_probe(session: Session) -> Probe | None:
    """Ask the questions of the run's first documents that the ledger cannot answer; None where the run has nothing to ask.

    The corpus is read where it has not been. The first stage of the run that asks about documents is probed.

    :raises EngineError: when the model cannot be asked, with how to plan without it.
    """
    if not session.store.counts()["texts"]:
        session.progress.status("reading the corpus")
        documents(session)
    if kept_taxonomy(session) is None:
        session.progress.status("writing the question of each facet")
        try:
            facets(session)
        except (EngineError, WeightsError) as error:
            raise type(error)(f"{error} {HINT.format(name=session.project.name)}") from error
    stage, hashes = _first_documents(session)
    if not hashes:
        return None
    questions = [question for question in _questions(session, stage, hashes) if question.purpose != DICTATION]
    keys = [question.key(session.model_of(ROLE_OF[stage])) for question in questions]
    found = StoreLedger(session.store).find(keys)
    pending = set(pending_of(session, stage, hashes))
    asked = {question.texts[0] for question, key in zip(questions, keys, strict=True) if key not in found}  # of a document's windows any
    missing = [text for text in hashes if text in asked and text in pending]
    now, failed, pace = _ask(session, stage, missing[: session.project.budget.calls])
    contents = [message.content for question in questions for message in question.messages]
    settled = session.store.settled(keys)
    if now.calls:
        settled = replace(settled, seconds=pace * settled.calls) if pace else now
    return Probe(
        stage, len(hashes), len(hashes) - len(missing), failed, characters=sum(map(len, contents)), turns=len(contents),
        now=now, settled=settled, answers=session.store.answered(keys),
    )  # fmt: skip


def pending_of(session: Session, stage: AskingStage, among: Sequence[str]) -> list[str]:
    """List those of some texts that have no row of a stage yet."""
    if stage == "summaries":
        return session.store.pending("summaries", {"summary_spec": summary_spec(session.whole, session.model_of("generator"))}, among=among)
    present = current_taxonomy(session)
    key = {"taxonomy_id": present.taxonomy_id, "annotator_id": first_annotator(session, present)[0].annotator_id}
    return session.store.pending("labels", key, among=among)


def unanswered(session: Session, stage: AskingStage, hashes: Sequence[str]) -> int:
    """Count the questions about a stage's texts that have no answer in the ledger, by how they are before any cut to the context."""
    model = session.model_of(ROLE_OF[stage])
    keys = {question.key(model) for question in _questions(session, stage, hashes)}
    return len(keys) - len(StoreLedger(session.store).find(sorted(keys)))


def _first_documents(session: Session) -> tuple[AskingStage, list[str]]:
    if kept_taxonomy(session) is None:
        return "summaries", session.store.sample_hashes(first=min(PROBED, session.project.taxonomy.sample))
    return "annotations", pending_of(session, "annotations", [document.text_hash for document in annotation_sample(session)])[:PROBED]


def _questions(session: Session, stage: AskingStage, hashes: Sequence[str]) -> list[Question]:
    noting = NotingChat(session.model_of(ROLE_OF[stage]))
    _answer(session, stage, session.store.texts(hashes), noting)
    return noting.questions


def _ask(session: Session, stage: AskingStage, hashes: Sequence[str]) -> tuple[Throughput, int, float | None]:
    """Ask about some texts, and give what it took, how many failed, and the pace; a budget that is reached ends the probe."""
    if not hashes:
        return Throughput(0, 0.0, 0, 0, 0), 0, None
    session.progress.status(f"asking the first {len(hashes)} questions of {stage}")
    before, began, failed = session.store.spent(session.run_id), time.monotonic(), 0
    chat = TimingChat(session.chat_of(ROLE_OF[stage]))
    try:
        failed = _answer(session, stage, session.store.texts(hashes), chat)
    except BudgetReachedError as reached:
        session.progress.status(str(reached))
    except (EngineError, WeightsError) as error:
        raise type(error)(f"{error} {HINT.format(name=session.project.name)}") from error
    seconds, served = time.monotonic() - began, session.served(f"probe_{stage}")
    session.store.save(served)
    after = session.store.spent(session.run_id)
    busy, cached = sum(row.busy_seconds for row in served), sum(row.tokens_cached for row in served)
    return Throughput(after[0] - before[0], busy or seconds, after[1] - before[1], cached, after[2] - before[2]), failed, chat.pace


def _answer(session: Session, stage: AskingStage, given: Sequence[Document], chat: Chat) -> int:
    """Let a step ask about documents, and count the failures; what it makes is for the run to make."""
    project = session.project
    if stage == "summaries":
        return sum(len(outcome.failures) for outcome in summarise(given, facets=written_facets(session), chat=chat, project=project))
    present = current_taxonomy(session)
    annotator, manner = first_annotator(session, present)
    outcomes = answers(session, present, annotator, manner, given, chat)
    return sum(len(outcome.failures) for outcome in outcomes)
