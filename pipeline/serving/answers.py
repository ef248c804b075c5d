"""Read a server's reply: what became of the question, and how probable each option was.

Scores are those of constrained decoding. Options form a trie of bytes; at each position of the answer the reported
tokens that lead into it share the probability among its branches, renormalised there, and an option's probability is the
product along its path. So nothing here knows a tokenizer, and a long option is not punished for its many tokens.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from pipeline.serving.contract import Answer, AnswerForm, Choice, Line, Structured

__all__ = ["Reply", "Token", "option_scores", "read_answer", "read_reply", "strip_fence", "strip_thinking"]

FENCE = re.compile(r"\A\s*```[a-zA-Z]*\s*\n?(.*?)\n?\s*```\s*\Z", re.DOTALL)
# A block of reasoning that opens the answer; some templates put its opening mark into the prompt, so that only the end shows.
THINKING = re.compile(r"\A\s*(?:<think>)?.*?</think>\s*", re.DOTALL)
SPECIAL = re.compile(rb"\A<[|/\xef\[a-zA-Z][^<>]*>\Z")  # <|im_end|>, </s>, <eos>, <\uff5cend of sentence\uff5c>
LOWEST = -1000.0  # servers report masked tokens as -9999 or minus infinity, which no JSON holds


@dataclass(frozen=True)
class Token:
    """One token of the answer as bytes, with the most likely tokens at its place; no bytes mean the end of the text."""

    text: bytes
    logprob: float
    likely: tuple[tuple[bytes, float], ...]


@dataclass(frozen=True)
class Reply:
    """One completion as the server gave it."""

    text: str
    finish_reason: str | None = None
    refusal: str | None = None
    tokens: tuple[Token, ...] = ()


def read_reply(choice: Mapping[str, Any]) -> Reply:
    """Read one element of `choices`; TypeError, KeyError or ValueError where it is not what the protocol says."""
    message = choice["message"]
    content, refusal = message.get("content"), message.get("refusal")
    if not isinstance(content, str | None) or not isinstance(refusal, str | None):
        raise TypeError(f"message.content is {type(content).__name__}, expected text")
    listed = (choice.get("logprobs") or {}).get("content") or ()
    try:
        tokens = tuple(_read_token(entry) for entry in listed)
    except (ValueError, TypeError, KeyError):  # an answer without scores is better than none
        tokens = ()
    return Reply(content or "", choice.get("finish_reason"), refusal, tokens)


def strip_thinking(text: str) -> str:
    """Drop a leading block of reasoning."""
    return THINKING.sub("", text, count=1)


def strip_fence(text: str) -> str:
    """Drop a code fence around a whole answer."""
    found = FENCE.match(text)
    return found.group(1) if found else text


def read_answer(form: AnswerForm, reply: Reply, *, wrapped: bool = False) -> Answer:
    """Judge a reply by the form that was asked for.

    :param wrapped: whether the dialect asked for a choice as `{"label": option}`.
    """
    text = reply.text if _opens(form, reply.text.strip(), wrapped) else strip_thinking(reply.text)
    if reply.refusal or reply.finish_reason == "content_filter":
        return Answer("refused", error=f"the model refused: {reply.refusal or 'content filter'}")
    if reply.finish_reason == "length":
        return Answer("truncated", error=f"the answer was cut at its longest length, after {len(text)} characters")
    if not text.strip():
        return Answer("empty", error="the answer is empty")
    if isinstance(form, Structured):
        return _structured(form, strip_fence(text).strip())
    if isinstance(form, Choice):
        return _chosen(form, text, reply.tokens, wrapped)
    return Answer("ok", text=text.strip().splitlines()[0].strip())


def _opens(form: AnswerForm, text: str, wrapped: bool) -> bool:
    """Say whether a text is an answer from its beginning, so that the end of a block of reasoning in it is a part of the answer."""
    return text in form.options if isinstance(form, Choice) and not wrapped else not isinstance(form, Line) and text.startswith("{")


def option_scores(tokens: Sequence[Token], options: Sequence[str], *, chosen: str, wrapped: bool = False) -> dict[str, float] | None:
    """Give the log-probability of each option, renormalised over the options; None where there are no log-probabilities.

    An option that no reported token leads to gets the lowest reported value at the place where it branches off. Where a
    token that was not followed leads to several options, they share its probability equally.
    """
    spellings = _spellings(tokens, options, chosen, wrapped)
    if spellings is None:
        return None
    scores: dict[str, float] = {}
    path, so_far, alive = 0.0, b"", spellings
    for token in tokens:
        if len(alive) < 2:
            break
        shared, followed, mass = _branches(token, so_far, alive)
        total = _logsumexp([*shared.values(), mass])
        for option, logprob in shared.items():
            scores[option] = _logsumexp([path + logprob - total, scores.get(option, -math.inf)])
        path += mass - total
        so_far += token.text
        alive = {option: alive[option] for option in followed}
    ends = {o: 0.0 if len(alive) == 1 or spelling == so_far else _lowest(tokens[-1]) for o, spelling in alive.items()}
    for option, logprob in ends.items():  # the text ended here, so longer options lost
        scores[option] = _logsumexp([path + logprob - _logsumexp(ends.values()), scores.get(option, -math.inf)])
    total = _logsumexp(scores.values())
    return {option: max(scores[option] - total, LOWEST) for option in options}


def _branches(token: Token, so_far: bytes, alive: Mapping[str, bytes]) -> tuple[dict[str, float], list[str], float]:
    """Split the alive options at one token: the shares of the branches not followed, the options followed, their share."""
    rests = {option: spelling[len(so_far) :] for option, spelling in alive.items()}
    by_first: dict[int, list[str]] = {}  # most tokens lead nowhere, which their first byte tells
    for option, rest in rests.items():
        if rest:
            by_first.setdefault(rest[0], []).append(option)
    ended = [option for option, rest in rests.items() if not rest]

    def leads_to(text: bytes) -> list[str]:
        options = [option for option in by_first.get(text[0], ()) if _leads(text, rests[option])] if text else []
        return ended if not options and (not text or SPECIAL.match(text)) else options

    followed = leads_to(token.text) or ended
    mass, shares = [], [(text, logprob) for text, logprob in token.likely if text != token.text]
    mass += [logprob for text, logprob in token.likely if text == token.text] or [token.logprob]
    shared: dict[str, list[float]] = {}
    for text, logprob in shares:
        options = leads_to(text)
        if options == followed:  # another spelling of the same way, as "o" + "il" for "oil"
            mass.append(logprob)
            continue
        for option in options:
            shared.setdefault(option, []).append(logprob - math.log(len(options)))
    lowest = _lowest(token)
    unseen = [option for option in alive if option not in shared and option not in followed]
    return {o: _logsumexp(x) for o, x in shared.items()} | dict.fromkeys(unseen, lowest), followed, _logsumexp(mass)


def _leads(text: bytes, rest: bytes) -> bool:
    """Say whether a token goes on in an option, or ends its quoted spelling and goes on behind it, as `"}` does."""
    return rest.startswith(text) or (rest.endswith(b'"') and text.startswith(rest))


def _lowest(token: Token) -> float:
    return min([token.logprob, *(logprob for _, logprob in token.likely)])


def _spellings(tokens: Sequence[Token], options: Sequence[str], chosen: str, wrapped: bool) -> dict[str, bytes] | None:
    """Spell each option as the whole text would be, had it been chosen; None where the tokens do not end in the chosen one."""
    shown = list(tokens)
    while shown and (not shown[-1].text or SPECIAL.match(shown[-1].text)) and not chosen.encode().endswith(shown[-1].text or b"\0"):
        shown.pop()
    text = b"".join(token.text for token in shown)
    for spell in (_json, _ascii_json) if wrapped else (str.encode,):
        start = text.rfind(spell(chosen)) if wrapped else len(text.rstrip()) - len(chosen.encode().rstrip())
        if shown and start >= 0 and text[start:].startswith(spell(chosen)):
            return {option: text[:start] + spell(option) for option in options}
    return None


def _json(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode()


def _ascii_json(text: str) -> bytes:
    return json.dumps(text).encode()


def _logsumexp(values: Iterable[float]) -> float:
    listed = [value for value in values if value > -math.inf]
    if not listed:
        return -math.inf
    top = max(listed)
    return top + math.log(sum(math.exp(value - top) for value in listed))


def _read_token(entry: Mapping[str, Any]) -> Token:
    text, logprob = _bytes(entry), _logprob(entry)
    listed = entry["top_logprobs"]
    likely = [(_bytes(other), _logprob(other)) for other in listed]
    lead = _lead(text, entry, listed)
    return Token(text, logprob, tuple((lead + other, value) for other, value in likely) if lead else tuple(likely))


def _lead(text: bytes, entry: Mapping[str, Any], listed: Sequence[Mapping[str, Any]]) -> bytes:
    """Find the bytes of a character that earlier tokens gave: llama.cpp reports a character's tokens as one, listing rivals of the last."""
    same = [_bytes(other) for other in listed if "id" in entry and other.get("id") == entry["id"]]
    if same:
        return text[: -len(same[0])] if same[0] and text.endswith(same[0]) else b""
    inside = any(0x80 <= _bytes(other)[0] < 0xC0 for other in listed if _bytes(other))
    return text[:-1] if inside and text and text[-1] >= 0x80 else b""


def _bytes(entry: Mapping[str, Any]) -> bytes:
    given = entry.get("bytes")
    return bytes(given) if given is not None else str(entry["token"]).encode("utf-8", "surrogatepass")


def _logprob(entry: Mapping[str, Any]) -> float:
    value = float(entry["logprob"])
    return LOWEST if math.isnan(value) else min(max(value, LOWEST), 0.0)


def _structured(form: Structured, text: str) -> Answer:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Answer("broken_json", error=f"the answer is no valid JSON: {error}")
    try:
        return Answer("ok", text=text, value=form.schema.model_validate(value))
    except ValidationError as error:
        mistakes = [f"{'.'.join(str(part) for part in mistake['loc']) or 'object'}: {mistake['msg']}" for mistake in error.errors()]
        return Answer("wrong_schema", error="; ".join(mistakes[:8]))


def _chosen(form: Choice, text: str, tokens: Sequence[Token], wrapped: bool) -> Answer:
    if wrapped:
        try:
            found = json.loads(strip_fence(text))
        except (ValueError, RecursionError) as error:
            return Answer("broken_json", error=f"the answer is no valid JSON: {error}")
        label = found.get("label") if isinstance(found, dict) else None
        text = label if isinstance(label, str) else text
    option = next((option for option in (text, text.strip()) if option in form.options), None)
    if option is None:
        return Answer("not_an_option", error=f"the answer {text.strip()[:200]!r} is none of the {len(form.options)} options")
    return Answer("ok", text=option, scores=option_scores(tokens, form.options, chosen=option, wrapped=wrapped))
