"""What the model writes in the exam. Values are wide open where the exam is to see what the model makes of them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["FORMS", "CategoryNames", "Order", "Review", "Visit"]

LONGEST_LIST = 16  # more than any cap of the exam: to keep to that is what is examined; and an end for a model that knows none
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


FORMS: dict[str, type[BaseModel]] = {form.__name__: form for form in (Order, Review, Visit)}
