"""The data of the exam: `questions.yaml`, checked."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.exam.forms import FORMS
from pipeline.languages import own_words

__all__ = ["CapItem", "ChoiceItem", "FormatItem", "GroupItem", "GuideItem", "LanguageItem", "LongTextItem", "Paper", "load_paper"]


class Data(BaseModel):
    """Refuse unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FormatItem(Data):
    """A text and the facts in it; of a text fact the words that must be there."""

    form: Literal["Order", "Visit", "Review"]
    text: str
    right: dict[str, str | int | bool]

    @model_validator(mode="after")
    def _every_field(self) -> Self:
        if set(self.right) != set(FORMS[self.form].model_fields):
            raise ValueError(f"{self.form} has the fields {sorted(FORMS[self.form].model_fields)}, and right has {sorted(self.right)}")
        return self


class CapItem(Data):
    """Counted phrases, and how many categories they may get at most."""

    most: int = Field(ge=3)
    phrases: dict[str, int] = Field(min_length=10)


class LanguageItem(Data):
    """A text, and the language to answer in."""

    language: str
    text: str


class ChoiceItem(Data):
    """A text, and the one label that fits."""

    options: tuple[str, ...] = Field(min_length=4, max_length=6)
    text: str
    right: str

    @model_validator(mode="after")
    def _right_is_an_option(self) -> Self:
        if self.right not in self.options or len(set(self.options)) < len(self.options):
            raise ValueError(f"{self.right!r} must be one of the distinct options {self.options}")
        return self


class LongTextItem(Data):
    """The sentence that tells the label, and its place in a long text: 0 at the start, 1 at the end."""

    options: tuple[str, ...] = Field(min_length=4, max_length=6)
    telling: str
    place: float = Field(ge=0, le=1)
    right: str


class GuideItem(Data):
    """A message, and the desk that answers it by the guide."""

    text: str
    right: str


class GroupItem(Data):
    """Phrases by the group they belong to, and how many categories they may get at most."""

    most: int = Field(ge=2)
    groups: dict[str, tuple[str, ...]] = Field(min_length=2)

    @property
    def group_of(self) -> Mapping[str, str]:
        """Give the group of each phrase."""
        return {phrase: name for name, phrases in self.groups.items() for phrase in phrases}

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(self.group_of) < sum(map(len, self.groups.values())) or len(self.groups) > self.most:
            raise ValueError(f"each phrase must be in one group, and {len(self.groups)} groups be no more than most, {self.most}")
        return self


class Paper(Data):
    """All questions."""

    forms: dict[str, dict[str, str]]
    format: tuple[FormatItem, ...]
    cap: tuple[CapItem, ...]
    language: tuple[LanguageItem, ...]
    choice: tuple[ChoiceItem, ...]
    long_text: tuple[LongTextItem, ...]
    rules: tuple[str, ...] = Field(min_length=2)
    desks: tuple[str, ...]
    long_guide: tuple[GuideItem, ...]
    group: tuple[GroupItem, ...] = Field(min_length=1)  # the next is asked only where all before it were passed
    filler: str

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if {name: set(fields) for name, fields in self.forms.items()} != {name: set(form.model_fields) for name, form in FORMS.items()}:
            raise ValueError(f"forms must explain every field of {', '.join(FORMS)}")
        if unknown := {item.language for item in self.language} - set(own_words()):
            raise ValueError(f"function-words.yaml has no words of {', '.join(sorted(unknown))}")
        return self


@cache
def load_paper() -> Paper:
    """Read the questions."""
    return Paper.model_validate(yaml.safe_load(Path(__file__).with_name("questions.yaml").read_text(encoding="utf-8")))
