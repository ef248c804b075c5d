"""How each kind of server spells a constraint: the only place that knows one server from another."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel

from pipeline.serving.contract import AnswerForm, Choice, Structured

__all__ = ["Dialect", "dialect_of", "gbnf_choice"]

GBNF_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
WRAPPER_TOKENS = 16  # what {"label": "..."} takes beside the label


NO_THINKING = {"chat_template_kwargs": {"enable_thinking": False}}  # templates that know no thinking pass it over


@dataclass(frozen=True)
class Dialect:
    """One server's spelling; `wrapped` means that a choice is answered as `{"label": option}`, `always` goes with every form."""

    choice: Callable[[tuple[str, ...]], dict[str, Any]]
    top_logprobs: int
    wrapped: bool = False
    always: Mapping[str, Any] = field(default_factory=dict)

    def arguments(self, form: AnswerForm, *, max_tokens: int, top_logprobs: int | None = None) -> dict[str, Any]:
        """Give the request's arguments that ask for this form.

        :param top_logprobs: alternatives to report for each token of a choice; 0 for none, the dialect's own where absent.
        """
        if isinstance(form, Structured):
            return {"max_tokens": max_tokens, "response_format": _schema_of(form.schema), **self.always}
        if isinstance(form, Choice):
            length = max_tokens + (WRAPPER_TOKENS if self.wrapped else 0)
            top = self.top_logprobs if top_logprobs is None else top_logprobs
            scored = {"logprobs": True, "top_logprobs": top} if top else {}
            return {"max_tokens": length, **self.choice(form.options), **scored, **self.always}
        return {"max_tokens": max_tokens, "stop": ["\n"], **self.always}


def gbnf_choice(options: Sequence[str]) -> str:
    """Write a llama.cpp grammar that allows exactly these strings."""
    return "root ::= " + " | ".join(f'"{"".join(_gbnf_character(character) for character in option)}"' for option in options)


def dialect_of(kind: Literal["embedded", "vllm", "url"]) -> Dialect:
    """Give the dialect of an engine kind."""
    return DIALECTS[kind]


@lru_cache(maxsize=64)
def _grammar(options: tuple[str, ...]) -> dict[str, Any]:
    return {"grammar": gbnf_choice(options)}


def _gbnf_character(character: str) -> str:
    if character in GBNF_ESCAPES:
        return GBNF_ESCAPES[character]
    return f"\\x{ord(character):02X}" if ord(character) < 0x20 or ord(character) == 0x7F else character


def _json_schema(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": _closed(schema)}}


def _label_schema(options: Sequence[str]) -> dict[str, Any]:
    return _json_schema("Label", {"type": "object", "properties": {"label": {"type": "string", "enum": list(options)}}})


@lru_cache(maxsize=64)
def _schema_of(schema: type[BaseModel]) -> dict[str, Any]:
    return _json_schema(schema.__name__, schema.model_json_schema())


def _closed(schema: object) -> object:
    """Forbid further keys and require all: what "strict" servers demand of every object."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(part) for key, part in schema.items()}
    if schema.get("type") == "object" and isinstance(schema.get("properties"), dict):
        closed |= {"additionalProperties": False, "required": list(schema["properties"])}
    return closed


DIALECTS = {
    "embedded": Dialect(_grammar, 40, always=NO_THINKING),
    "vllm": Dialect(lambda options: {"structured_outputs": {"choice": list(options)}}, 20, always=NO_THINKING),
    "url": Dialect(lambda options: {"response_format": _label_schema(options)}, 20, wrapped=True),
}
