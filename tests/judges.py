"""Scripted judges, and a bench of labels that they judge."""

import numpy as np

from pipeline.evaluation import Bench, Placed
from pipeline.ids import content_id
from pipeline.records import Category, Taxonomy
from pipeline.serving.contract import Choice, Question
from tests.tiny import NAMES, knowing_reply

__all__ = ["TAXONOMY", "always_first", "at_random", "bench", "knowing_reply", "options_of", "placed", "texts_of"]

TAXONOMY = "tax:tiny"
OPENINGS = {
    "delivery": "my parcel is late",
    "payment": "I want a refund for the invoice",
    "account": "my password and login fail",
    "store": "when does the shop open",
}


def bench() -> Bench:
    """Four categories, of which the first two and the last two are near one another."""
    categories = [Category(topic, name, f"Messages about {name.lower()}.") for topic, name in NAMES.items()]
    likeness = np.array([[1.0, 0.9, 0.1, 0.2], [0.9, 1.0, 0.2, 0.1], [0.1, 0.2, 1.0, 0.9], [0.2, 0.1, 0.9, 1.0]])
    return Bench(Taxonomy(TAXONOMY, "review", 0, None, "what", "tnt", categories), likeness)


def placed(topic: str) -> Placed:
    return TAXONOMY, topic


def texts_of(count: int) -> dict[str, tuple[str, str]]:
    """Give texts by hash, each with its topic, the topics in turn."""
    topics = list(OPENINGS)
    return {f"text:{number}": (f"{OPENINGS[topics[number % 4]]}, case {number}", topics[number % 4]) for number in range(count)}


def options_of(question: Question) -> tuple[str, ...]:
    assert isinstance(question.form, Choice)
    return question.form.options


def always_first(question: Question) -> str:
    return options_of(question)[0]


def at_random(question: Question) -> str:
    options = options_of(question)
    return options[int(content_id("random", [message.content for message in question.messages])[-1], 16) % len(options)]
