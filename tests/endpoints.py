"""A small student behind HTTP, what is asked of it, and embedders that wait or fail."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
import numpy as np

from pipeline.embedding import Embedder, Matrix
from pipeline.endpoint import Endpoint, Limits, Served, listening
from pipeline.students import LoadedStudent, TextClassifier, fit_certainty, fit_novelty
from tests.fitted import ABOUT, HashedEmbedder, example_inputs, fitted_student

__all__ = [
    "SECRET",
    "FailingEmbedder",
    "GatedEmbedder",
    "Use",
    "another",
    "ask",
    "endpoint_of",
    "health",
    "see",
    "served",
    "sure_student",
]

SECRET = "courier zebra-4711"
Use = Callable[[aiohttp.ClientSession], Awaitable[Any]]


class GatedEmbedder(HashedEmbedder):
    """Waits at a gate, so that a test decides what arrives meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.reached = threading.Event(), threading.Event()
        self.gate.set()

    def embed(self, texts: Sequence[str]) -> Matrix:
        self.reached.set()
        assert self.gate.wait(30)
        return super().embed(texts)


class FailingEmbedder(HashedEmbedder):
    """Fails at one text, and shows it in the message."""

    def embed(self, texts: Sequence[str]) -> Matrix:
        if SECRET in texts:
            raise ValueError(f"cannot read {SECRET}")
        return super().embed(texts)


def endpoint_of(student: LoadedStudent, embedder: Embedder | None = None, **limits: int) -> Endpoint:
    return Endpoint(TextClassifier(student, embedder or HashedEmbedder()), limits=Limits(**limits), descriptions={"cat:a": "Parcels that are late."})


def served(endpoint: Endpoint, use: Use, *, load: bool = True) -> Any:
    """Use a listening endpoint, and give what the use gives."""

    async def run() -> Any:
        async with listening(endpoint, host="127.0.0.1", port=0) as address, aiohttp.ClientSession(address) as session:
            if load:
                await endpoint.load()
            return await use(session)

    return asyncio.run(run())


async def ask(session: aiohttp.ClientSession, body: Any) -> tuple[int, dict[str, Any]]:
    """Post a body, as it is where it is bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with session.post("/predict", data=data) as response:
        assert response.content_type == "application/json"
        return response.status, await response.json()


async def see(session: aiohttp.ClientSession, path: str) -> tuple[int, Any]:
    async with session.get(path) as response:
        return response.status, await response.json() if response.content_type == "application/json" else await response.text()


# --- a newer student -------------------------------------------------------------------------------------------------


def another(student: LoadedStudent, number: int = 2, embedder: Embedder | None = None) -> Served:
    """Give a student that mistakes each category for the next one, so that its answers tell it from the first."""
    turned = {key: [*student.card[key][1:], student.card[key][0]] for key in ("categories", "names", "parents")}
    card = {**student.card, **turned, "classifier_id": f"student:{number}"}
    return Served(TextClassifier(LoadedStudent(student.model, card), embedder or HashedEmbedder()), {"cat:b": "Money back."})


async def health(session: aiohttp.ClientSession) -> dict[str, Any]:
    return dict((await see(session, "/health"))[1])


def sure_student() -> LoadedStudent:
    """Fit a student with novelty and certainty."""
    model, seen = fitted_student(), example_inputs(40, seed=3)
    truth = np.eye(3)[np.repeat(np.arange(3), 40)]
    model.novelty = fit_novelty(seen.vectors, seed=1).as_arrays()
    certainty, _ = fit_certainty(
        model.decision_function(seen), truth, known=np.ones(120, dtype=bool), level=0.9, risk=0.1, applying=truth > 0, seed=1
    )
    return LoadedStudent(model, {**ABOUT, "certainty": certainty.as_settings()})
