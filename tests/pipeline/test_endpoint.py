"""A student behind HTTP: what it answers, what it refuses, that requests are scored together, and that nothing is lost when it stops."""

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest

from pipeline.embedding import Matrix
from pipeline.endpoint import listening
from pipeline.errors import EndpointError, WeightsError
from pipeline.students import LoadedStudent, TextClassifier
from tests.endpoints import SECRET, FailingEmbedder, GatedEmbedder, ask, endpoint_of, see, served, sure_student
from tests.fitted import ABOUT, CATEGORIES, NAMES, HashedEmbedder, example_texts, fitted_student, fitted_voice


@pytest.fixture(scope="module")
def student() -> LoadedStudent:
    return sure_student()


def test_predictions_are_those_of_the_library_with_all_that_the_student_can_say(student: LoadedStudent) -> None:
    texts = example_texts(2, seed=5)
    status, said = served(endpoint_of(student), lambda session: ask(session, {"texts": texts, "top": 2}))
    expected = TextClassifier(student, HashedEmbedder()).predict(texts, top=2)
    assert status == 200
    assert said == {"classifier_id": "student:1", "predictions": [one.as_row() for one in expected]}
    first = said["predictions"][0]
    assert set(first) == {"category", "category_id", "probability", "abstained", "members", "novelty", "alternatives", "also"}
    assert (first["category"], first["members"][0], first["abstained"]) == ("Late Parcels", "cat:a", False)
    assert [set(other) for other in first["alternatives"]] == [{"category_id", "category", "probability"}]
    assert 0 <= first["novelty"] <= 1


def test_health_labels_and_metrics_tell_what_there_is(student: LoadedStudent) -> None:
    async def use(session: aiohttp.ClientSession) -> list[tuple[int, Any]]:
        await ask(session, {"texts": ["late parcel", "refund"]})
        await ask(session, b"{")
        return [await see(session, path) for path in ("/health", "/labels", "/metrics", "/nowhere", "/predict")]

    (ok, health), (_, labels), (_, metrics), lost, wrong = served(endpoint_of(student, max_batch=8), use)
    assert ok == 200
    assert {key: health[key] for key in ("ok", "classifier_id", "taxonomy_id", "loaded", "open_requests")} == {
        "ok": True, "classifier_id": "student:1", "taxonomy_id": "taxonomy:1", "loaded": True, "open_requests": 0
    }  # fmt: skip
    assert health["uptime"] > 0
    assert health["limits"] == {"max_batch": 8, "max_chars": 10_000, "max_queue": 256}
    assert [(one["category_id"], one["name"]) for one in labels["labels"]] == list(zip(CATEGORIES, NAMES, strict=True))
    assert labels["labels"][0] == {"category_id": "cat:a", "name": "Late Parcels", "parents": ["Shop"], "description": "Parcels that are late."}
    assert labels["labels"][1]["description"] is None
    for status in (200, 400):
        assert f'linnaeus_requests_total{{path="/predict",status="{status}"}} 1\n' in metrics
    assert "linnaeus_errors_total 1\n" in metrics
    assert "linnaeus_texts_total 2\n" in metrics
    assert (lost[0], lost[1]["error"]["reason"]) == (404, "not_found")
    assert (wrong[0], wrong[1]["error"]["reason"]) == (405, "wrong_method")


@pytest.mark.parametrize(
    ("body", "status", "reason", "said"),
    [
        (b"", 400, "bad_json", "not JSON: Expecting value at character 1"),
        (b'{"texts": ["a"', 400, "bad_json", "at character 15"),
        (b'{"texts": ["\xff"]}', 400, "bad_json", "not UTF-8: byte 13"),
        (b"[" * 100_000, 400, "bad_json", "nested too deep"),
        (["a"], 400, "wrong_type", "The body is a list; expected an object"),
        ({}, 400, "wrong_type", "texts is missing; expected a list of strings"),
        ({"texts": "refund"}, 400, "wrong_type", "texts is a string; expected a list"),
        ({"texts": ["a", 7, None]}, 400, "wrong_type", "texts[1], texts[2] are a whole number; expected a string"),
        ({"texts": ["a", " \n"]}, 400, "empty_text", "texts[1] is empty or white space"),
        ({"texts": ["a"], "top": 0}, 400, "wrong_type", "top is 0; expected a whole number from 1 on"),
        ({"texts": ["a"], "top": True}, 400, "wrong_type", "top is true or false"),
        ({"texts": ["a"], "topp": 1}, 400, "unknown_key", "no key 'topp'; the keys are texts, top, metadata"),
        ({"texts": ["a"], "metadata": {}}, 400, "wrong_type", "metadata is something else"),
        ({"texts": ["a"], "metadata": [{}, {}]}, 400, "wrong_length", "1 texts came with metadata of 2"),
        ({"texts": ["a"] * 5}, 413, "too_many_texts", "5 texts in one request; at most 4"),
        ({"texts": ["a", "b" * 21]}, 413, "text_too_long", "texts[1] is too long: 21 characters, and at most 20"),
        (b" " * 10_000, 413, "body_too_large", "The body has more than 5720 bytes"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_reason(student: LoadedStudent, body: Any, status: int, reason: str, said: str) -> None:
    async def use(session: aiohttp.ClientSession) -> tuple[tuple[int, Any], tuple[int, Any]]:
        return await ask(session, body), await ask(session, {"texts": ["refund"]})

    limits = {} if reason == "bad_json" else {"max_batch": 4, "max_chars": 20}
    (found, error), (after, _) = served(endpoint_of(student, **limits), use)
    assert (found, error["error"]["status"], error["error"]["reason"]) == (status, status, reason)
    assert said in error["error"]["message"]
    assert after == 200


def test_odd_texts_are_read_as_the_corpus_reads_them(student: LoadedStudent) -> None:
    texts = ["refund \ud800 money", "refund\0 card", "\u202e" * 8, "🧾" * 400]
    status, said = served(endpoint_of(student), lambda session: ask(session, {"texts": texts}))
    assert status == 200
    assert [one["category_id"] for one in said["predictions"]][:2] == ["cat:b", "cat:b"]
    assert served(endpoint_of(student), lambda session: ask(session, {"texts": []}))[1]["predictions"] == []


def test_columns_beside_the_text_are_asked_for_where_the_student_looks_at_them() -> None:
    reader = LoadedStudent(fitted_student(fitted_voice("logistic_regression", ["metadata"])), ABOUT)
    rows = [{"size": float(place), "shop": "abc"[place], "when": "2026-01-05T10:00:00"} for place in (2, 0)]

    async def use(session: aiohttp.ClientSession) -> list[tuple[int, Any]]:
        return [await ask(session, {"texts": ["x", "y"], **more}) for more in ({"metadata": rows}, {"metadata": [{}, {}]}, {})]

    given, empty, missing = served(endpoint_of(reader), use)
    assert [one["category_id"] for one in given[1]["predictions"]] == ["cat:c", "cat:a"]
    assert empty[0] == 200
    assert (missing[0], missing[1]["error"]["reason"]) == (400, "no_metadata")


def test_requests_that_arrive_while_others_are_scored_are_scored_together(student: LoadedStudent) -> None:
    embedder, texts = GatedEmbedder(), example_texts(11, seed=8)

    async def use(session: aiohttp.ClientSession) -> list[Any]:
        embedder.batches.clear()
        embedder.reached.clear()
        embedder.gate.clear()
        asked = [asyncio.create_task(ask(session, {"texts": texts[:1], "top": 1}))]
        await asyncio.to_thread(embedder.reached.wait, 30)
        asked += [asyncio.create_task(ask(session, {"texts": [text], "top": 1 + place % 3})) for place, text in enumerate(texts[1:], start=1)]
        while (await see(session, "/health"))[1]["open_requests"] < len(texts):
            await asyncio.sleep(0.01)
        embedder.gate.set()
        return list(await asyncio.gather(*asked))

    found = served(endpoint_of(student, embedder), use)
    assert embedder.batches == [1, len(texts) - 1], "the first alone, then all that came meanwhile"
    assert all(status == 200 for status, _ in found)
    assert [said["predictions"][0]["category_id"] for _, said in found] == [one for one in CATEGORIES for _ in range(11)]
    assert [len(said["predictions"][0]["alternatives"]) for _, said in found] == [place % 3 for place in range(len(texts))]


def test_a_request_that_cannot_be_scored_costs_only_itself_and_shows_no_text(student: LoadedStudent, caplog: pytest.LogCaptureFixture) -> None:
    async def use(session: aiohttp.ClientSession) -> list[Any]:
        return list(await asyncio.gather(*(ask(session, {"texts": [text]}) for text in ("late parcel", SECRET, "refund", "login"))))

    with caplog.at_level(logging.DEBUG):
        found = served(endpoint_of(student, FailingEmbedder()), use)
    assert [status for status, _ in found] == [200, 500, 200, 200]
    assert found[1][1]["error"]["reason"] == "failed"
    assert "zebra" not in json.dumps(found)
    assert "A request failed with ValueError at" in caplog.text
    assert "zebra" not in caplog.text


def test_nothing_that_is_sent_is_logged_not_even_of_what_is_no_http(
    student: LoadedStudent, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    async def use(session: aiohttp.ClientSession) -> None:
        await ask(session, {"texts": [SECRET]})
        await ask(session, f'{{"texts": [{SECRET}'.encode())
        async with session.get("/health") as response:
            reader, writer = await asyncio.open_connection(response.url.host, response.url.port)
        writer.write(f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n{{}} {SECRET}\r\n\r\n".encode())
        await asyncio.wait_for(reader.read(), 30)
        writer.close()

    with caplog.at_level(logging.DEBUG):
        served(endpoint_of(student), use)
    assert "zebra" not in caplog.text + "".join(capfd.readouterr())


def test_too_many_at_once_are_refused_and_the_others_answered(student: LoadedStudent) -> None:
    embedder = GatedEmbedder()

    async def use(session: aiohttp.ClientSession) -> tuple[list[Any], Any, Any]:
        embedder.gate.clear()
        asked = [asyncio.create_task(ask(session, {"texts": ["refund"]})) for _ in range(3)]
        while (await see(session, "/health"))[1]["open_requests"] < 3:
            await asyncio.sleep(0.01)
        async with session.post("/predict", json={"texts": ["refund"]}) as refused:
            error = (refused.status, refused.headers["Retry-After"], (await refused.json())["error"]["reason"])
        embedder.gate.set()
        return list(await asyncio.gather(*asked)), error, await ask(session, {"texts": ["refund"]})

    answered, refused, after = served(endpoint_of(student, embedder, max_queue=3), use)
    assert refused == (429, "1", "too_many_requests")
    assert [status for status, _ in answered] == [200, 200, 200]
    assert after[0] == 200


def test_before_it_has_loaded_it_says_so(student: LoadedStudent) -> None:
    async def use(session: aiohttp.ClientSession) -> tuple[Any, Any]:
        return (await see(session, "/health"))[1]["loaded"], await ask(session, {"texts": ["refund"]})

    loaded, (status, said) = served(endpoint_of(student), use, load=False)
    assert (loaded, status, said["error"]["reason"]) == (False, 503, "not_loaded")


def test_a_client_that_has_gone_is_not_scored_for(student: LoadedStudent) -> None:
    embedder = GatedEmbedder()

    async def use(session: aiohttp.ClientSession) -> None:
        embedder.gate.clear()
        embedder.reached.clear()
        first = asyncio.create_task(ask(session, {"texts": ["refund"]}))
        await asyncio.to_thread(embedder.reached.wait, 30)
        gone = asyncio.create_task(ask(session, {"texts": ["parcel"] * 7}))
        while (await see(session, "/health"))[1]["open_requests"] < 2:
            await asyncio.sleep(0.01)
        gone.cancel()
        while (await see(session, "/health"))[1]["open_requests"] > 1:
            await asyncio.sleep(0.01)
        embedder.gate.set()
        assert (await first)[0] == 200
        await ask(session, {"texts": ["login"]})

    served(endpoint_of(student, embedder), use)
    assert 7 not in embedder.batches


def test_what_was_taken_is_answered_when_it_stops(student: LoadedStudent) -> None:
    embedder = GatedEmbedder()

    async def run() -> tuple[list[Any], Any]:
        endpoint = endpoint_of(student, embedder)
        async with aiohttp.ClientSession() as session:
            async with listening(endpoint, host="127.0.0.1", port=0) as address:
                await endpoint.load()
                embedder.gate.clear()
                texts = [{"texts": ["refund"]}, {"texts": ["late parcel"]}]
                asked = [asyncio.create_task(session.post(f"{address}/predict", json=body)) for body in texts]
                while (await see(session, f"{address}/health"))[1]["open_requests"] < 2:
                    await asyncio.sleep(0.01)
                stopping = asyncio.create_task(endpoint.stop())
                await asyncio.sleep(0)
                late = (await see(session, f"{address}/health")), (await session.post(f"{address}/predict", json={"texts": ["x"]})).status
                assert not stopping.done()
                asyncio.get_running_loop().call_later(0.3, embedder.gate.set)
            return [(await task).status for task in asked], late

    answered, ((status, health), refused) = asyncio.run(run())
    assert answered == [200, 200]
    assert (status, health["ok"], refused) == (503, False, 503)


def test_an_address_that_is_taken_and_weights_that_are_missing_are_named_errors(student: LoadedStudent) -> None:
    class Missing(HashedEmbedder):
        def embed(self, texts: Sequence[str]) -> Matrix:
            raise WeightsError("There are no weights.")

    async def twice() -> None:
        async with listening(endpoint_of(student), host="127.0.0.1", port=0) as address:
            port = int(address.rpartition(":")[2])
            with pytest.raises(EndpointError, match=rf"Cannot listen on port {port} of 127\.0\.0\.1: .*Name another with --port"):
                async with listening(endpoint_of(student), host="127.0.0.1", port=port):
                    pass

    asyncio.run(twice())
    with pytest.raises(WeightsError):
        asyncio.run(endpoint_of(student, Missing()).load())
