"""What goes wrong on the way: each fault has a name, is tried again where that can help, and loses nothing."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from pipeline.errors import EngineError, EngineGoneError
from pipeline.serving import OpenAIChat, RemoteServer, sending, wire
from pipeline.serving.dialects import dialect_of
from pipeline.settings import EngineSettings
from pipeline.testing import MemoryLedger
from pipeline.testing_server import ScriptedServer, WireReply, serve_script
from tests.wire import Setup, question, says

KEY = "sk-very-secret-1234"
pytestmark = pytest.mark.usefixtures("short_pauses")


def test_too_many_requests_wait_as_long_as_asked(setup: Setup) -> None:
    busy = WireReply(429, '{"error": {"message": "slow down"}}', {"Retry-After": "1"})
    setup.server.script = lambda _, number: busy if number == 1 else says("yes")
    started = time.monotonic()
    with setup.chat() as chat:
        (answer,) = chat.ask([question("a")])
    assert (answer.outcome, answer.attempts) == ("ok", 2)
    assert [call.outcome for call in setup.ledger.calls] == ["server_error", "ok"], "each attempt is a row"
    assert time.monotonic() - started >= 1.0


def test_a_server_error_that_stays_is_a_failed_row(setup: Setup) -> None:
    setup.server.script = lambda _, __: WireReply(500, '{"error": "out of memory"}')
    with setup.chat() as chat:
        (answer,) = chat.ask([question("a")])
    assert answer.outcome == "server_error"
    assert "out of memory" in (answer.error or "")
    assert len(setup.server.requests) == len(setup.ledger.calls) == sending.SENDS


def test_a_server_that_hangs_is_a_timeout(setup: Setup) -> None:
    setup.server.script = lambda _, __: says("yes", seconds=0.6)
    with setup.chat(timeout_seconds=0.2) as chat:
        (answer,) = chat.ask([question("a")])
    assert answer.outcome == "timeout"


@pytest.mark.parametrize("body", ['{"error": {"message": "overloaded"}}', "<html>", "", "[]", '{"choices": []}', '{"choices": [{"message": 3}]}'])
def test_a_good_status_with_a_bad_body_is_a_failed_row(setup: Setup, body: str) -> None:
    setup.server.script = lambda _, __: WireReply(200, body)
    with setup.chat(attempts=2) as chat:
        (answer,) = chat.ask([question("a")])
    assert (answer.outcome, answer.attempts) == ("server_error", sending.SENDS)
    assert [call.raw for call in setup.ledger.calls] == [body] * sending.SENDS


def test_a_prompt_that_is_too_long_is_not_asked_again(setup: Setup) -> None:
    setup.server.script = lambda _, __: WireReply(
        400, '{"error":{"message":"request (3031 tokens) exceeds the available context size (2048 tokens)"}}'
    )
    with setup.chat() as chat:
        (answer,) = chat.ask([question("a")])
    assert (answer.outcome, len(setup.server.requests)) == ("too_long", 1)


def test_a_server_without_log_probabilities_is_asked_without(setup: Setup) -> None:
    def script(request: dict[str, Any], _: int) -> WireReply:
        return WireReply(400, '{"error": {"message": "logprobs is not supported"}}') if "logprobs" in request else says('{"label": "yes"}')

    setup.server.script = script
    with setup.chat(kind="url", concurrency=1) as chat:
        answers = list(chat.ask([question("a"), question("b")]))
    assert [(answer.outcome, answer.text, answer.scores) for answer in answers] == [("ok", "yes", None)] * 2
    assert [request.get("top_logprobs") for request in setup.server.requests] == [20, 5, None, None]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_ends_the_run_and_is_never_shown(setup: Setup, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    setup.server.script = lambda _, __: WireReply(status, json.dumps({"error": {"message": f"bad key {KEY}"}}))
    with setup.chat(key_env="MY_KEY") as chat, pytest.raises(EngineError) as caught:
        list(chat.ask([question("a")]))
    assert setup.server.keys == [f"Bearer {KEY}"]
    assert KEY not in str(caught.value)
    assert all(word in str(caught.value) for word in ("MY_KEY", "'m'", setup.server.address))


def test_a_key_that_the_server_echoes_is_not_recorded(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    setup.server.script = lambda _, number: WireReply(400, f"no {KEY}") if number == 1 else WireReply(200, f"no {KEY}")
    with setup.chat(key_env="MY_KEY", attempts=2) as chat:
        answers = list(chat.ask([question("a"), question("b")]))
    assert KEY not in repr(answers)
    assert KEY not in repr(setup.ledger.calls)


def test_a_key_that_is_not_set_is_reported_before_any_call(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(EngineError, match="MY_KEY"), setup.chat(key_env="MY_KEY"):
        pass


def test_a_model_that_is_not_there_ends_the_run(setup: Setup) -> None:
    setup.server.script = lambda _, __: WireReply(404, "{}")
    with setup.chat() as chat, pytest.raises(EngineError, match="'m'"):
        list(chat.ask([question("a")]))
    with setup.chat(model="other") as chat, pytest.raises(EngineError, match="it has: m"):
        list(chat.ask([question("a")]))


def test_nobody_listening_is_an_engine_error(setup: Setup) -> None:
    with setup.chat(base_url="http://127.0.0.1:9/v1") as chat, pytest.raises(EngineError, match="No server answers"):
        list(chat.ask([question("a")]))


def test_a_server_that_dies_is_gone_and_what_was_answered_is_kept(setup: Setup) -> None:
    setup.server.script = lambda _, __: says("yes")
    with setup.chat(concurrency=1, patience_seconds=0.2) as chat:
        assert len(list(chat.ask([question("a")]))) == 1
        setup.server.die()
        with pytest.raises(EngineGoneError, match="Start it again"):
            list(chat.ask([question("b")]))
    assert [call.outcome for call in setup.ledger.calls] == ["ok"]


def test_a_proxy_does_not_stand_between_us_and_this_machine(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    setup.server.script = lambda _, __: says("yes")
    with setup.chat() as chat:
        assert [answer.outcome for answer in chat.ask([question("a")])] == ["ok"]


@pytest.mark.parametrize(
    "fault",
    [
        b"",  # closed without a word
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"choices": [',  # broken off
        b"\x16\x03\x01 no HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_a_broken_connection_is_tried_again(setup: Setup, fault: bytes) -> None:
    setup.server.script = lambda _, number: WireReply(wire=fault) if number % 3 == 1 else says("yes")
    with setup.chat(concurrency=1) as chat:
        answers = list(chat.ask(question(str(n)) for n in range(6)))
    assert [answer.outcome for answer in answers] == ["ok"] * 6
    failed = [call for call in setup.ledger.calls if call.outcome != "ok"]
    assert failed
    assert all(call.outcome == "server_error" and call.error for call in failed)
    assert len(setup.ledger.calls) == len(setup.server.requests)


def test_an_answer_without_end_is_cut(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "LONGEST_BODY", 1000)
    setup.server.script = lambda _, number: WireReply(200, "x" * 5000) if number == 1 else says("yes")
    with setup.chat() as chat:
        assert [answer.outcome for answer in chat.ask([question("a")])] == ["ok"]


@pytest.mark.parametrize("header", ["1", "1.0", "date"])
def test_retry_after_is_read_in_both_spellings(setup: Setup, header: str) -> None:
    value = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True) if header == "date" else header
    setup.server.script = lambda _, number: WireReply(503, "loading", {"Retry-After": value}) if number == 1 else says("yes")
    started = time.monotonic()
    with setup.chat() as chat:
        assert [answer.outcome for answer in chat.ask([question("a")])] == ["ok"]
    assert time.monotonic() - started >= 0.9


def test_a_server_that_refuses_everything_ends_the_run_early(setup: Setup) -> None:
    setup.server.script = lambda _, __: WireReply(503, "no capacity")
    with setup.chat(patience_seconds=0.01) as chat, pytest.raises(EngineGoneError, match=r"no capacity.*run once more"):
        list(chat.ask(question(str(n)) for n in range(500)))
    assert len(setup.server.requests) < 200
    assert len(setup.ledger.calls) == len(setup.server.requests)


def test_a_server_that_comes_back_is_gone_on_with(setup: Setup) -> None:
    setup.server.script = lambda _, __: says("yes", seconds=0.01)
    port = setup.server.server_address[1]
    answers = []
    with setup.chat(concurrency=2, patience_seconds=20.0) as chat:
        asked = chat.ask(question(str(n)) for n in range(60))
        answers += [next(asked) for _ in range(10)]
        setup.server.die()
        back = threading.Event()

        def come_back() -> None:
            time.sleep(0.5)
            with serve_script(port) as again:
                again.script = lambda _, __: says("yes")
                back.wait(20)

        thread = threading.Thread(target=come_back)
        thread.start()
        try:
            answers += list(asked)
        finally:
            back.set()
            thread.join()
    assert [answer.outcome for answer in answers] == ["ok"] * 60


def test_a_server_that_cannot_start_is_tried_once(server: ScriptedServer, ledger: MemoryLedger) -> None:
    tries = []

    class Broken(RemoteServer):
        def start(self) -> str:
            tries.append(1)
            time.sleep(0.05)
            raise EngineError("out of memory")

    engine = EngineSettings(kind="vllm", model="m", base_url=(server.address,))
    chat = OpenAIChat([Broken(engine)], settings=engine, dialect=dialect_of("vllm"), ledger=ledger, run_id="run")
    with pytest.raises(EngineError, match="out of memory"):
        list(chat.ask(question(str(n)) for n in range(50)))
    chat.close()
    assert len(tries) == 1


def test_calls_wait_for_a_server_of_ours_that_is_being_started_again(setup: Setup) -> None:
    class Ours(RemoteServer):
        """Dies once, and takes longer to start than others would be waited for."""

        started_here = True
        starts = 0

        def start(self) -> str:
            Ours.starts += 1
            time.sleep(0.6 if Ours.starts > 1 else 0.0)
            dead.clear()
            return setup.server.address

        def alive(self) -> bool:
            return not dead.is_set()

    dead = threading.Event()

    def script(_: dict[str, Any], number: int) -> WireReply:
        if number == 10:
            dead.set()
        return WireReply(wire=b"") if dead.is_set() else says("yes", seconds=0.01)

    setup.server.script = script
    engine = EngineSettings(kind="vllm", model="m", base_url=(setup.server.address,), patience_seconds=0.1)
    chat = OpenAIChat([Ours(engine)], settings=engine, dialect=dialect_of("vllm"), ledger=setup.ledger, run_id="run")
    assert [answer.outcome for answer in chat.ask(question(str(n)) for n in range(40))] == ["ok"] * 40
    chat.close()
    assert Ours.starts == 2


def test_leaving_does_not_wait_for_another_try(setup: Setup) -> None:
    def script(request: dict[str, Any], _: int) -> WireReply:
        if request["messages"][-1]["content"] == "0":
            return says("yes")
        time.sleep(0.1)  # so that the pause begins when the first answer is in
        return WireReply(503, "later", {"Retry-After": "200"})

    setup.server.script = script
    with setup.chat() as chat:
        answers = chat.ask(question(str(n)) for n in range(50))
        next(answers)
        time.sleep(0.3)
        started = time.monotonic()
        answers.close()
    assert time.monotonic() - started < 5.0, "it does not sit the pause of 200 s out"


def test_replicas_share_the_calls_and_one_that_dies_is_left_out(setup: Setup) -> None:
    with serve_script() as other:
        setup.server.script = other.script = lambda _, __: says("yes", seconds=0.005)
        with setup.chat(base_url=[setup.server.address, other.address], concurrency=4) as chat:
            asked = chat.ask(question(str(n)) for n in range(200))
            answers = [next(asked) for _ in range(100)]
            assert min(len(setup.server.requests), len(other.requests)) >= 30
            other.die()
            answers += list(asked)
    assert [answer.outcome for answer in answers] == ["ok"] * 200


def test_replicas_that_are_not_there_at_first_are_done_without(setup: Setup) -> None:
    setup.server.script = lambda _, __: says("yes")
    with setup.chat(base_url=["http://127.0.0.1:9/v1", setup.server.address]) as chat:
        assert [answer.outcome for answer in chat.ask([question("a")])] == ["ok"]


def test_fewer_calls_are_sent_to_a_server_that_asks_for_it(setup: Setup) -> None:
    setup.server.script = lambda _, number: WireReply(429, "slow down") if number <= 30 and number % 2 else says("yes", seconds=0.01)
    with setup.chat() as chat:
        assert [answer.outcome for answer in chat.ask(question(str(n)) for n in range(40))] == ["ok"] * 40
        assert chat._sender.gate.flow.limit < sending.FIRST_LIMIT
