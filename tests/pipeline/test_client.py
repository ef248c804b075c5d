"""The client against a real HTTP server that misbehaves by script."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel

from pipeline.errors import EngineError, EngineGoneError
from pipeline.serving.client import OpenAIChat
from pipeline.serving.contract import AnswerForm, Choice, Line, Message, Question, Structured
from pipeline.serving.engines import RemoteServer, describe_engine, open_chat
from pipeline.settings import EngineSettings
from pipeline.testing import MemoryLedger
from pipeline.testing_server import ScriptedServer, WireReply, serve_script

KEY = "sk-very-secret-1234"
YES_NO = Choice(("yes", "no"))


class Phrase(BaseModel):
    """An object that the model writes."""

    phrase: str


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with serve_script() as scripted:
        yield scripted


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


@dataclass(frozen=True)
class Setup:
    """Open a chat on the scripted server."""

    server: ScriptedServer
    ledger: MemoryLedger

    def chat(self, **settings: Any) -> Any:
        given = {"kind": "vllm", "model": "m", "base_url": self.server.address, "timeout_seconds": 5.0, **settings}
        return open_chat(EngineSettings.model_validate(given), ledger=self.ledger, run_id="run", on_status=lambda _: None)


@pytest.fixture
def setup(server: ScriptedServer, ledger: MemoryLedger) -> Setup:
    return Setup(server, ledger)


def test_an_answer_is_recorded_with_its_cost(setup: Setup) -> None:
    setup.server.script = lambda _, __: _says(
        "yes", usage={"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
    )
    with setup.chat() as chat:
        answers = list(chat.ask([_question("a")]))
    assert [(answer.outcome, answer.text, answer.from_ledger) for answer in answers] == [("ok", "yes", False)]
    (call,) = setup.ledger.calls
    assert (call.tokens_in, call.tokens_cached, call.tokens_out, call.attempt, call.outcome) == (9, 4, 2, 1, "ok")
    assert json.loads(call.answer or "") == {"text": "yes", "scores": None}
    assert call.milliseconds > 0
    assert call.raw is None


def test_a_second_run_makes_no_call(setup: Setup) -> None:
    setup.server.script = lambda _, __: _says("yes", top={"yes": -0.1, "no": -2.4})
    questions = [_question(str(number)) for number in range(100)]
    with setup.chat() as chat:
        first = list(chat.ask(questions))
    asked = len(setup.server.requests)
    with setup.chat(base_url="http://127.0.0.1:9/v1") as chat:  # nobody listens there, and nobody is asked
        second = list(chat.ask(questions))
    assert (asked, len(setup.server.requests)) == (100, 100)
    assert [answer.text for answer in second] == [answer.text for answer in first]
    assert [answer.scores for answer in second] == [answer.scores for answer in first]
    assert all(answer.from_ledger for answer in second)


def test_a_stored_object_comes_back_as_an_object(setup: Setup) -> None:
    setup.server.script = lambda _, __: _says('```json\n{"phrase": "oil"}\n```')
    question = _question("a", Structured(Phrase))
    with setup.chat() as chat:
        answers = [*chat.ask([question]), *chat.ask([question])]
    assert [answer.value for answer in answers] == [Phrase(phrase="oil")] * 2
    assert len(setup.server.requests) == 1


def test_equal_questions_in_one_run_are_asked_once(setup: Setup) -> None:
    setup.server.script = lambda _, __: _says("yes")
    with setup.chat() as chat:
        assert len(list(chat.ask([_question("a")] * 200))) == 200
    assert len(setup.server.requests) == 1


def test_answers_keep_their_order_and_the_window_slides(setup: Setup) -> None:
    def script(request: dict[str, Any], number: int) -> WireReply:
        return _says(request["messages"][-1]["content"], seconds=0.3 if number == 1 else 0.002)

    setup.server.script = script
    read: list[int] = []

    def questions() -> Iterator[Question]:
        for number in range(1000):
            read.append(number)
            yield _question(str(number), Line())

    with setup.chat(concurrency=4) as chat:
        answers = chat.ask(questions())
        got = [next(answers).text for _ in range(100)]
        assert got == [str(number) for number in range(100)]
        assert len(read) < 300
        answers.close()
    assert 2 <= setup.server.busiest <= 4


@pytest.mark.parametrize(
    ("form", "bad", "outcome"),
    [
        (YES_NO, "maybe", "not_an_option"),
        (YES_NO, "", "empty"),
        (Structured(Phrase), '{"phrase": 3}', "wrong_schema"),
        (Structured(Phrase), "no JSON", "broken_json"),
    ],
)
def test_a_bad_answer_is_asked_again_warmer(setup: Setup, form: AnswerForm, bad: str, outcome: str) -> None:
    good = '{"phrase": "x"}' if isinstance(form, Structured) else "yes"
    setup.server.script = lambda _, number: _says(bad if number == 1 else good)
    with setup.chat() as chat:
        (answer,) = chat.ask([_question("a", form)])
    assert (answer.outcome, answer.attempts) == ("ok", 2)
    assert [request["temperature"] for request in setup.server.requests] == [0.0, 0.1]
    told = [message["role"] for message in setup.server.requests[1]["messages"]]
    assert told == (["user", "assistant", "user"] if isinstance(form, Structured) else ["user"])
    assert [(call.outcome, call.raw, call.answer is None) for call in setup.ledger.calls] == [(outcome, bad, True), ("ok", None, False)]


def test_after_the_last_attempt_the_failure_is_the_answer(setup: Setup) -> None:
    setup.server.script = lambda _, __: _says("maybe")
    with setup.chat(attempts=2) as chat:
        (answer,) = chat.ask([_question("a")])
    assert (answer.outcome, answer.text, answer.attempts) == ("not_an_option", None, 2)
    assert "'maybe'" in (answer.error or "")


def test_a_truncated_answer_is_no_answer(setup: Setup) -> None:
    setup.server.script = lambda _, __: _says("yes", finish="length")
    with setup.chat(attempts=1) as chat:
        (answer,) = chat.ask([_question("a")])
    assert answer.outcome == "truncated"
    assert setup.ledger.calls[0].finish_reason == "length"


def test_too_many_requests_wait_as_long_as_asked(setup: Setup) -> None:
    busy = WireReply(429, '{"error": {"message": "slow down"}}', {"Retry-After": "1"})
    setup.server.script = lambda _, number: busy if number == 1 else _says("yes")
    started = time.monotonic()
    with setup.chat() as chat:
        (answer,) = chat.ask([_question("a")])
    assert (answer.outcome, answer.attempts) == ("ok", 1)
    assert time.monotonic() - started >= 1.0


def test_a_server_error_that_stays_is_a_failed_row(setup: Setup) -> None:
    setup.server.script = lambda _, __: WireReply(500, '{"error": "out of memory"}')
    with setup.chat() as chat:
        (answer,) = chat.ask([_question("a")])
    assert answer.outcome == "server_error"
    assert "out of memory" in (answer.error or "")
    assert len(setup.server.requests) == 3


def test_a_server_that_hangs_is_a_timeout(setup: Setup) -> None:
    setup.server.script = lambda _, __: _says("yes", seconds=0.6)
    with setup.chat(timeout_seconds=0.2) as chat:
        (answer,) = chat.ask([_question("a")])
    assert answer.outcome == "timeout"


@pytest.mark.parametrize("body", ['{"error": {"message": "overloaded"}}', "<html>", "", "[]", '{"choices": []}', '{"choices": [{"message": 3}]}'])
def test_a_good_status_with_a_bad_body_is_a_failed_row(setup: Setup, body: str) -> None:
    setup.server.script = lambda _, __: WireReply(200, body)
    with setup.chat(attempts=2) as chat:
        (answer,) = chat.ask([_question("a")])
    assert (answer.outcome, answer.attempts) == ("server_error", 2)
    assert [call.raw for call in setup.ledger.calls] == [body, body]


def test_a_prompt_that_is_too_long_is_not_asked_again(setup: Setup) -> None:
    setup.server.script = lambda _, __: WireReply(
        400, '{"error":{"message":"request (3031 tokens) exceeds the available context size (2048 tokens)"}}'
    )
    with setup.chat() as chat:
        (answer,) = chat.ask([_question("a")])
    assert (answer.outcome, len(setup.server.requests)) == ("too_long", 1)


def test_a_server_without_log_probabilities_is_asked_without(setup: Setup) -> None:
    def script(request: dict[str, Any], _: int) -> WireReply:
        return WireReply(400, '{"error": {"message": "logprobs is not supported"}}') if "logprobs" in request else _says('{"label": "yes"}')

    setup.server.script = script
    with setup.chat(kind="url", concurrency=1) as chat:
        answers = list(chat.ask([_question("a"), _question("b")]))
    assert [(answer.outcome, answer.text, answer.scores) for answer in answers] == [("ok", "yes", None)] * 2
    assert len(setup.server.requests) == 3


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_ends_the_run_and_is_never_shown(setup: Setup, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    setup.server.script = lambda _, __: WireReply(status, json.dumps({"error": {"message": f"bad key {KEY}"}}))
    with setup.chat(key_env="MY_KEY") as chat, pytest.raises(EngineError) as caught:
        list(chat.ask([_question("a")]))
    assert setup.server.keys == [f"Bearer {KEY}"]
    assert KEY not in str(caught.value)
    assert all(word in str(caught.value) for word in ("MY_KEY", "'m'", setup.server.address))


def test_a_key_that_the_server_echoes_is_not_recorded(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    setup.server.script = lambda _, number: WireReply(400, f"no {KEY}") if number == 1 else WireReply(200, f"no {KEY}")
    with setup.chat(key_env="MY_KEY", attempts=2) as chat:
        answers = list(chat.ask([_question("a"), _question("b")]))
    assert KEY not in repr(answers)
    assert KEY not in repr(setup.ledger.calls)


def test_a_key_that_is_not_set_is_reported_before_any_call(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(EngineError, match="MY_KEY"), setup.chat(key_env="MY_KEY"):
        pass


def test_a_model_that_is_not_there_ends_the_run(setup: Setup) -> None:
    setup.server.script = lambda _, __: WireReply(404, "{}")
    with setup.chat() as chat, pytest.raises(EngineError, match="'m'"):
        list(chat.ask([_question("a")]))
    with setup.chat(model="other") as chat, pytest.raises(EngineError, match="it has: m"):
        list(chat.ask([_question("a")]))


def test_nobody_listening_is_an_engine_error(setup: Setup) -> None:
    with setup.chat(base_url="http://127.0.0.1:9/v1") as chat, pytest.raises(EngineError, match="No server answers"):
        list(chat.ask([_question("a")]))


def test_a_server_that_dies_is_gone_and_what_was_answered_is_kept(setup: Setup) -> None:
    setup.server.script = lambda _, __: _says("yes")
    with setup.chat(concurrency=1) as chat:
        assert len(list(chat.ask([_question("a")]))) == 1
        setup.server.shutdown()
        setup.server.server_close()
        with pytest.raises(EngineGoneError, match="Start it again"):
            list(chat.ask([_question("b")]))
    assert [call.outcome for call in setup.ledger.calls] == ["ok"]


def test_stopping_early_keeps_what_was_answered(setup: Setup) -> None:
    setup.server.script = lambda _, __: _says("yes")
    with setup.chat(concurrency=2) as chat:
        answers = chat.ask(_question(str(number)) for number in range(1000))
        next(answers)
        answers.close()
    assert 1 <= len(setup.ledger.calls) <= 20
    assert len(setup.ledger.calls) == len(setup.server.requests)


def test_an_error_in_the_questions_keeps_what_was_answered(setup: Setup) -> None:
    setup.server.script = lambda _, __: _says("yes")

    def questions() -> Iterator[Question]:
        yield from (_question(str(number)) for number in range(64))
        raise KeyError("no such text")

    with setup.chat() as chat, pytest.raises(KeyError):
        list(chat.ask(questions()))
    assert len(setup.ledger.calls) == len(setup.server.requests) > 0


def test_calls_are_recorded_from_the_consuming_thread_in_groups(setup: Setup) -> None:
    setup.server.script = lambda _, __: _says("yes")
    threads, sizes = set(), []
    record = setup.ledger.record

    class Watched(MemoryLedger):
        def record(self, calls: Any) -> None:
            threads.add(threading.current_thread())
            sizes.append(len(calls))
            record(calls)

    with Setup(setup.server, Watched()).chat() as chat:
        list(chat.ask(_question(str(number)) for number in range(200)))
    assert threads == {threading.current_thread()}
    assert sum(sizes) == 200
    assert len(sizes) <= 20


def test_a_proxy_does_not_stand_between_us_and_this_machine(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    setup.server.script = lambda _, __: _says("yes")
    with setup.chat() as chat:
        assert [answer.outcome for answer in chat.ask([_question("a")])] == ["ok"]


def test_describe_says_what_a_server_has(setup: Setup) -> None:
    there = EngineSettings.model_validate({"kind": "url", "model": "m", "base_url": setup.server.address})
    assert describe_engine(there) == [(f"server {setup.server.address}", True, "answers, and has m")]
    gone = EngineSettings.model_validate({"kind": "url", "model": "m", "base_url": "http://127.0.0.1:9/v1", "key_env": "NOT_SET_ANYWHERE"})
    assert [ok for _, ok, _ in describe_engine(gone)] == [False, False]


def test_the_model_of_a_remote_server_is_its_name(setup: Setup) -> None:
    assert RemoteServer(EngineSettings.model_validate({"kind": "url", "model": "m", "base_url": setup.server.address})).identity == "m"
    with setup.chat() as chat:
        assert isinstance(chat, OpenAIChat)
        assert chat.model == "m"


def _question(text: str, form: AnswerForm = YES_NO) -> Question:
    return Question("test", "prompt:1", (Message("user", text),), form, max_tokens=16)


def _says(text: str, *, finish: str = "stop", usage: object = None, top: dict[str, float] | None = None, seconds: float = 0.0) -> WireReply:
    listed = [{"token": token, "logprob": value} for token, value in (top or {}).items()]
    logprobs = {"content": [{"token": text, "logprob": -0.1, "top_logprobs": listed}]} if top else None
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish, "logprobs": logprobs}
    return WireReply(200, json.dumps({"choices": [choice], "usage": usage}), seconds=seconds)
