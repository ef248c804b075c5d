"""An embedder behind a server: what is sent, what is sent again, and what is said where it cannot be mended."""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from pipeline.embedder_settings import EmbedderSettings
from pipeline.embedding.served import ServedEmbedder
from pipeline.errors import EngineError
from pipeline.testing_server import ScriptedServer, WireReply, serve_script

TEXTS = [f"text number {number}" for number in range(10)]
KEY = "sk-very-secret"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with serve_script() as server:
        server.script = lambda request, number: good(request)
        yield server


@contextmanager
def asking(server: ScriptedServer, **settings: Any) -> Iterator[ServedEmbedder]:
    given = {"model": "m", "base_url": server.address, **settings}
    embedder = ServedEmbedder(EmbedderSettings.model_validate(given), first_pause=0.01)
    try:
        yield embedder
    finally:
        embedder.close()


def vector(text: str, width: int = 4) -> list[float]:
    """Make up a vector of any length that says which text it is of."""
    return [len(text), *(float(ord(character)) for character in text[-(width - 1) :].rjust(width - 1))]


def says(rows: list[Any], **more: Any) -> WireReply:
    return WireReply(200, json.dumps({"object": "list", "data": rows, "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}, **more}))


def good(request: dict[str, Any], width: int = 4) -> WireReply:
    return says([{"object": "embedding", "index": place, "embedding": vector(text, width)} for place, text in enumerate(request["input"])])


def expected(texts: list[str]) -> Any:
    rows = np.array([vector(text) for text in texts])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def first_then_good(*replies: WireReply) -> Callable[[dict[str, Any], int], WireReply]:
    return lambda request, number: replies[number - 1] if number <= len(replies) else good(request)


def test_texts_are_sent_in_batches_and_come_back_in_order_with_length_one(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDDER_KEY", KEY)
    texts = [f"text number {number}" for number in range(300)]
    with asking(server, key_env="EMBEDDER_KEY") as embedder:
        found = embedder.embed(texts)
    assert found.dtype == np.float32
    assert np.allclose(found, expected(texts), atol=1e-6)
    assert sorted(len(request["input"]) for request in server.requests) == [44, 64, 64, 64, 64]
    assert {(request["model"], request["encoding_format"]) for request in server.requests} == {("m", "float")}
    assert set(server.keys) == {f"Bearer {KEY}"}
    assert server.busiest <= 4


def test_the_order_of_a_reply_is_its_numbers(server: ScriptedServer) -> None:
    server.script = lambda request, number: says(list(reversed(json.loads(good(request).body)["data"])))
    with asking(server) as embedder:
        assert np.allclose(embedder.embed(TEXTS), expected(TEXTS), atol=1e-6)


def test_no_texts_ask_nothing_and_texts_without_a_word_are_sent_as_a_full_stop(server: ScriptedServer) -> None:
    with asking(server) as embedder:
        assert embedder.embed([]).shape == (0, 0)
        assert embedder.embed(["", " \n", "x"]).shape == (3, 4)
        assert embedder.embed([]).shape == (0, 4)
    assert [request["input"] for request in server.requests] == [[".", ".", "x"]]
    assert server.keys == [None]


def test_only_the_head_of_a_text_is_sent(server: ScriptedServer) -> None:
    with asking(server) as embedder:
        embedder.embed(["x" * 10_000])
    assert len(server.requests[0]["input"][0]) == 4000


@pytest.mark.parametrize(
    "bad",
    [
        WireReply(429, "slow down", {"Retry-After": "0"}),
        WireReply(429, "slow down", {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
        WireReply(429, "slow down", {"Retry-After": "soon"}),
        WireReply(500, "oops"),
        WireReply(503, "loading model"),
        WireReply(504, "upstream took too long to respond"),
        WireReply(wire=b""),
        WireReply(wire=b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"),
        WireReply(wire=b"no HTTP at all\r\n\r\n"),
        WireReply(200, "{"),
        WireReply(200, "[]"),
        WireReply(200, json.dumps({"error": {"message": "later"}})),
        WireReply(200, json.dumps({"data": None})),
        says([]),
        says([{"index": 0, "embedding": [1.0, 2.0]}]),
        says([{"index": place % 2, "embedding": [1.0]} for place in range(10)]),
        says([{"index": place + 1, "embedding": [1.0]} for place in range(10)]),
        says([{"index": "first", "embedding": [1.0]} for _ in range(10)]),
        says([{"index": place, "embedding": []} for place in range(10)]),
        says([{"index": place, "embedding": [1.0] * (1 + place % 2)} for place in range(10)]),
        says([{"index": place, "embedding": [1.0, math.nan]} for place in range(10)]),
        says([{"index": place, "embedding": [1.0, None]} for place in range(10)]),
        says([{"index": place, "embedding": [1.0, 1e60]} for place in range(10)]),
        says([{"index": place, "embedding": [0.0, 0.0]} for place in range(10)]),
        says([{"index": place, "embedding": "AAAA"} for place in range(10)]),
    ],
)  # fmt: skip
def test_what_may_pass_is_sent_again(server: ScriptedServer, bad: WireReply) -> None:
    server.script = first_then_good(bad, bad)
    with asking(server) as embedder:
        assert np.allclose(embedder.embed(TEXTS), expected(TEXTS), atol=1e-6)
    assert len(server.requests) == 3
    assert all(request["input"] == TEXTS for request in server.requests)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (WireReply(500, "oops"), "status 500: oops"),
        (says([{"index": 0, "embedding": [1.0]}]), "the reply holds 1 embeddings for 10 texts"),
        (says([{"index": place, "embedding": [math.nan, 1.0]} for place in range(10)]), "the reply holds 10 values that are no numbers"),
        (says([{"index": place, "embedding": [0.0]} for place in range(10)]), "the reply holds 10 embeddings of nothing but zeros"),
        (says([{"index": place, "embedding": [1.0] * (1 + place % 2)} for place in range(10)]), "the reply holds embeddings of 1 and 2 values"),
        (says([{"index": 0, "embedding": [1.0]} for _ in range(10)]), r"the reply numbers its 10 embeddings \[0, 0,"),
        (WireReply(200, "<html>"), r"the reply holds no embeddings \(JSONDecodeError.*<html>"),
        (WireReply(wire=b""), "RemoteProtocolError"),
    ],
)
def test_what_does_not_pass_is_told_with_the_last_reply(server: ScriptedServer, bad: WireReply, said: str) -> None:
    server.script = lambda request, number: bad
    with asking(server) as embedder, pytest.raises(EngineError, match=rf"The embedder 'm' at http\S+ answered nothing usable in 6 attempts.*{said}"):
        embedder.embed(TEXTS)
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (WireReply(401, f"no {KEY}"), r"refuses the key in embedder.key_env \(status 401\)"),
        (WireReply(404, "model m not found"), "no such model, or no server of embeddings .*model m not found.*embedder.base_url"),
        (WireReply(400, f"bad request by {KEY}"), r"refuses the texts: status 400: bad request by \*\*\*"),
    ],
)
def test_what_asking_again_cannot_mend_is_told_at_once(server: ScriptedServer, bad: WireReply, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDDER_KEY", KEY)
    server.script = lambda request, number: bad
    with asking(server, key_env="EMBEDDER_KEY") as embedder, pytest.raises(EngineError, match=said) as caught:
        embedder.embed(TEXTS)
    assert len(server.requests) == 1
    assert KEY not in str(caught.value)


def test_a_key_that_is_not_set_and_a_server_that_is_not_there_are_told(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMBEDDER_KEY", raising=False)
    with (
        asking(server, key_env="EMBEDDER_KEY") as embedder,
        pytest.raises(EngineError, match=r"EMBEDDER_KEY \(embedder.key_env\) is not set"),
    ):
        embedder.embed(TEXTS)
    assert server.requests == []
    with serve_script() as gone:
        pass
    with asking(gone) as embedder, pytest.raises(EngineError, match="nothing usable in 6 attempts; the last: ConnectError"):
        embedder.embed(TEXTS)


def test_vectors_of_another_width_are_refused(server: ScriptedServer) -> None:
    server.script = lambda request, number: good(request, width=4 if number == 1 else 6)
    with asking(server) as embedder:
        embedder.embed(TEXTS)
        with pytest.raises(EngineError, match="gave vectors of 4 values and then of 6"):
            embedder.embed(TEXTS)


@pytest.mark.parametrize(
    "refusal",
    [
        WireReply(400, "This model's maximum context length is 512 tokens"),
        WireReply(413, "Payload Too Large"),
        WireReply(500, "input is too large to process. increase the physical batch size"),
    ],
)
def test_what_is_too_long_for_the_server_goes_in_smaller_batches_and_shorter_texts(server: ScriptedServer, refusal: WireReply) -> None:
    server.script = lambda request, number: refusal if sum(map(len, request["input"])) > 300 else good(request)
    texts = ["short", "long " * 100, "x" * 290, "other"]
    with asking(server) as embedder:
        found = embedder.embed(texts)
    assert np.allclose(found, expected(["short", ("long " * 100)[:250], "x" * 290, "other"]), atol=1e-6)


def test_a_server_that_finds_every_text_too_long_is_not_asked_for_ever(server: ScriptedServer) -> None:
    server.script = lambda request, number: WireReply(400, "too long")
    with asking(server) as embedder, pytest.raises(EngineError, match="says that a text of 31 characters is too long: too long"):
        embedder.embed(["x" * 1000])
    assert len(server.requests) == 6


def test_one_batch_that_fails_ends_the_call(server: ScriptedServer) -> None:
    server.script = lambda request, number: WireReply(401) if number == 2 else good(request)
    with asking(server) as embedder, pytest.raises(EngineError, match="refuses a call without a key"):
        embedder.embed(TEXTS * 100)
    assert len(server.requests) < 16
