"""The limit of calls in flight, against servers whose throughput is a formula."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.serving.flow import Flow, Gate


class Clock:
    """A time that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def drive(flow: Flow, clock: Clock, rate: float, calls: int) -> None:
    """Answer calls at a rate that the server keeps at the present limit."""
    for _ in range(calls):
        clock.now += 1 / rate
        flow.answered(wanted=True)


@pytest.mark.parametrize("places", [16, 40, 100])
def test_the_limit_finds_what_the_server_can_take_up(places: int) -> None:
    clock = Clock()
    flow = Flow(8, 256, clock)
    for _ in range(4000):
        drive(flow, clock, 5.0 * min(flow.limit, places), 10)  # each call takes 0.2 s; more than `places` only queue
    assert 0.8 * places <= flow.limit <= 2.0 * places


@given(st.integers(0, 2**32 - 1))
def test_noise_does_not_lead_it_astray(seed: int) -> None:
    clock, noise = Clock(), random.Random(seed)
    flow = Flow(8, 256, clock)
    for _ in range(1500):
        drive(flow, clock, 4.0 * min(flow.limit, 32) * noise.uniform(0.9, 1.1), 10)
    assert 16 <= flow.limit <= 128


def test_a_refusal_lowers_it_once_and_it_recovers() -> None:
    clock = Clock()
    flow = Flow(100, 256, clock)
    clock.now = 10.0
    for _ in range(20):
        flow.refused()
    assert flow.limit == 100, "a few may be accidents"
    for _ in range(60):
        flow.refused()
    assert flow.limit == 70, "those of one moment are one wish"
    for _ in range(3000):
        drive(flow, clock, 10.0 * flow.limit, 10)
    assert flow.limit > 100


def test_a_long_queue_at_the_server_lowers_it() -> None:
    flow = Flow(64, 256, Clock())
    flow.reported(40.0)
    assert flow.limit == 64, "one report may be chance"
    flow.reported(40.0)
    assert flow.limit == 44
    flow.reported(3.0)
    flow.reported(3.0)
    assert flow.limit == 44


def test_too_few_questions_say_nothing_of_the_server() -> None:
    clock = Clock()
    flow = Flow(8, 256, clock)
    for _ in range(1000):
        clock.now += 0.1
        flow.answered(wanted=False)
    assert flow.limit == 8


def test_it_stays_within_its_bounds() -> None:
    clock = Clock()
    flow = Flow(8, 20, clock)
    for _ in range(1000):
        drive(flow, clock, 10.0 * flow.limit, 10)
    assert flow.limit == 20
    for _ in range(500):
        clock.now += 2.0
        flow.refused()
    assert flow.limit == 1


def test_the_gate_lets_in_as_many_as_the_flow_allows_in_order() -> None:
    async def run() -> list[int]:
        gate, order, most = Gate(Flow(3, 3)), [], 0

        async def one(number: int) -> None:
            nonlocal most
            await gate.enter()
            most = max(most, gate.inside)
            order.append(number)
            await asyncio.sleep(0.001)
            gate.leave()

        await asyncio.gather(*(one(number) for number in range(20)))
        assert most == 3
        assert gate.inside == 0
        return order

    assert asyncio.run(run()) == list(range(20))


def test_a_gate_that_is_shut_sends_the_waiting_away() -> None:
    async def run() -> None:
        gate = Gate(Flow(1, 1))
        await gate.enter()
        waiting = asyncio.create_task(gate.enter())
        await asyncio.sleep(0)
        gate.shut()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        gate.reopen()
        gate.leave()
        await gate.enter()
        assert gate.inside == 1

    asyncio.run(run())
