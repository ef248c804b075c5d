"""The model gives each sampled document its primary category (TnT-LLM, section 3.2).

Decoding can emit only the names of the taxonomy's categories or "None of these", and every option gets a measured score.
"""

from collections.abc import Iterator, Sequence

from pipeline.batches import in_batches
from pipeline.choosing import NONE_FITS, ask_category
from pipeline.ids import content_id
from pipeline.prompts import load_prompt
from pipeline.records import Annotator, Document, Failure, Label, Outcome, Taxonomy
from pipeline.serving.contract import Answer, Chat
from pipeline.settings import Project

__all__ = ["annotate", "llm_annotator"]

BATCH = 16  # documents a batch: what a killed run may lose at most


def llm_annotator(project: Project, model: str) -> Annotator:
    """Describe the model with its prompt as an annotator; its id is the hash of all that determines a label but the text and the taxonomy."""
    prompt = load_prompt("annotate").fingerprint
    max_words, *other = project.annotation.shown
    settings = {"use_case": project.use_case, "max_words": max_words, "seed": project.seed, **({"long_documents": other[0]} if other else {})}
    return Annotator(content_id("annotator", ["llm", model, prompt, settings]), "llm", model, prompt, settings)


def annotate(documents: Sequence[Document], *, taxonomy: Taxonomy, annotator: Annotator, chat: Chat, project: Project) -> Iterator[Outcome[Label]]:
    """Label documents, batch by batch in order.

    :return: batches of labels with the model's own scores, and a failure for each document without a valid answer.
    """
    answers = ask_category((document.text for document in documents), taxonomy=taxonomy, chat=chat, project=project, purpose="annotate")
    ids = {category.name: category.category_id for category in [*taxonomy.leaves, NONE_FITS]}
    for batch in in_batches(zip(documents, answers, strict=True), BATCH):
        records: list[Label] = []
        failures: list[Failure] = []
        for document, (answer, truncated) in batch:
            if answer.outcome == "ok" and answer.text is not None:
                records.append(_label(document, answer, ids, taxonomy, annotator, truncated=truncated))
            else:
                failures.append(Failure(document.text_hash, answer.outcome, answer.error or "", answer.attempts))
        yield Outcome(records, failures)


def _label(document: Document, answer: Answer, ids: dict[str, str], taxonomy: Taxonomy, annotator: Annotator, *, truncated: bool) -> Label:
    chosen = ids[answer.text or ""]
    scores = None if answer.scores is None else {ids[name]: value for name, value in answer.scores.items()}
    return Label(
        text_hash=document.text_hash,
        taxonomy_id=taxonomy.taxonomy_id,
        annotator_id=annotator.annotator_id,
        category_id=None if chosen == NONE_FITS.category_id else chosen,
        probability=None,  # the raw scores lean towards some names; `calibrate` makes probabilities of them
        scores=scores,
        truncated=truncated,
    )
