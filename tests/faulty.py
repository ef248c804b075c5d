"""The tiny model behind a real HTTP server that does everything wrong that a server can do wrong."""

import json
import random
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from pipeline.answers import CategoryAnswer, FacetAnswer
from pipeline.serving.contract import AnswerForm, Choice, Line, Message, Question, Structured
from pipeline.testing_server import Script, WireReply
from tests.tiny import knowing_reply
from tests.wire import says

SCHEMAS: Mapping[str, type[BaseModel]] = {"FacetAnswer": FacetAnswer, "CategoryAnswer": CategoryAnswer}
FAULTS: Mapping[str, Callable[[], WireReply]] = {
    "too many requests": lambda: WireReply(429, "slow down", {"Retry-After": "0.05"}),
    "internal error": lambda: WireReply(500, "oops"),
    "bad gateway": lambda: WireReply(502, "<html>bad gateway</html>"),
    "loading": lambda: WireReply(503, "loading", {"Retry-After": "0.05"}),
    "dropped": lambda: WireReply(wire=b""),
    "broken off": lambda: WireReply(wire=b'HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"choices": [{"mess'),
    "garbage": lambda: WireReply(wire=b"\x00\xff\xfe garbage\r\n\r\n"),
    "error with status 200": lambda: WireReply(200, '{"error": {"message": "overloaded"}}'),
    "no completion": lambda: WireReply(200, "<html>welcome</html>"),
    "another schema": lambda: says('{"colour": "blue", "label": 3}'),
    "truncated": lambda: says("Late", finish="length"),
    "empty": lambda: says(""),
    "hangs": lambda: WireReply(200, "{}", seconds=1.0),
}
REFUSAL = WireReply(200, json.dumps({"choices": [{"message": {"role": "assistant", "content": None, "refusal": "no"}, "finish_reason": "stop"}]}))


def question_of(request: Mapping[str, Any]) -> Question:
    """Read a question from the request that asks it of a vLLM server."""
    form: AnswerForm = Line()
    if "structured_outputs" in request:
        form = Choice(tuple(request["structured_outputs"]["choice"]))
    elif "response_format" in request:
        form = Structured(SCHEMAS[request["response_format"]["json_schema"]["name"]])
    told_off = request["messages"][-1]["content"].startswith("That answer could not be used")
    turns = tuple(Message(turn["role"], turn["content"]) for turn in (request["messages"][:-2] if told_off else request["messages"]))
    return Question("wire", "p", turns, form, int(request["max_tokens"]))


def knowing_script(*, share: float = 0.0, seconds: float = 0.0, refused: tuple[str, ...] = (), told: list[str] | None = None) -> Script:
    """Answer as the tiny model does, but spoil this share of the replies by every kind of fault in turn.

    :param refused: words of texts that the model refuses to label.
    :param told: where the names of the faults are noted down.
    """
    chance = random.Random(7)
    kinds = list(FAULTS)

    def script(request: dict[str, Any], number: int) -> WireReply:
        asked = question_of(request)
        if chance.random() < share:
            kind = kinds[number % len(kinds)]
            if kind == "another schema" and isinstance(asked.form, Line):
                kind = "empty"  # any text is a line
            if told is not None:
                told.append(kind)
            return FAULTS[kind]()
        if isinstance(asked.form, Choice) and any(word in asked.messages[-1].content for word in refused):
            return REFUSAL
        tokens = sum(len(turn.content.split()) for turn in asked.messages)
        return says(knowing_reply(asked), usage={"prompt_tokens": tokens, "completion_tokens": 3}, seconds=seconds)

    return script
