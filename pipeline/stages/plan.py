"""What a run would do: how many calls and tokens, and about how long, said before it runs."""

from dataclasses import dataclass

from pipeline.annotation import llm_annotator
from pipeline.corpus import make_documents, read_rows
from pipeline.prompts import load_prompt
from pipeline.records import Document, Taxonomy
from pipeline.stages.labels import annotation_sample
from pipeline.stages.session import ROLE_OF, Session
from pipeline.stages.taxonomy import kept_taxonomy
from pipeline.taxonomy import first_size, summary_spec

__all__ = ["Planned", "plan"]

CHARACTERS_A_TOKEN = 4.0  # of English; the servers count exactly once it runs
LOOK = 500  # documents looked at where the corpus has not been read yet
# Tokens a second, of a prompt's own part and of an answer, where the ledger has no call to this model for the same purpose.
ASSUMED = {"embedded": (80.0, 16.0), "vllm": (5000.0, 1000.0), "url": (1000.0, 200.0)}
PURPOSES = {"summaries": "summarise", "generated_taxonomy": "generate", "updated_taxonomy": "update", "annotations": "annotate"}
FRAME = 16  # tokens that the chat template and the delimiters add to a document
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
    sample, wanted = min(total, project.taxonomy.sample), min(total, project.annotation.sample)
    first = min(sample, project.taxonomy.minibatch)
    size = first_size(first, project.taxonomy.size)
    kept = kept_taxonomy(session)
    compared = kept is not None and session.store.current("baseline_id") is not None
    gold = project.corpus.gold is not None and project.evaluation.baseline
    asked = _static("annotate") + size * 20 + length
    own, named = length + FRAME, 40 + NAMED_TEXT * length
    # stage: calls, tokens of the prompt's fixed part, of the question's own part, of the answer
    calls = {
        "summaries": (_missing_summaries(session, sample), _static("phrase"), own, 4.0),
        "generated_taxonomy": (0 if kept else size, _static("name_category"), FRAME + named, 27.0),
        "updated_taxonomy": (0 if kept else sample - first, asked - length, own, 3.0),
        "annotations": (_missing_labels(session, wanted, kept), asked - length, own, 3.0),
        "baseline": (0 if compared or not gold else size, _static("name_cluster"), FRAME + 10 * length, 40.0),
    }
    planned = [Planned("documents", total, 0, 0, 0, total / 20_000, note), _embedding(session, total)]
    for stage, (count, fixed, varying, answer) in calls.items():
        seconds, grounds = _call_seconds(session, stage, varying, answer)
        tokens_in, tokens_out = round(count * (fixed + varying)), round(count * answer)
        planned.append(Planned(stage, count, count, tokens_in, tokens_out, count * seconds, grounds if count else ""))
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
    spec = summary_spec(session.project, session.model_of("generator"))
    hashes = [document.text_hash for document in session.store.sample_texts(first=sample)]
    return len(session.store.pending("summaries", {"summary_spec": spec}, among=hashes)) if hashes else sample


def _missing_labels(session: Session, wanted: int, present: Taxonomy | None) -> int:
    if present is None:
        return wanted
    key = {"taxonomy_id": present.taxonomy_id, "annotator_id": llm_annotator(session.project, session.model_of("annotator")).annotator_id}
    hashes = [document.text_hash for document in annotation_sample(session)]
    return len(session.store.pending("labels", key, among=hashes))


def _embedding(session: Session, total: int) -> Planned:
    known = session.store.counts()["texts"]
    missing = len(session.store.pending("embeddings", {"embedder_id": session.embedder.embedder_id})) if known else total
    return Planned("embeddings", missing, 0, 0, 0, missing / EMBEDDED_A_SECOND)


def _call_seconds(session: Session, stage: str, own: float, answer: float) -> tuple[float, str]:
    """Give the seconds that one call adds: from the ledger's calls of the same kind, else from assumed speeds, and say which."""
    role = ROLE_OF[stage]
    engine = session.project.engine_of(role)
    calls, milliseconds = session.store.call_speed(session.model_of(role), PURPOSES.get(stage, stage))
    if calls:
        return milliseconds / 1000 / calls / (engine.concurrency or 4), f"speed from {calls} calls before"
    prompts, answers = ASSUMED[engine.kind]
    return own / prompts + answer / answers, "speed assumed: no such calls to this model yet"


def _static(name: str) -> float:
    """Estimate the tokens of a prompt's fixed part."""
    return sum(len(body) for _, body in load_prompt(name).turns) / CHARACTERS_A_TOKEN
