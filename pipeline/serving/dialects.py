"""How each kind of server spells a constraint: the only place that knows one server from another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.serving.contract import AnswerForm, Choice, Structured

__all__ = ["Dialect", "dialect_of", "gbnf_choice"]

GBNF_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
WRAPPER_TOKENS = 16  # what {"label": "..."} takes beside the label


@dataclass(frozen=True)
class Dialect:
    """One server's spelling; `wrapped` means that a choice is answered as `{"label": option}`."""

    choice: Callable[[Sequence[str]], dict[str, Any]]
    top_logprobs: int
    wrapped: bool = False

    def arguments(self, form: AnswerForm, *, max_tokens: int, logprobs: bool = True) -> dict[str, Any]:
        """Give the request's arguments that ask for this form."""
        if isinstance(form, Structured):
            return {"max_tokens": max_tokens, "response_format": _json_schema(form.schema.__name__, form.schema.model_json_schema())}
        if isinstance(form, Choice):
            length = max_tokens + (WRAPPER_TOKENS if self.wrapped else 0)
            scored = {"logprobs": True, "top_logprobs": self.top_logprobs} if logprobs else {}
            return {"max_tokens": length, **self.choice(form.options), **scored}
        return {"max_tokens": max_tokens, "stop": ["\n"]}


def gbnf_choice(options: Sequence[str]) -> str:
    """Write a llama.cpp grammar that allows exactly these strings."""
    return "root ::= " + " | ".join(f'"{"".join(_gbnf_character(character) for character in option)}"' for option in options)


def dialect_of(kind: Literal["embedded", "vllm", "url"]) -> Dialect:
    """Give the dialect of an engine kind."""
    return {
        "embedded": Dialect(lambda options: {"extra_body": {"grammar": gbnf_choice(options)}}, 40),
        "vllm": Dialect(lambda options: {"extra_body": {"structured_outputs": {"choice": list(options)}}}, 20),
        "url": Dialect(lambda options: {"response_format": _label_schema(options)}, 20, wrapped=True),
    }[kind]


def _gbnf_character(character: str) -> str:
    if character in GBNF_ESCAPES:
        return GBNF_ESCAPES[character]
    return f"\\x{ord(character):02X}" if ord(character) < 0x20 or ord(character) == 0x7F else character


def _json_schema(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": _closed(schema)}}


def _label_schema(options: Sequence[str]) -> dict[str, Any]:
    return _json_schema("Label", {"type": "object", "properties": {"label": {"type": "string", "enum": list(options)}}})


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
