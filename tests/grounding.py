"""Phrases to be grouped, the answers of a model that groups them, and what becomes of them."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from pipeline.ids import text_hash
from pipeline.records import Summary
from pipeline.serving.contract import Answer, Question
from pipeline.settings import Project
from pipeline.taxonomy.citations import NameRules
from pipeline.taxonomy.grounded import generate_grounded
from pipeline.taxonomy.sample import Sample, make_sample
from pipeline.taxonomy.versions import Version
from pipeline.testing import ScriptedChat
from tests.tiny import TinyEmbedder

__all__ = [
    "EMBEDDER",
    "GROUPS",
    "RULES",
    "SAMPLE",
    "Reply",
    "edits",
    "generated",
    "groups",
    "members",
    "sample_of",
    "sized",
    "told",
]

EMBEDDER = TinyEmbedder()
COUNTS = {
    "late parcel": 6, "lost parcel": 5, "invoice refund": 4, "double charge": 3, "login password": 2, "locked account": 2, "opening hours": 1,
    "shop address": 1,
}  # fmt: skip
GROUPS = {"Parcels": [1, 2], "Refunds": [3, 4], "Logins": [5, 6], "Shop Hours": [7, 8]}
RULES = NameRules("what does the customer write about", "English", EMBEDDER)
Reply = Callable[[Question], "str | Answer"] | Sequence["str | Answer"]


def sample_of(counts: dict[str, int], *, at: int = 0) -> Sample:
    phrases = [phrase for phrase, count in counts.items() for _ in range(count)]
    rows = [(f"{phrase} {at + place}", phrase) for place, phrase in enumerate(phrases)]
    return make_sample([Summary(text_hash(text), "spec", text, phrase, False) for text, phrase in rows], embedder=EMBEDDER, question="What is it?")


SAMPLE = sample_of(COUNTS)


def groups(found: dict[str, list[int]], **descriptions: str) -> str:
    categories = [{"covers": own, "name": name, "description": descriptions.get(name, f"All about {name}.")} for name, own in found.items()]
    return json.dumps({"categories": categories})


def edits(*changes: dict[str, Any], **assignments: list[int]) -> str:
    told = [{"category": handle, "covers": covers} for handle, covers in assignments.items()]
    return json.dumps({"assignments": told, "edits": [{"reason": "it is needed"} | change for change in changes]})


def sized(project: Project, low: int, high: int, **more: Any) -> Project:
    changed = project.taxonomy.model_dump() | {"size": {"min": low, "max": high}} | more
    return Project.model_validate(project.model_dump() | {"taxonomy": changed})


def generated(project: Project, reply: Reply, *, sample: Sample = SAMPLE, **more: Any) -> tuple[Version, list[Question]]:
    chat = ScriptedChat(reply)
    version = generate_grounded(sample, chat=chat, embedder=EMBEDDER, project=project, version_id="tax:1", **more)
    return version, chat.questions


def told(question: Question) -> str:
    return question.messages[-1].content


def members(version: Version, sample: Sample = SAMPLE) -> dict[str, set[str]]:
    phrase = dict(zip(sample.hashes, sample.phrases, strict=True))
    return {category.name: {phrase[text] for text in category.members} for category in version.taxonomy.categories}
