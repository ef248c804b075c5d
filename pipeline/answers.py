"""What the model writes in the taxonomy stages; ids, counts and members are ours. Descriptions are instructions."""

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["CategoryAnswer", "FacetAnswer", "FacetExampleAnswer", "TieBreakAnswer"]


class FacetExampleAnswer(BaseModel):
    """A made-up text and its answer."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=3, max_length=160)
    answer: str = Field(min_length=2, max_length=48)


class FacetAnswer(BaseModel):
    """The question to ask of each text, with examples."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(min_length=5, max_length=140)
    examples: list[FacetExampleAnswer] = Field(min_length=4, max_length=4)


class CategoryAnswer(BaseModel):
    """A name and a description of one group of texts."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=40)
    description: str = Field(min_length=1, max_length=140)


class TieBreakAnswer(BaseModel):
    """What tells each of two categories from the other."""

    model_config = ConfigDict(extra="forbid")

    first: str = Field(min_length=3, max_length=90)
    second: str = Field(min_length=3, max_length=90)
