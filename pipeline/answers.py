"""What the model writes in the taxonomy stages; ids, counts and members are ours. Descriptions are instructions."""

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["CategoryAnswer", "SummaryAnswer"]


class SummaryAnswer(BaseModel):
    """A summary and a topic phrase."""

    model_config = ConfigDict(extra="forbid")

    summary: str = Field(min_length=1, max_length=1200)
    phrase: str = Field(min_length=1, max_length=60)


class CategoryAnswer(BaseModel):
    """A name and a description of one group of texts."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=40)
    description: str = Field(min_length=1, max_length=140)
