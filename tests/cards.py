"""Three small groups of texts with cards, and a model whose answers about them are known."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.ids import text_hash
from pipeline.records import Category, Taxonomy
from pipeline.serving.contract import Answer, Choice, Question
from pipeline.settings import Project
from pipeline.taxonomy.cards import describe
from pipeline.taxonomy.cards_contrast import Contrast
from pipeline.taxonomy.sample import Sample, unit
from pipeline.taxonomy.versions import Draft, Version
from pipeline.testing import ScriptedChat
from tests.tiny import TinyEmbedder

__all__ = [
    "DEFINITION",
    "EMBEDDER",
    "GROUPS",
    "PROJECT",
    "TIE",
    "a_project",
    "card",
    "contrast_of",
    "draft_of",
    "judged",
    "kind",
    "make_points",
    "make_texts",
    "parent_of",
    "reply",
    "run",
    "taxonomy_of",
]

EMBEDDER = TinyEmbedder()
GROUPS: Mapping[str, Sequence[str]] = {
    "Late Parcels": [
        "my parcel is late again",
        "the parcel never came to my door",
        "where is the late parcel from monday",
        "the courier lost my parcel",
        "a parcel refund please, the parcel is late",
        "is the parcel refund on its way, courier",
    ],
    "Refunds": [
        "i want a refund for the invoice",
        "the refund is still missing",
        "wrong invoice, send the refund",
        "no refund came for my invoice",
        "refund the parcel, it is on the invoice",
        "an invoice and a refund for the parcel",
    ],
    "Opening Hours": ["when does the shop open", "is the shop open on sunday", "when does the shop close", "how long is the shop open"],
}
DEFINITION = "Parcels that arrive late, at the wrong door, or never."
TIE = json.dumps({"first": "it asks where a parcel stays", "second": "it asks for money of an invoice"})


def a_project(**changes: Any) -> Project:
    given = {"name": "cards", "use_case": "what does the customer write about", "corpus": {"path": "x", "format": "hub"}}
    return Project.model_validate(given | changes)


PROJECT = a_project()


def make_texts(groups: Mapping[str, Sequence[str]]) -> Sample:
    """Represent texts by hashed words, with their first two words as the phrase."""
    texts = tuple(text for members in groups.values() for text in members)
    phrases = tuple(" ".join(text.split()[:2]) for text in texts)
    return Sample(tuple(map(text_hash, texts)), texts, phrases, EMBEDDER.embed(texts))


def make_points(rows: Sequence[Sequence[float]]) -> Sample:
    """Represent documents by vectors alone."""
    names = tuple(f"text {place}" for place in range(len(rows)))
    return Sample(names, names, names, unit(np.array(rows, dtype=np.float32).reshape(len(rows), -1 if rows else 2)))


def taxonomy_of(categories: Sequence[Category]) -> Taxonomy:
    return Taxonomy("tax:parent", "select", 3, None, PROJECT.use_case, "clusters", tuple(categories))


def parent_of(groups: Mapping[str, Sequence[str]], **changes: Any) -> Taxonomy:
    return taxonomy_of(
        [Category(name, name, f"About {name.lower()} here.", members=tuple(map(text_hash, texts)), **changes) for name, texts in groups.items()]
    )


def draft_of(sample: Sample, members: Mapping[str, Sequence[int]], above: Mapping[str, str] | None = None) -> Draft:
    cited = {key: tuple(sample.hashes[index] for index in indices) for key, indices in members.items()}
    categories = [Category(key, key, f"About {key}.", (above or {}).get(key), members=cited[key]) for key in members]
    return Draft.from_taxonomy("tax:new", taxonomy_of(categories), sample)


def contrast_of(sample: Sample, members: Mapping[str, Sequence[int]], above: Mapping[str, str] | None = None) -> Contrast:
    return Contrast(draft_of(sample, members, above), embedder=EMBEDDER)


def kind(question: Question) -> str:
    return question.prompt.split("@")[0]


def reply(question: Question) -> str:
    """Choose the first option, and write what will do."""
    if isinstance(question.form, Choice):
        return question.form.options[0]
    return TIE if kind(question) == "tie_break" else DEFINITION


def run(
    groups: Mapping[str, Sequence[str]] = GROUPS, answer: Callable[[Question], str | Answer] = reply, project: Project = PROJECT, **changes: Any
) -> tuple[Version, ScriptedChat]:
    chat = ScriptedChat(answer)
    parent = parent_of(groups, **changes)
    return describe(parent, make_texts(groups), chat=chat, embedder=EMBEDDER, project=project, version_id="tax:new"), chat


def card(version: Version, name: str) -> Category:
    return version.taxonomy.by_name(name)


def judged(old: float, new: float) -> Callable[[Question], str | Answer]:
    """Give the right name this probability with the old descriptions and with the new one."""

    def answer(question: Question) -> str | Answer:
        if not isinstance(question.form, Choice):
            return reply(question)
        first, second = question.form.options
        text = question.messages[-1].content.removeprefix("<text>").removesuffix("</text>")
        right = next(name for name, texts in GROUPS.items() if text in texts)
        sure = new if DEFINITION in question.messages[0].content else old
        scores = {name: math.log(sure if name == right else 1 - sure) for name in (first, second)}
        return Answer("ok", text=max(scores, key=lambda name: scores[name]), scores=scores)

    return answer
