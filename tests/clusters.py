"""Documents of four topics, and a model that names their clusters."""

import json
from typing import Any

from pipeline.ids import text_hash
from pipeline.records import Summary, Taxonomy
from pipeline.serving.contract import Question
from pipeline.settings import Project
from pipeline.taxonomy.clusters import generate_clusters
from pipeline.taxonomy.sample import Sample, make_sample
from pipeline.taxonomy.versions import Version
from pipeline.testing import ScriptedChat
from tests.tiny import NAMES, TinyEmbedder, topic_of

__all__ = [
    "EMBEDDER",
    "EMPTY",
    "FOUR",
    "WORDS",
    "category_json",
    "cited",
    "clusters",
    "knowing_namer",
    "make",
    "of_texts",
    "own_part",
    "sized",
]

WORDS = {"delivery": "late parcel", "payment": "invoice refund", "account": "login password", "store": "opening hours"}


EMBEDDER = TinyEmbedder()


def make(counts: dict[str, int], phrases: dict[str, str] = WORDS) -> Sample:
    """Make a sample of so many documents a topic."""
    rows = [(f"my {WORDS[topic]} number{place} {topic}", phrases[topic]) for topic, count in counts.items() for place in range(count)]
    return make_sample([Summary(text_hash(text), "spec", text, phrase, False) for text, phrase in rows], embedder=EMBEDDER)


def of_texts(texts: list[str]) -> Sample:
    return make_sample([Summary(text_hash(text), "spec", text, "small talk", False) for text in texts], embedder=EMBEDDER)


FOUR = make({"delivery": 12, "payment": 10, "account": 9, "store": 8})


EMPTY = FOUR.head(0)


def category_json(name: str, description: str = "What belongs here.") -> str:
    return json.dumps({"name": name, "description": description})


def sized(project: Project, low: int, high: int) -> Project:
    bounds = {"size": {"min": low, "max": high}}
    return Project.model_validate(project.model_dump() | {"taxonomy": project.taxonomy.model_dump() | bounds})


def cited(taxonomy: Taxonomy) -> list[str]:
    return [text for category in taxonomy.categories for text in category.members]


def own_part(question: Question) -> str:
    """Give what a naming question shows of the cluster itself."""
    return question.messages[-1].content.split("It is not about")[0]


def knowing_namer(question: Question) -> str:
    topic = topic_of(own_part(question))
    return category_json(NAMES[topic] if topic else "Small Talk")


def clusters(project: Project, sample: Sample = FOUR, reply: Any = knowing_namer, **more: Any) -> tuple[Version, list[Question]]:
    chat = ScriptedChat(reply)
    return generate_clusters(sample, chat=chat, embedder=EMBEDDER, project=project, version_id="tax:clusters", **more), chat.questions
