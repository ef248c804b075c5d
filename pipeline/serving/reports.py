"""What a server says of itself: its software, its queue, and how many tokens a prompt has."""

import json
import re
from collections.abc import Sequence
from typing import Any

import aiohttp

from pipeline.serving.contract import Message
from pipeline.serving.remote import root_of

__all__ = ["count_tokens", "queue_length", "server_version"]

WAITING = re.compile(r"^(?:vllm:num_requests_waiting|llamacpp:requests_deferred)(?:\{[^}]*\})?\s+(\S+)", re.MULTILINE)
SECONDS = aiohttp.ClientTimeout(total=10)
TROUBLE = (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError)


async def queue_length(session: aiohttp.ClientSession, address: str) -> float | None:
    """Read how many calls wait in the server's own queue, all its engines together; None where it keeps no such figure."""
    try:
        async with session.get(f"{root_of(address)}/metrics", timeout=SECONDS) as reply:
            found = WAITING.findall(await reply.text()) if reply.status == 200 else []
            return sum(float(value) for value in found) if found else None
    except TROUBLE:
        return None


async def server_version(session: aiohttp.ClientSession, address: str) -> str | None:
    """Read the version of a vLLM server; None where it is none, or keeps it to itself."""
    try:
        async with session.get(f"{root_of(address)}/version", timeout=SECONDS) as reply:
            return f"vllm {(await reply.json())['version']}" if reply.status == 200 else None
    except TROUBLE:
        return None


async def count_tokens(session: aiohttp.ClientSession, address: str, model: str, messages: Sequence[Message]) -> tuple[int, int | None] | None:
    """Count a prompt's tokens, chat template included, by the server's own tokenizer.

    :return: the tokens, and the longest context of the model where the server says it; None where it counts none.
    """
    turns = [{"role": message.role, "content": message.content} for message in messages]
    root = root_of(address)
    try:
        counted = await _post(session, f"{root}/tokenize", {"model": model, "messages": turns, "add_generation_prompt": True})
        if counted is not None and "count" in counted:  # vLLM
            longest = counted.get("max_model_len")
            return int(counted["count"]), int(longest) if longest else None
        templated = await _post(session, f"{root}/apply-template", {"messages": turns})
        if templated is None:
            return None
        tokens = await _post(session, f"{root}/tokenize", {"content": templated["prompt"], "add_special": True, "parse_special": True})
        return None if tokens is None else (len(tokens["tokens"]), None)
    except TROUBLE:
        return None


async def _post(session: aiohttp.ClientSession, url: str, body: dict[str, object]) -> dict[str, Any] | None:
    async with session.post(url, data=json.dumps(body).encode(), timeout=SECONDS) as reply:
        if reply.status != 200:
            return None
        answer = json.loads(await reply.read())
        return answer if isinstance(answer, dict) else None
