"""How long the texts of a corpus are, in words and in tokens of the model that reads them, and what is not shown of long ones."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.document_records import TextLengths
from pipeline.records import Document
from pipeline.serving.contract import Chat, Message
from pipeline.stages.session import Session

__all__ = ["Lengths", "count_tokens", "measure_lengths"]

COUNTED = 50  # texts whose tokens the model's own tokenizer counts
FRAME = ". "  # before a text, so that a prompt is never empty
# Characters of a text that an embedder certainly has read its fill of.
EMBEDDER_READS = {"all-minilm-l6-v2": 1200, "all-minilm-l6-v2-static": 4000, "all-minilm-l6-v2-windows": None}
SERVED_READS = 4000


@dataclass(frozen=True)
class Lengths:
    """The lengths of the distinct texts, what is shown of long ones, and the tokens of one on average.

    `counted` is the number of texts that the model's own tokenizer counted; 0 where the tokens are estimated by the characters.
    """

    measured: TextLengths
    max_words: int
    shown: str  # annotation.long_documents
    tokens: float
    counted: int
    embedder: str
    embedder_reads: int | None  # characters; None where it reads all
    beyond_embedder: int


def measure_lengths(session: Session, looked: Sequence[Document], *, characters_a_token: float, counting: bool) -> Lengths | None:
    """Measure the corpus that has been read; None where none has.

    :param looked: some documents of it, in the seeded order.
    :param characters_a_token: what is taken where nothing counts tokens.
    :param counting: whether the annotator's server may be asked to count; no token is spent by it.
    """
    wanted, embedder = session.project.annotation, session.project.embedder_name
    reads = EMBEDDER_READS.get(embedder, SERVED_READS)
    measured, beyond = session.store.text_lengths(wanted.max_words), session.store.count_longer(reads) if reads else 0
    if not measured.texts:
        return None
    texts = [document.text for document in looked[:COUNTED]]
    tokens = count_tokens(texts, session.annotator) if counting else None
    ratio = characters_a_token if tokens is None else sum(map(len, texts)) / max(1, sum(tokens))
    return Lengths(
        measured, wanted.max_words, wanted.long_documents, measured.characters / measured.texts / max(ratio, 1e-9), len(texts) if tokens else 0,
        embedder, reads, beyond,
    )  # fmt: skip


def count_tokens(texts: Sequence[str], chat: Chat) -> list[int] | None:
    """Count the tokens that each text takes in a prompt, by the server's own tokenizer; None where it counts none."""
    empty = chat.room((Message("user", FRAME),), 0)
    rooms = [chat.room((Message("user", FRAME + text),), 0) for text in texts] if empty is not None else []
    if empty is None or not rooms:
        return None
    return [empty - room for room in rooms if room is not None] if all(room is not None for room in rooms) else None
