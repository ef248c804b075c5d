"""A newer student behind HTTP: it takes over between two batches, and one that cannot serve leaves the old one in its place."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest

from pipeline.embedding import Matrix
from pipeline.endpoint import Endpoint, Newer, Served, watch
from pipeline.errors import ArtefactError, WeightsError
from pipeline.students import LoadedStudent
from tests.endpoints import SECRET, GatedEmbedder, Use, another, ask, endpoint_of, health, see, served, sure_student
from tests.fitted import HashedEmbedder, example_texts


@pytest.fixture(scope="module")
def student() -> LoadedStudent:
    return sure_student()


def test_a_student_is_replaced_between_two_batches_and_every_answer_says_whose_it_is(student: LoadedStudent) -> None:
    embedder = GatedEmbedder()
    endpoint = endpoint_of(student, embedder)

    async def use(session: aiohttp.ClientSession) -> tuple[list[Any], Any, Any]:
        embedder.reached.clear()
        embedder.gate.clear()
        first = asyncio.create_task(ask(session, {"texts": ["late parcel"]}))
        await asyncio.to_thread(embedder.reached.wait, 30)
        waiting = asyncio.create_task(ask(session, {"texts": ["late parcel"]}))
        while (await health(session))["open_requests"] < 2:
            await asyncio.sleep(0.01)
        await endpoint.replace(another(student))
        embedder.gate.set()
        answers = list(await asyncio.gather(first, waiting))
        return answers, await ask(session, {"texts": []}), (await see(session, "/labels"))[1]

    answers, empty, labels = served(endpoint, use)
    assert [status for status, _ in answers] == [200, 200]
    assert [(said["classifier_id"], said["predictions"][0]["category_id"]) for _, said in answers] == [("student:1", "cat:a"), ("student:2", "cat:b")]
    assert empty[1]["classifier_id"] == labels["classifier_id"] == "student:2"
    assert [one["description"] for one in labels["labels"]] == ["Money back.", None, None]


def test_no_request_is_lost_or_answered_by_two_while_students_come_and_go(student: LoadedStudent) -> None:
    endpoint, texts = endpoint_of(student), example_texts(4, seed=9)
    own = Served(endpoint.served.classifier)

    async def use(session: aiohttp.ClientSession) -> list[Any]:
        async def client(number: int) -> list[Any]:
            return [await ask(session, {"texts": texts[number : number + 3]}) for _ in range(15)]

        async def replace() -> None:
            for turn in range(12):
                await endpoint.replace(own if turn % 2 else another(student))

        clients = asyncio.gather(*(client(number) for number in range(6)))
        await replace()
        return [one for several in await clients for one in several]

    found = served(endpoint, use)
    assert len(found) == 90
    assert {status for status, _ in found} == {200}
    expected = {"student:1": ["cat:a"] * 4 + ["cat:b"] * 4 + ["cat:c"] * 4, "student:2": ["cat:b"] * 4 + ["cat:c"] * 4 + ["cat:a"] * 4}
    for place, (_, said) in enumerate(found):
        number = place // 15
        assert [one["category_id"] for one in said["predictions"]] == expected[said["classifier_id"]][number : number + 3]


def watched(endpoint: Endpoint, newer: Newer, use: Use) -> tuple[Any, list[str]]:
    """Use an endpoint that looks for a newer student all the time, and give what the use gives and what was told."""
    told: list[str] = []

    async def watching(session: aiohttp.ClientSession) -> Any:
        task = asyncio.create_task(watch(endpoint, newer, tell=told.append, every=0.01))
        try:
            return await use(session)
        finally:
            task.cancel()

    return served(endpoint, watching), told


async def until(session: aiohttp.ClientSession, classifier_id: str | None = None, refused: str | None = None) -> dict[str, Any]:
    for _ in range(1000):
        found = await health(session)
        if (classifier_id, refused) in {(found["classifier_id"], found["newer_refused"]), (None, found["newer_refused"])}:
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(found)


def test_a_newer_student_is_served_as_soon_as_it_is_found(student: LoadedStudent) -> None:
    looks: list[Served | None] = [None, None, another(student)]

    async def use(session: aiohttp.ClientSession) -> Any:
        before = await ask(session, {"texts": ["refund"]})
        await until(session, "student:2")
        return before, await ask(session, {"texts": ["refund"]})

    (before, after), told = watched(endpoint_of(student), lambda: looks.pop(0) if looks else None, use)
    assert (before[1]["classifier_id"], after[1]["classifier_id"]) == ("student:1", "student:2")
    assert told == ["Serving student:2 now in place of student:1"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (ArtefactError("model.skops is damaged."), "model.skops is damaged."),
        (ZeroDivisionError(SECRET), "It failed with ZeroDivisionError; the server's log says where."),
    ],
)
def test_one_that_cannot_be_opened_leaves_the_old_one_and_is_told_of_once(
    student: LoadedStudent, wrong: Exception, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    looks, endpoint, good = [0], endpoint_of(student), another(student)
    mended = threading.Event()

    def newer() -> Served | None:
        looks[0] += 1
        if mended.is_set():
            return good
        raise wrong

    async def use(session: aiohttp.ClientSession) -> Any:
        refused = await until(session, "student:1", refused=said)
        while looks[0] < 4:
            await asyncio.sleep(0.01)
        answered = await ask(session, {"texts": ["refund"]})
        mended.set()
        return refused, answered, await until(session, "student:2")

    (refused, (status, answer), after), told = watched(endpoint, newer, use)
    assert refused["ok"]
    assert (status, answer["classifier_id"]) == (200, "student:1")
    assert after["newer_refused"] is None
    assert told == [
        f"A newer student is not taken into use, and student:1 answers on. {said}",
        "Serving student:2 now in place of student:1",
    ]
    assert "zebra" not in caplog.text


def test_one_that_can_be_opened_but_cannot_score_is_not_taken_and_going_back_clears_it(student: LoadedStudent) -> None:
    class Missing(HashedEmbedder):
        def embed(self, texts: Sequence[str]) -> Matrix:
            raise WeightsError("There are no weights.")

    endpoint, back = endpoint_of(student), threading.Event()
    bad = another(student, embedder=Missing())

    async def use(session: aiohttp.ClientSession) -> Any:
        await until(session, "student:1", refused="There are no weights.")
        answered = await ask(session, {"texts": ["refund"]})
        back.set()
        return answered, await until(session, "student:1", refused=None)

    ((status, answer), _), told = watched(endpoint, lambda: endpoint.served if back.is_set() else bad, use)
    assert (status, answer["classifier_id"]) == (200, "student:1")
    assert len(told) == 1
