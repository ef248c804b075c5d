"""What a request may ask, and how one is read: everything that is wrong is told with a status and a reason."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.corpus import plain, text_of

__all__ = ["Asked", "Limits", "RefusedError", "read_asked"]

KEYS = ("texts", "top", "metadata")
TOP = 3  # categories given for each text, the likeliest one included
ESCAPED = 6  # bytes that a character may take in JSON, as \u00e9
BESIDE = 1024  # bytes for the metadata of a text
SHOWN = 5  # places named in a message


@dataclass(frozen=True)
class Limits:
    """How much is taken: texts a request, characters a text, and requests at once, those being scored included."""

    max_batch: int = 64
    max_chars: int = 10_000
    max_queue: int = 256

    @property
    def body_bytes(self) -> int:
        """Give the size of the largest request that is read."""
        return (self.max_batch + 1) * (ESCAPED * self.max_chars + BESIDE)


@dataclass(frozen=True)
class Asked:
    """The texts of one request; `metadata` is empty where none was given."""

    texts: Sequence[str]
    metadata: Sequence[Mapping[str, Any]]
    top: int


class RefusedError(Exception):
    """A request that is not answered: the status, a reason for programs and a message for people."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        """Keep the three."""
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message


def read_asked(body: bytes, limits: Limits, *, needs_metadata: bool) -> Asked:
    """Read and check the body of a request.

    :raises RefusedError: with status 400 where it is not as expected, 413 where it is too much.
    """
    asked = _object(body)
    if unknown := [key for key in asked if key not in KEYS]:
        raise RefusedError(400, "unknown_key", f"There is no key {', '.join(map(repr, unknown[:SHOWN]))}; the keys are {', '.join(KEYS)}.")
    texts = _texts(asked.get("texts"), limits)
    top = asked.get("top", TOP)
    if type(top) is not int or top < 1:
        raise RefusedError(
            400,
            "wrong_type",
            f"top is {top if type(top) is int else _kind(top)}; expected a whole number from 1 on: how many categories to give for each text.",
        )
    return Asked(texts, _metadata(asked.get("metadata"), len(texts), needed=needs_metadata), top)


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise RefusedError(400, "bad_json", f"The body is not UTF-8: byte {error.start + 1} of it is wrong.") from error
    except json.JSONDecodeError as error:
        raise RefusedError(400, "bad_json", f"The body is not JSON: {error.msg} at character {error.pos + 1}.") from error
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, "bad_json", "The body is not JSON that can be read: a number is too long, or lists are nested too deep.") from error
    if not isinstance(found, dict):
        raise RefusedError(400, "wrong_type", f'The body is {_kind(found)}; expected an object, as {{"texts": ["..."]}}.')
    return found


def _texts(given: Any, limits: Limits) -> list[str]:
    if not isinstance(given, list):
        raise RefusedError(400, "wrong_type", f'texts is {_kind(given)}; expected a list of strings, as {{"texts": ["..."]}}.')
    if len(given) > limits.max_batch:
        raise RefusedError(413, "too_many_texts", f"{len(given)} texts in one request; at most {limits.max_batch} are taken. Send them in parts.")
    if wrong := [place for place, text in enumerate(given) if not isinstance(text, str)]:
        raise RefusedError(400, "wrong_type", f"{_places(wrong)} {_kind(given[wrong[0]])}; expected a string.")
    if long := [place for place, text in enumerate(given) if len(text) > limits.max_chars]:
        size = len(given[long[0]])
        raise RefusedError(
            413, "text_too_long", f"{_places(long)} too long: {size} characters, and at most {limits.max_chars} are taken. Send a part of it."
        )
    read = [text_of(text) for text in given]
    if empty := [place for place, (_, fault) in enumerate(read) if fault is not None]:
        raise RefusedError(400, "empty_text", f"{_places(empty)} empty or white space; leave it out.")
    return [text for text, _ in read]


def _metadata(given: Any, texts: int, *, needed: bool) -> list[Mapping[str, Any]]:
    if given is None:
        if needed and texts:
            raise RefusedError(
                400, "no_metadata", "This student looks at columns beside the text; give metadata: an object for each text, {} where there is none."
            )
        return []
    if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
        raise RefusedError(400, "wrong_type", "metadata is something else than expected: a list with an object for each text, as [{}].")
    if len(given) != texts:
        raise RefusedError(400, "wrong_length", f"{texts} texts came with metadata of {len(given)}; give an object for each text, {{}} for none.")
    return [plain(row) for row in given]


def _kind(value: Any) -> str:
    """Name a value of JSON without showing it."""
    kinds = {type(None): "missing", bool: "true or false", int: "a whole number", float: "a number", str: "a string", list: "a list"}
    return kinds.get(type(value), "an object")


def _places(places: Sequence[int]) -> str:
    named = ", ".join(f"texts[{place}]" for place in places[:SHOWN])
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return f"{named}{more} {'is' if len(places) == 1 else 'are'}"
