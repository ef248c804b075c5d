"""Texts of any signs, and the options that a question about their spans offers."""

from hypothesis import strategies as st

from pipeline.prompts import load_prompt
from pipeline.serving.contract import Choice, Question
from pipeline.settings import Project
from pipeline.text import Keep

__all__ = [
    "KEEPS",
    "LETTER",
    "OPTION_BYTES",
    "SIGNS",
    "TEXT",
    "changed",
    "option",
    "options",
]

LETTER = (
    "Good morning,\nI bought two lamps on 3.5. from your shop, e.g. a red one. One came broken!\n"
    "Please send me back what I paid for it. Please send me back the other one, too?\nThanks"
)


KEEPS: tuple[Keep, ...] = ("head", "tail", "both_ends")


SIGNS = (
    'aB9 .!?,;:\n\r\t\u2028\u3000\u3002\uff01\uff1f\u061f\u0964\u060c\u65e5\u0e01\u0915\u094d\u0301\u200d\u200b\U0001f469\U0001f44d\x85\xa0"()<|>/-'
)


TEXT = st.text(max_size=300) | st.text(alphabet=SIGNS, max_size=600) | st.lists(st.text(alphabet=SIGNS, max_size=40), max_size=40).map(" and ".join)


OPTION_BYTES = load_prompt("evidence").about.max_tokens


def changed(project: Project, **annotation: object) -> Project:
    return project.model_copy(update={"annotation": project.annotation.model_copy(update=annotation)})


def options(question: Question) -> tuple[str, ...]:
    assert isinstance(question.form, Choice)
    return question.form.options


def option(question: Question, beginning: str) -> str:
    """Find the option that begins so; where there is none, one that is not allowed."""
    return next((option for option in options(question) if option.startswith(beginning)), f"no {beginning}")
