"""What a model writes that groups by itself: categories that cite numbered phrases, and edits of categories that are there.

Each class is closed twice. Decoding is closed by the JSON schema, which `bounded` narrows to one question: its numbers, its
handles, how many categories there may be. Validation stays open, so that one wrong number of a server that does not
constrain its decoding costs one citation and not the whole answer; code checks and tells what is wrong.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, create_model

__all__ = [
    "AddAnswer",
    "AssignmentAnswer",
    "DropAnswer",
    "EditAnswer",
    "EditsAnswer",
    "GroupAnswer",
    "GroupsAnswer",
    "MergeAnswer",
    "MoveAnswer",
    "RenameAnswer",
    "SplitAnswer",
    "edits_form",
    "groups_form",
]

Bounds = Mapping[str, Mapping[str, Any]]
B = TypeVar("B", bound="Bounded")
Name = Annotated[str, Field(json_schema_extra={"minLength": 1, "maxLength": 40})]
Description = Annotated[str, Field(json_schema_extra={"minLength": 1, "maxLength": 140})]
Reason = Annotated[str, Field(json_schema_extra={"minLength": 1, "maxLength": 100})]
FEWEST_EDITS = 4  # that an answer has room for, however few the categories
MOST_PARTS = 4  # of one category in one answer


class Written(BaseModel):
    """Refuse keys that nobody asked for."""

    model_config = ConfigDict(extra="forbid")


class GroupAnswer(Written):
    """A category: first what it covers, then its name, so that it cites before it names."""

    covers: list[int]
    name: Name
    description: Description


class AssignmentAnswer(Written):
    """Numbers that belong to a category that is there."""

    category: str
    covers: list[int]


class AddAnswer(Written):
    """A new category."""

    kind: Literal["add"]
    covers: list[int]
    name: Name
    description: Description
    reason: Reason


class RenameAnswer(Written):
    """Another name for a category."""

    kind: Literal["rename"]
    category: str
    name: Name
    reason: Reason


class MergeAnswer(Written):
    """A category that goes into another one."""

    kind: Literal["merge"]
    category: str
    into: str
    reason: Reason


class SplitAnswer(Written):
    """Parts of a category that become categories of their own."""

    kind: Literal["split"]
    category: str
    parts: list[GroupAnswer]
    reason: Reason


class DropAnswer(Written):
    """A category that goes away."""

    kind: Literal["drop"]
    category: str
    reason: Reason


class MoveAnswer(Written):
    """Numbers that go from wherever they are into a category."""

    kind: Literal["move"]
    covers: list[int]
    category: str
    reason: Reason


EditAnswer = AddAnswer | RenameAnswer | MergeAnswer | SplitAnswer | DropAnswer | MoveAnswer


class Bounded(Written):
    """An answer whose JSON schema is narrower than what it accepts; `bounds` holds what to add to properties, by their names."""

    bounds: ClassVar[Bounds] = {}

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        """Write the schema for decoding."""
        narrowed: dict[str, Any] = _narrowed(super().model_json_schema(*args, **options), cls.bounds)
        return narrowed


class GroupsAnswer(Bounded):
    """All categories."""

    categories: list[GroupAnswer]


class EditsAnswer(Bounded):
    """Where new numbers belong, and what is to change."""

    assignments: list[AssignmentAnswer]
    edits: list[Annotated[EditAnswer, Field(discriminator="kind")]]


@lru_cache(maxsize=64)
def groups_form(phrases: int, most: int) -> type[GroupsAnswer]:
    """Close the answer to one list of phrases and a largest number of categories; made to write more, a small model repeats itself."""
    return _bounded(GroupsAnswer, {"covers": _numbers(phrases), "categories": {"minItems": 1, "maxItems": most}})


@lru_cache(maxsize=64)
def edits_form(phrases: int, handles: tuple[str, ...]) -> type[EditsAnswer]:
    """Close the answer to one list of phrases and the handles of the categories there are."""
    handle: Mapping[str, Any] = {"enum": list(handles)} if handles else {}
    lists = {"assignments": {"maxItems": len(handles)}, "edits": {"maxItems": max(FEWEST_EDITS, len(handles))}}
    parts = {"minItems": 1, "maxItems": MOST_PARTS}
    return _bounded(EditsAnswer, {"covers": _numbers(phrases), "category": handle, "into": handle, "parts": parts, **lists})


def _numbers(phrases: int) -> Mapping[str, Any]:
    return {"items": {"type": "integer", "minimum": 1, "maximum": phrases}, "minItems": 1, "maxItems": phrases}


def _bounded(answer: type[B], bounds: Bounds) -> type[B]:
    narrow = create_model(answer.__name__, __base__=answer)
    narrow.bounds = bounds
    return narrow


def _narrowed(schema: Any, bounds: Bounds) -> Any:
    """Add the bounds to the properties they are for, and spell a choice of classes as every server reads it: `anyOf`."""
    if isinstance(schema, list):
        return [_narrowed(part, bounds) for part in schema]
    if not isinstance(schema, dict):
        return schema
    narrow = {"anyOf" if key == "oneOf" else key: _narrowed(part, bounds) for key, part in schema.items() if key != "discriminator"}
    properties = schema.get("properties")
    if isinstance(properties, dict):
        narrow["properties"] = {name: part | bounds.get(name, {}) for name, part in narrow["properties"].items()}
    return narrow
