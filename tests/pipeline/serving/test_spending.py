"""The budget: no cap is ever passed, and what is in flight is waited for before a call is refused."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engine_settings import BudgetSettings, PriceSettings
from pipeline.errors import BudgetReachedError
from pipeline.serving.spending import Reserved, Spending
from pipeline.testing_server import WireReply
from tests.wire import Setup, question, says


@given(
    st.lists(st.tuples(st.integers(1, 3000), st.floats(0.05, 1.0), st.integers(1, 50), st.integers(0, 3)), max_size=60),
    st.integers(100, 20_000),
    st.integers(1, 40),
)
def test_no_cap_is_passed_whatever_calls_take(calls: list[tuple[int, float, int, int]], tokens: int, most: int) -> None:
    spending = Spending(BudgetSettings(tokens=tokens, calls=most))
    flying: list[tuple[Reserved, int, int, int]] = []
    used = made = 0

    def settle() -> None:
        nonlocal used, made
        reserved, tokens_in, tokens_out, size = flying.pop(0)
        used, made = used + tokens_in + tokens_out, made + 1
        spending.settle(reserved, tokens_in=tokens_in, tokens_out=tokens_out, cost=0.0, prompt_bytes=size)

    for size, density, longest, keep in calls:
        wanted = spending.bound(size, longest, None)
        try:
            while not spending.admit(wanted):
                settle()
        except BudgetReachedError:
            assert not flying
            break
        flying.append((wanted, min(wanted.tokens - longest, int(size * density)), longest, size))
        while len(flying) > keep:
            settle()
    while flying:
        settle()
    assert used <= tokens
    assert made <= most


def test_money_is_capped_by_prices() -> None:
    prices = PriceSettings(input=1_000_000, output=1_000_000)  # one a token
    spending = Spending(BudgetSettings(money=200.0))
    wanted = spending.bound(100, 10, prices)
    assert wanted.cost == pytest.approx(174.0)
    assert spending.admit(wanted)
    spending.settle(wanted, tokens_in=100, tokens_out=10, cost=110.0, prompt_bytes=100)
    with pytest.raises(BudgetReachedError, match=r"110\.0000 of 200 is spent.*budget\.money"):
        spending.admit(wanted)


def test_minutes_count_from_the_first_call() -> None:
    spending = Spending(BudgetSettings(minutes=0.0005))
    time.sleep(0.05)
    wanted = spending.bound(10, 1, None)
    assert spending.admit(wanted)
    spending.release(wanted)
    time.sleep(0.05)
    with pytest.raises(BudgetReachedError, match=r"budget\.minutes"):
        spending.admit(wanted)


def test_a_run_goes_on_from_what_it_has_spent() -> None:
    with pytest.raises(BudgetReachedError, match="7 of 7 calls"):
        spending = Spending(BudgetSettings(calls=7), calls=7)
        spending.admit(spending.bound(1, 1, None))


@pytest.mark.usefixtures("short_pauses")
def test_the_cap_ends_the_asking_and_keeps_every_answer(setup: Setup) -> None:
    answered: list[str] = []

    def script(request: dict[str, Any], number: int) -> WireReply:
        if number % 5 == 0:
            return WireReply(500, "no")
        answered.append(request["messages"][-1]["content"])
        return says("yes")

    setup.server.script = script
    with setup.chat(spending=Spending(BudgetSettings(calls=20))) as chat, pytest.raises(BudgetReachedError, match="20 of 20"):
        list(chat.ask(question(str(n)) for n in range(100)))
    assert len(setup.server.requests) == len(setup.ledger.calls) == 20, "failed calls count too, and none is made beyond the cap"
    with setup.chat() as chat:
        assert [answer.outcome for answer in chat.ask(question(str(n)) for n in range(16))] == ["ok"] * 16
    assert len(answered) == len(set(answered)), "what was answered is not asked again"
