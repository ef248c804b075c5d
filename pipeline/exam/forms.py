"""What the model writes in the exam. Values are wide open where the exam is to see what the model makes of them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["FORMS", "CategoryNames", "Grouped", "Groups", "Order", "Review", "Visit"]

LONGEST_LIST = 16  # more than any cap of the exam: to keep to that is what is examined; and an end for a model that knows none
LONGEST_GROUPS, LONGEST_COVER = 24, 40  # likewise
Short = Annotated[str, Field(min_length=1, max_length=60)]


class Order(BaseModel):
    """What somebody orders."""

    model_config = ConfigDict(extra="forbid")

    item: Short
    quantity: int
    urgent: bool


class Visit(BaseModel):
    """Who comes, and when."""

    model_config = ConfigDict(extra="forbid")

    name: Short
    day: Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
    hour: int


class Review(BaseModel):
    """What somebody thinks of a product."""

    model_config = ConfigDict(extra="forbid")

    product: Short
    stars: int
    recommended: bool


class CategoryNames(BaseModel):
    """Names of categories."""

    model_config = ConfigDict(extra="forbid")

    categories: list[Short] = Field(max_length=LONGEST_LIST)


class Grouped(BaseModel):
    """One category: the numbers that it covers, and then its name."""

    model_config = ConfigDict(extra="forbid")

    covers: list[int] = Field(max_length=LONGEST_COVER)
    name: Short


class Groups(BaseModel):
    """All categories."""

    model_config = ConfigDict(extra="forbid")

    categories: list[Grouped] = Field(max_length=LONGEST_GROUPS)


FORMS: dict[str, type[BaseModel]] = {form.__name__: form for form in (Order, Review, Visit)}
