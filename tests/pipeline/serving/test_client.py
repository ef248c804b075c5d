"""Asking: what is answered, in which order, and what the ledger keeps, against a real HTTP server that a script drives."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from pipeline.serving.client import OpenAIChat
from pipeline.serving.contract import AnswerForm, Line, Message, Question, Structured
from pipeline.serving.engines import RemoteServer, describe_engine
from pipeline.settings import EngineSettings, PriceSettings
from pipeline.testing_server import WireReply
from tests.wire import YES_NO, Setup, question, says

pytestmark = pytest.mark.usefixtures("short_pauses")


class Phrase(BaseModel):
    """An object that the model writes."""

    phrase: str


def test_an_answer_is_recorded_with_its_cost(setup: Setup) -> None:
    setup.server.script = lambda _, __: says("yes", usage={"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}})
    with setup.chat() as chat:
        answers = list(chat.ask([question("a")]))
    assert [(answer.outcome, answer.text, answer.from_ledger) for answer in answers] == [("ok", "yes", False)]
    (call,) = setup.ledger.calls
    assert (call.tokens_in, call.tokens_cached, call.tokens_out, call.attempt, call.outcome) == (9, 4, 2, 1, "ok")
    assert json.loads(call.answer or "") == {"text": "yes", "scores": None}
    assert call.milliseconds > 0
    assert call.raw is None


def test_a_second_run_makes_no_call(setup: Setup) -> None:
    setup.server.script = lambda _, __: says("yes", top={"yes": -0.1, "no": -2.4})
    questions = [question(str(number)) for number in range(100)]
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
    setup.server.script = lambda _, __: says('```json\n{"phrase": "oil"}\n```')
    same = question("a", Structured(Phrase))
    with setup.chat() as chat:
        answers = [*chat.ask([same]), *chat.ask([same])]
    assert [answer.value for answer in answers] == [Phrase(phrase="oil")] * 2
    assert len(setup.server.requests) == 1


def test_equal_questions_in_one_run_are_asked_once(setup: Setup) -> None:
    setup.server.script = lambda _, __: says("yes")
    with setup.chat() as chat:
        assert len(list(chat.ask([question("a")] * 200))) == 200
    assert len(setup.server.requests) == 1


def test_answers_keep_their_order_and_the_window_slides(setup: Setup) -> None:
    def script(request: dict[str, Any], number: int) -> WireReply:
        return says(request["messages"][-1]["content"], seconds=0.3 if number == 1 else 0.002)

    setup.server.script = script
    read: list[int] = []

    def questions() -> Iterator[Question]:
        for number in range(1000):
            read.append(number)
            yield question(str(number), Line())

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
    setup.server.script = lambda _, number: says(bad if number == 1 else good)
    with setup.chat() as chat:
        (answer,) = chat.ask([question("a", form)])
    assert (answer.outcome, answer.attempts) == ("ok", 2)
    written = isinstance(form, Structured)  # what is chosen among options does not change by warmth
    assert [request["temperature"] for request in setup.server.requests] == [0.0, 0.1 if written else 0.0]
    told = [message["role"] for message in setup.server.requests[1]["messages"]]
    assert told == (["user", "assistant", "user"] if isinstance(form, Structured) else ["user"])
    assert [(call.outcome, call.raw, call.answer is None) for call in setup.ledger.calls] == [(outcome, bad, True), ("ok", None, False)]


def test_after_the_last_attempt_the_failure_is_the_answer(setup: Setup) -> None:
    setup.server.script = lambda _, __: says("maybe")
    with setup.chat(attempts=2) as chat:
        (answer,) = chat.ask([question("a")])
    assert (answer.outcome, answer.text, answer.attempts) == ("not_an_option", None, 2)
    assert "'maybe'" in (answer.error or "")


def test_a_truncated_answer_is_no_answer(setup: Setup) -> None:
    setup.server.script = lambda _, __: says("yes", finish="length")
    with setup.chat(attempts=1) as chat:
        (answer,) = chat.ask([question("a")])
    assert answer.outcome == "truncated"
    assert setup.ledger.calls[0].finish_reason == "length"


def test_stopping_early_keeps_what_was_answered(setup: Setup) -> None:
    setup.server.script = lambda _, __: says("yes")
    with setup.chat(concurrency=2) as chat:
        answers = chat.ask(question(str(number)) for number in range(1000))
        next(answers)
        answers.close()
    assert 1 <= len(setup.ledger.calls) <= 20
    assert len(setup.ledger.calls) == len(setup.server.requests)


def test_an_error_in_the_questions_keeps_what_was_answered(setup: Setup) -> None:
    setup.server.script = lambda _, __: says("yes")

    def questions() -> Iterator[Question]:
        yield from (question(str(number)) for number in range(64))
        raise KeyError("no such text")

    with setup.chat() as chat, pytest.raises(KeyError):
        list(chat.ask(questions()))
    assert len(setup.ledger.calls) == len(setup.server.requests) > 0


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


def test_a_row_of_the_ledger_says_all_of_a_call(setup: Setup) -> None:
    setup.server.pages["/version"] = '{"version": "0.11.2"}'
    setup.server.script = lambda _, __: says("yes", usage={"prompt_tokens": 1_000_000, "completion_tokens": 100_000})
    with setup.chat(keep_answers="all", prices={"input": 2.0, "output": 10.0}) as chat:
        list(chat.ask([question("a")]))
    (call,) = setup.ledger.calls
    assert (call.server, call.seed, call.parameters) == ("vllm 0.11.2", 0, {"max_tokens": 16, "temperature": 0.0})
    assert (call.answer_form or "").startswith("choice@")
    assert (call.raw, call.cost) == ("yes", 3.0)


def test_prices_count_cached_tokens_apart() -> None:
    assert PriceSettings(input=10, cached=1, output=20).cost(2_000_000, 1_500_000, 500_000) == pytest.approx(5 + 1.5 + 10)
    assert PriceSettings(input=10, output=20).cost(1_000_000, 400_000, 0) == pytest.approx(10)


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("<think>is it rain?</think>\nyes", "ok"),
        ("is it rain?</think>yes", "ok"),  # where the template itself opened the block
        ("<think>is it rain?</think>", "empty"),
        ("```\nyes\n```", "not_an_option"),
        ("Yes", "not_an_option"),
    ],
)
def test_reasoning_is_stripped_and_nothing_else_is_bent_into_an_option(setup: Setup, text: str, outcome: str) -> None:
    setup.server.script = lambda _, __: says(text)
    with setup.chat(attempts=1) as chat:
        assert [answer.outcome for answer in chat.ask([question("a")])] == [outcome]
    assert setup.server.requests[0]["chat_template_kwargs"] == {"enable_thinking": False}


def test_reasoning_without_an_answer_is_truncated(setup: Setup) -> None:
    setup.server.script = lambda _, __: says("<think>so many", finish="length")
    with setup.chat(attempts=1) as chat:
        assert [answer.outcome for answer in chat.ask([question("a")])] == ["truncated"]


def test_a_refusal_is_not_asked_again(setup: Setup) -> None:
    refused = {"choices": [{"message": {"role": "assistant", "content": None, "refusal": "I will not"}, "finish_reason": "stop"}]}
    setup.server.script = lambda _, __: WireReply(200, json.dumps(refused))
    with setup.chat() as chat:
        (answer,) = chat.ask([question("a")])
    assert (answer.outcome, answer.attempts) == ("refused", 1)


def test_the_first_of_its_kind_goes_ahead_so_that_the_opening_is_computed_once(setup: Setup) -> None:
    busy_at_first: list[int] = []

    def script(request: dict[str, Any], number: int) -> WireReply:
        if number <= 2:
            busy_at_first.append(setup.server.busy)
        return says("yes", seconds=0.05)

    setup.server.script = script
    with setup.chat() as chat:
        assert len(list(chat.ask(question(str(n), opening="x" * 2000) for n in range(20)))) == 20
    assert busy_at_first[0] == 1
    assert setup.server.busiest > 1


def test_what_was_asked_is_measured(setup: Setup) -> None:
    setup.server.pages["/metrics"] = 'vllm:num_requests_waiting{engine="0"} 3.0\nvllm:num_requests_waiting{engine="1"} 1.0\n'
    setup.server.script = lambda _, __: says(
        "yes", usage={"prompt_tokens": 10, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 8}}, seconds=0.1
    )
    with setup.chat(concurrency=2) as chat:
        list(chat.ask(question(str(n)) for n in range(10)))
        list(chat.ask(question(str(n)) for n in range(10)))
        now = chat.measured()
        assert chat.measured().questions == 0
    assert (now.questions, now.from_ledger, now.calls, now.failed_calls) == (20, 10, 10, 0)
    assert (now.tokens_in, now.tokens_cached, now.tokens_out, now.cost) == (100, 80, 20, None)
    assert now.most_in_flight == 2
    assert 0.4 <= now.busy_seconds <= now.seconds
    assert 1.0 <= now.in_flight <= 2.0
    assert now.queue
    assert set(now.queue) == {4.0}


def test_room_is_counted_by_the_server_where_it_is_not_ample(setup: Setup) -> None:
    setup.server.pages["/tokenize"] = '{"count": 900, "max_model_len": 1024}'
    short, long = [Message("user", "a few words")], [Message("user", "x" * 2000)]
    with setup.chat(context_tokens=2048) as chat:
        assert chat.room(short, 20) == 2048 - 11 - 16 - 20, "a token is a byte at least, so that nobody need be asked"
        assert setup.server.busiest == 0
        assert chat.room(long, 20) == 1024 - 900 - 20
    del setup.server.pages["/tokenize"]
    setup.server.script = lambda _, __: WireReply(404, "{}")
    with setup.chat(kind="url", context_tokens=2048) as chat:
        assert chat.room(long, 20) is None


def test_room_of_llama_cpp_counts_its_template(setup: Setup) -> None:
    setup.server.script = lambda _, __: WireReply(404, "{}")
    setup.server.pages["/apply-template"] = '{"prompt": "<|im_start|>user x"}'

    def tokenize(request: dict[str, Any], _: int) -> WireReply:
        return WireReply(200, json.dumps({"tokens": list(range(1500))})) if "content" in request else WireReply(404, "{}")

    setup.server.script = tokenize
    with setup.chat(context_tokens=2048) as chat:
        assert chat.room([Message("user", "x" * 2000)], 48) == 500
