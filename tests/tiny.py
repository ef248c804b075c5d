"""A whole project small enough for a test: 120 texts on four topics, a scripted model that knows them, a real embedder.

A module of its own, so that a test can also run it in a child process.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from sklearn.feature_extraction.text import HashingVectorizer

from pipeline.answers import FacetAnswer, TieBreakAnswer
from pipeline.batches import in_batches
from pipeline.call_records import Call
from pipeline.choosing import NONE_FITS
from pipeline.embedding import Matrix
from pipeline.ids import canonical_json
from pipeline.serving.contract import Answer, Chat, Choice, Ledger, Line, Message, Question
from pipeline.settings import Project, load_project
from pipeline.stages import STAGES, Report, Session, run_stage
from pipeline.store import Store, StoreLedger
from pipeline.testing import ScriptedChat

CORPUS = Path(__file__).parent / "data" / "tiny.jsonl"
NAMES = {"delivery": "Late Parcels", "payment": "Refunds and Invoices", "account": "Login Trouble", "store": "Opening Hours"}
PHRASES = {
    "delivery": ("late parcel", "parcel delivery"), "payment": ("invoice refund", "refund payment"),
    "account": ("login password", "account login"), "store": ("store opening hours", "store location"),
}  # fmt: skip
SIGNS = {
    "delivery": "parcel package delivery delivered courier shipping tracking ship undeliverable late parcels",
    "payment": "refund refunds invoice invoices payment charged card money paid pay price voucher amount fee",
    "account": "password login account accounts sign signed username codes log trouble",
    "store": "store shop open opening hours close closed parking lift",
}
LIMITS = {
    "taxonomy": {"size": {"min": 4, "max": 6}, "sample": 60, "minibatch": 40, "summary_words": 20, "passes": 2, "validation": 20},
    "annotation": {"sample": 60, "reordered": 0},
    "students": [{"penalties": [1.0]}, {"kind": "class_means"}],  # the usual ones with one C
}


def topic_of(text: str) -> str | None:
    """Give the topic whose signs a text holds most of; None where it holds none."""
    words = Counter(word.strip(".,?!:;()\"'").lower() for word in text.split())
    hits = {topic: sum(words[sign] for sign in set(signs.split())) for topic, signs in SIGNS.items()}
    best = max(hits, key=lambda topic: hits[topic])
    return best if hits[best] else None


def last_text(question: Question) -> str:
    """Give the document of a question: what its last turn holds between the delimiters, or all of it."""
    content = question.messages[-1].content
    return content.partition("<text>")[2].removesuffix("</text>") if "<text>" in content else content


def knowing_reply(question: Question) -> str:
    """Answer any question of the pipeline from the words of the texts it shows."""
    text = last_text(question)
    topic = topic_of(text)
    if isinstance(question.form, Choice):
        options = question.form.options
        if question.purpose == "definition":
            return "yes" if topic and topic == topic_of(question.messages[-1].content.removeprefix("Description: ").partition(":")[0]) else "no"
        if set(options) == {"yes", "no"}:
            return "yes" if topic else "no"
        fitting = [option for option in options if topic and topic_of(option) == topic]
        return fitting[0] if fitting else NONE_FITS.name if NONE_FITS.name in options else options[0]
    phrase = PHRASES[topic][len(text) % 2] if topic else "small talk"
    if isinstance(question.form, Line):
        system = question.messages[0].content
        asked = max(1, system.count("the answer to"))  # in a prompt for several answers in one line
        return " | ".join([phrase] * asked + [" ".join(text.split()[:12])] * ("what the text says" in system or "two categories" in system))
    if question.form.schema is FacetAnswer:
        made_up = [{"text": f"something about the {kind}", "answer": answers[0]} for kind, answers in PHRASES.items()]
        return json.dumps({"question": "What does the customer write about?", "examples": made_up})
    if question.form.schema is TieBreakAnswer:
        return json.dumps({"first": f"the customer mentions {phrase}", "second": "the customer mentions something else"})
    return json.dumps({"name": NAMES[topic] if topic else "Small Talk", "description": f"Messages about {phrase}."})


class TinyEmbedder:
    """Hashed words, which is a real embedder though no good one; implements `Embedder`."""

    embedder_id = "hashed-words@1"

    def __init__(self, *, width: int = 96) -> None:
        self._vectorizer = HashingVectorizer(n_features=width, alternate_sign=False, stop_words="english", norm=None)

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Count hashed words; one small constant more, so that no row is all zeros."""
        counts = self._vectorizer.transform(list(texts)).toarray() if texts else np.zeros((0, self._vectorizer.n_features))
        rows = np.concatenate([counts, np.full((len(counts), 1), 0.1)], axis=1)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


class RecordedChat:
    """Look questions up in a ledger first and record every call, as the real client does; implements `Chat`."""

    def __init__(self, inner: Chat, ledger: Ledger, *, run_id: str = "run") -> None:
        self.inner, self.ledger, self.run_id = inner, ledger, run_id
        self.model = inner.model
        self.asked = 0

    def ask(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """Answer in order, sixteen looked up at once."""
        for batch in in_batches(questions, 16):
            keys = [question.key(self.model) for question in batch]
            found, calls = self.ledger.find(keys), []
            try:
                for question, key in zip(batch, keys, strict=True):
                    if key in found:
                        yield stored_answer(question, found[key])
                        continue
                    answer = next(iter(self.inner.ask([question])))
                    self.asked += 1
                    calls.append(self._call(question, key, answer))
                    yield answer
            finally:
                if calls:
                    self.ledger.record(calls)

    def room(self, messages: Sequence[Message], max_tokens: int) -> int | None:
        return self.inner.room(messages, max_tokens)

    def _call(self, question: Question, key: str, answer: Answer) -> Call:
        ok = answer.outcome == "ok"
        stored = canonical_json({"text": answer.text, "scores": answer.scores}) if ok else None
        words = sum(len(message.content.split()) for message in question.messages)
        return Call(
            key, self.run_id, question.purpose, self.model, question.prompt, 1, words, 0, 3, 1.0, "stop", answer.outcome, answer.error, stored, None,
            texts=question.texts,
        )  # fmt: skip


def stored_answer(question: Question, stored: str) -> Answer:
    """Read an answer back as the real client does."""
    kept = json.loads(stored)
    value = question.form.schema.model_validate_json(kept["text"]) if hasattr(question.form, "schema") else None
    return Answer("ok", text=kept["text"], value=value, scores=kept["scores"], from_ledger=True)


def tiny_rows() -> list[dict[str, Any]]:
    """Read the tiny corpus."""
    return [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """Write rows as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


# For tests that count what is asked: nothing beyond what makes taxonomy, labels and student.
UNCHECKED = {"resamples": 100, "judge_sample": 0, "told_sample": 0, "definition_sample": 0, "repeat_sample": 0}


def write_project(workspace: Path, rows: Iterable[dict[str, Any]] | None = None, *, name: str = "tiny", **changes: Any) -> Path:
    """Write a corpus and a project file on it into `projects/` of a workspace; `changes` replace top-level keys."""
    data = write_rows(workspace / "projects" / "data" / f"{name}.jsonl", tiny_rows() if rows is None else rows)
    corpus = {"path": f"data/{data.name}", "id": "id", "text": "text", "gold": "topic"}
    settings = {"name": name, "use_case": "what does the customer write about", "corpus": corpus, **LIMITS, **changes}
    settings.setdefault("evaluation", {**UNCHECKED, "definition_sample": 24, "repeat_sample": 16})
    path = workspace / "projects" / f"{name}.yaml"
    path.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    return path


def tiny_session(project: Project, folder: Path, *, chat: Chat | None = None, run_id: str = "run") -> Session:
    """Open a session with the scripted model behind the ledger, and the tiny embedder."""
    store = Store.open(folder)
    recorded = RecordedChat(chat or ScriptedChat(knowing_reply), StoreLedger(store), run_id=run_id)
    return Session(project, folder=folder, run_id=run_id, chat=recorded, embedder=TinyEmbedder())


def run_all(session: Session, *, until: str = "mistakes") -> dict[str, Report]:
    """Run the stages in order, up to one."""
    reports: dict[str, Report] = {}
    for stage in STAGES:
        reports[stage] = run_stage(stage, session)
        if stage == until:
            break
    return reports


def run_slowly(project_file: str, folder: str, seconds: float) -> None:
    """Run the whole pipeline with a model that takes its time: for a child process that is to be killed."""

    def reply(question: Question) -> str:
        time.sleep(seconds)
        return knowing_reply(question)

    with tiny_session(load_project(Path(project_file)), Path(folder), chat=ScriptedChat(reply), run_id="killed") as session:
        run_all(session)
