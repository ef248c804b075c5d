"""What a run would do: how many calls and tokens, and about how long, said before it runs."""

from dataclasses import dataclass

from pipeline.annotation import llm_annotator
from pipeline.corpus import make_documents, read_rows
from pipeline.prompts import load_prompt
from pipeline.records import Document, Taxonomy
from pipeline.settings import Project
from pipeline.stages.labels import annotation_sample
from pipeline.stages.session import Session
from pipeline.stages.taxonomy import kept_taxonomy
from pipeline.taxonomy import summary_spec

__all__ = ["Planned", "plan"]

CHARACTERS_A_TOKEN = 4.0  # of English; the servers count exactly once it runs
LOOK = 500  # documents looked at where the corpus has not been read yet
ASSUMED = {"embedded": 2.5, "vllm": 50.0, "url": 5.0}  # calls a second where the ledger has none of this model
EMBEDDED_A_SECOND = 300.0
NAMED_TEXT = 6  # texts shown of each group


@dataclass(frozen=True)
class Planned:
    """One stage's share of a run."""

    stage: str
    rows: int
    calls: int
    tokens_in: int
    tokens_out: int
    seconds: float
    note: str = ""


def plan(session: Session) -> list[Planned]:
    """Count what is missing and estimate what making it takes; nothing is written and no model is asked."""
    project = session.project
    documents, total, note = _documents(session)
    length = sum(min(len(document.text), 12 * project.annotation.max_words) for document in documents) / max(1, len(documents)) / CHARACTERS_A_TOKEN
    rate, rate_note = _rate(session)
    size = (project.taxonomy.size.min + project.taxonomy.size.max) // 2
    sample, wanted = min(total, project.taxonomy.sample), min(total, project.annotation.sample)
    first = min(sample, project.taxonomy.minibatch)
    kept = kept_taxonomy(session)
    compared = kept is not None and session.store.current("baseline_id") is not None
    gold = project.corpus.gold is not None and project.evaluation.baseline
    asked = _static("annotate") + size * 20 + length
    calls = {
        "summaries": (_missing_summaries(session, sample), _static("phrase") + length, 4.0),
        "generated_taxonomy": (0 if kept else size, _static("name_category") + 40 + NAMED_TEXT * length, 25.0),
        "updated_taxonomy": (0 if kept else sample - first, asked, 3.0),
        "annotations": (_missing_labels(session, wanted, kept), asked, 3.0),
        "baseline": (0 if compared or not gold else size, _static("name_cluster") + 10 * length, 25.0),
    }
    planned = [Planned("documents", total, 0, 0, 0, total / 20_000, note), _embedding(session, total)]
    for stage, (count, tokens_in, tokens_out) in calls.items():
        planned.append(Planned(stage, count, count, round(count * tokens_in), round(count * tokens_out), count / rate, rate_note if count else ""))
    return planned


def _documents(session: Session) -> tuple[list[Document], int, str]:
    """Give some documents and the number there are: from the tables, or from a first look at the corpus."""
    counts = session.store.counts()
    if counts["texts"]:
        return session.store.sample_texts(first=LOOK), counts["texts"], ""
    looked: list[Document] = []
    total = 0
    for batch in make_documents(read_rows(session.project), session.project):
        looked += batch.documents[: LOOK - len(looked)]
        total += len(batch.documents)
    return looked, total, "counted from the corpus, duplicates included"


def _missing_summaries(session: Session, sample: int) -> int:
    spec = summary_spec(session.project, session.model)
    hashes = [document.text_hash for document in session.store.sample_texts(first=sample)]
    return len(session.store.pending("summaries", {"summary_spec": spec}, among=hashes)) if hashes else sample


def _missing_labels(session: Session, wanted: int, present: Taxonomy | None) -> int:
    if present is None:
        return wanted
    key = {"taxonomy_id": present.taxonomy_id, "annotator_id": llm_annotator(session.project, session.model).annotator_id}
    hashes = [document.text_hash for document in annotation_sample(session)]
    return len(session.store.pending("labels", key, among=hashes))


def _embedding(session: Session, total: int) -> Planned:
    known = session.store.counts()["texts"]
    missing = len(session.store.pending("embeddings", {"embedder_id": session.embedder.embedder_id})) if known else total
    return Planned("embeddings", missing, 0, 0, 0, missing / EMBEDDED_A_SECOND)


def _rate(session: Session) -> tuple[float, str]:
    """Give calls a second: from the ledger's calls of this model, else an assumed figure, and say which."""
    project: Project = session.project
    calls, milliseconds = session.store.call_speed(session.model)
    if calls:
        return calls * project.engine.concurrency / (milliseconds / 1000), f"speed from {calls} calls before"
    return ASSUMED[project.engine.kind], "speed assumed: no calls to this model yet"


def _static(name: str) -> float:
    """Estimate the tokens of a prompt's fixed part."""
    return sum(len(body) for _, body in load_prompt(name).turns) / CHARACTERS_A_TOKEN
