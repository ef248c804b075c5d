"""The model gives each sampled document its primary category (TnT-LLM, section 3.2).

Decoding can emit only the names of categories that the document is offered or "None of these", and every option gets a
measured score. A `Manner` is what makes two annotators of one model: the order of the categories, how many are offered
and listed, which labelled documents stand beside. Votes differ in their manner on purpose.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from pipeline.annotation.windows import Heard, ask_in_windows
from pipeline.batches import in_batches
from pipeline.choosing import NONE_FITS, Case, ordered
from pipeline.ids import content_id
from pipeline.prompts import load_prompt
from pipeline.records import Annotator, Category, Document, FacetExample, Failure, Label, Outcome, Taxonomy
from pipeline.serving.contract import Chat
from pipeline.settings import Project

__all__ = ["Beside", "Manner", "annotate", "llm_annotator", "read_label"]

BATCH = 16  # documents a batch: what a killed run may lose at most


@dataclass(frozen=True)
class Manner:
    """How documents are asked about; the plain manner is all of these at their defaults.

    `order` is that of `pipeline.choosing.ordered`; `offered` the number of categories a document may get, 0 for all;
    `list_all` whether the prompt lists the others all the same; `demonstrations` how many labelled documents stand beside; `top_down`
    whether levels are asked for one after the other (`pipeline.annotation.levels`).
    """

    order: int = 0
    offered: int = 0
    list_all: bool = True
    demonstrations: int = 0
    top_down: bool = False

    @property
    def told(self) -> dict[str, int | bool]:
        """Give what is not as in the plain manner: part of an annotator's settings."""
        plain = asdict(Manner())
        return {name: value for name, value in asdict(self).items() if value != plain[name]}


@dataclass(frozen=True)
class Beside:
    """What some documents are given, by text hash: the categories they are offered, and the labelled texts shown with them."""

    offered: Mapping[str, Sequence[Category]] = field(default_factory=dict)
    demonstrations: Mapping[str, Sequence[FacetExample]] = field(default_factory=dict)
    source: str = ""  # hash of what these were chosen by


def llm_annotator(project: Project, model: str, manner: Manner | None = None, source: str = "") -> Annotator:
    """Describe the model with its prompt as an annotator; its id is the hash of all that determines a label but the text and the taxonomy."""
    prompt, dictated = load_prompt("annotate").fingerprint, load_prompt("dictated").fingerprint
    max_words, *other = project.annotation.shown
    settings = {
        "use_case": project.use_case,
        "max_words": max_words,
        "seed": project.seed,
        "dictated": dictated,
        **dict(zip(("long_documents", "windows"), other, strict=False)),
    }
    settings |= (manner or Manner()).told | ({"beside": source} if source else {})
    return Annotator(content_id("annotator", ["llm", model, prompt, settings]), "llm", model, prompt, settings)


def annotate(
    documents: Sequence[Document],
    *,
    taxonomy: Taxonomy,
    annotator: Annotator,
    chat: Chat,
    project: Project,
    manner: Manner | None = None,
    beside: Beside | None = None,
) -> Iterator[Outcome[Label]]:
    """Label documents, batch by batch in order.

    :return: batches of labels with the model's own scores, and a failure for each document without a valid answer.
    """
    manner, beside = manner or Manner(), beside or Beside()
    categories = ordered(taxonomy.leaves, manner.order)
    cases = (_case(document, beside) for document in documents)
    answers = ask_in_windows(cases, categories=categories, chat=chat, project=project, purpose="annotate", list_all=manner.list_all)
    ids = {category.name: category.category_id for category in [*categories, NONE_FITS]}
    for batch in in_batches(zip(documents, answers, strict=True), BATCH):
        records: list[Label] = []
        failures: list[Failure] = []
        for document, heard in batch:
            answer = heard.answer
            if answer.outcome == "ok" and answer.text is not None:
                records.append(read_label(document, heard, ids, taxonomy.taxonomy_id, annotator.annotator_id))
            else:
                failures.append(Failure(document.text_hash, answer.outcome, answer.error or "", answer.attempts))
        yield Outcome(records, failures)


def read_label(document: Document, heard: Heard, ids: Mapping[str, str], taxonomy_id: str, annotator_id: str) -> Label:
    """Make a label of a valid answer, whose text is one of the names in `ids`."""
    answer = heard.answer
    chosen = ids[answer.text or ""]
    none = chosen == NONE_FITS.category_id
    return Label(
        text_hash=document.text_hash,
        taxonomy_id=taxonomy_id,
        annotator_id=annotator_id,
        category_id=None if none else chosen,
        probability=None,  # the raw scores lean towards some names; the teacher makes probabilities of them
        scores=None if answer.scores is None else {ids[name]: value for name, value in answer.scores.items()},
        truncated=heard.truncated,
        reason="none_fits" if none else None,
        windows=heard.windows,
        window_start=heard.window_start,
    )


def _case(document: Document, beside: Beside) -> Case:
    offered, shown = beside.offered.get(document.text_hash, ()), beside.demonstrations.get(document.text_hash, ())
    return Case(document.text, tuple(offered), tuple(shown), document.text_hash)
