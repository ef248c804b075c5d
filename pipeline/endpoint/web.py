"""The routes: what is answered where, and every error as JSON. No text of a request is ever logged, nor a message that may hold one."""

import asyncio
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from pipeline.endpoint.asked import Limits, RefusedError, read_asked
from pipeline.endpoint.batching import Batcher, score_one
from pipeline.endpoint.figures import Figures
from pipeline.endpoint.served import Scored, Served
from pipeline.students import TextClassifier

__all__ = ["Endpoint"]

BODY_SECONDS = 30.0  # for a request's body to arrive
LOOK = 0.02  # seconds between two looks at whether all is answered
ROUTES = ("GET /health", "GET /labels", "GET /metrics", "POST /predict")
PATHS = tuple(route.partition(" ")[2] for route in ROUTES)
METRICS = "text/plain; version=0.0.4; charset=utf-8"
log = logging.getLogger(__name__)


class Endpoint:
    """The student that is served, its limits and its routes.

    :param descriptions: what is known of the categories beside their names, by id.
    """

    def __init__(self, classifier: TextClassifier, *, limits: Limits | None = None, descriptions: Mapping[str, str] | None = None) -> None:
        """Begin closed: `load` opens it."""
        self.limits = limits or Limits()
        self._served = Served(classifier, descriptions or {})
        self.newer_refused: str | None = None  # why a newer student was not taken into use
        self._figures = Figures()
        self._batcher = Batcher(classifier, self._figures)
        self._began = time.monotonic()
        self._loaded = self._stopping = False
        self._open = 0

    @property
    def card(self) -> Mapping[str, Any]:
        """Give the card of the student that is served."""
        return self._served.card

    @property
    def served(self) -> Served:
        """Give the student that is served."""
        return self._served

    def application(self) -> web.Application:
        """Give the routes as an application of aiohttp."""
        application = web.Application(client_max_size=self.limits.body_bytes, middlewares=[self._answer])
        application.add_routes(
            [
                web.get("/health", self._health),
                web.get("/labels", self._labels),
                web.get("/metrics", self._metrics),
                web.post("/predict", self._predict),
            ]
        )
        return application

    async def load(self) -> None:
        """Load what the student needs, and take requests from then on."""
        await self._batcher.load()
        self._loaded = True

    async def replace(self, served: Served) -> None:
        """Answer with another student from the next batch on; it scores a text first, so that nobody waits for it to load.

        Where that fails, its error is raised and the student before answers on.
        """
        await asyncio.to_thread(score_one, served.classifier)
        self._served, self._batcher.classifier, self.newer_refused = served, served.classifier, None

    async def stop(self) -> None:
        """Take no further requests, and wait until those taken are answered."""
        self._stopping = True
        while self._open:
            await asyncio.sleep(LOOK)

    def close(self) -> None:
        """End the thread."""
        self._batcher.close()

    async def _health(self, _: web.Request) -> web.Response:
        about = {
            "ok": not self._stopping,
            "classifier_id": self.card["classifier_id"],
            "taxonomy_id": self.card["taxonomy_id"],
            "loaded": self._loaded,
            "uptime": round(time.monotonic() - self._began, 3),
            "open_requests": self._open,
            "limits": vars(self.limits),
            "newer_refused": self.newer_refused,
        }
        return web.json_response(about, status=503 if self._stopping else 200)

    async def _labels(self, _: web.Request) -> web.Response:
        descriptions = self._served.descriptions
        parts = zip(self.card["categories"], self.card["names"], self.card["parents"], strict=True)
        labels = [{"category_id": key, "name": name, "parents": path, "description": descriptions.get(key)} for key, name, path in parts]
        return web.json_response({"classifier_id": self.card["classifier_id"], "taxonomy_id": self.card["taxonomy_id"], "labels": labels})

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(text=self._figures.as_text(open_requests=self._open), headers={"Content-Type": METRICS})

    async def _predict(self, request: web.Request) -> web.Response:
        if self._stopping or not self._loaded:
            reason, why = ("stopping", "stops") if self._stopping else ("not_loaded", "has not loaded its student yet")
            raise RefusedError(503, reason, f"This server {why}; ask again in a moment.")
        if self._open >= self.limits.max_queue:
            raise RefusedError(429, "too_many_requests", f"{self._open} requests are waiting, and no more are taken; ask again in a moment.")
        self._open += 1
        try:
            asked = read_asked(await _body(request), self.limits, needs_metadata=self._served.classifier.student.needs_metadata)
            found = await self._batcher.ask(asked) if asked.texts else Scored(self.card["classifier_id"], [])
        finally:
            self._open -= 1
        return web.json_response({"classifier_id": found.classifier_id, "predictions": [one.as_row() for one in found.predictions]})

    @web.middleware
    async def _answer(self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
        began = time.monotonic()
        try:
            response = await handler(request)
        except RefusedError as refused:
            response = _refusal(refused.status, refused.reason, refused.message)
        except web.HTTPRequestEntityTooLarge:
            response = _refusal(413, "body_too_large", f"The body has more than {self.limits.body_bytes} bytes; send fewer or shorter texts.")
        except web.HTTPException as error:
            allowed = {name: value for name, value in error.headers.items() if name == "Allow"}
            reason = "wrong_method" if error.status == 405 else "not_found"
            response = _refusal(error.status, reason, f"There is no {request.method} {request.path}; there are {', '.join(ROUTES)}.", allowed)
        except Exception as error:
            log.error("A request failed with %s at %s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__, -1)).strip())
            response = _refusal(500, "failed", f"Scoring failed with {type(error).__name__}; the server's log says where.")
        self._figures.answered(request.path if request.path in PATHS else "other", response.status, time.monotonic() - began)
        return response


async def _body(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError as error:
        raise RefusedError(408, "too_slow", f"The body did not arrive within {BODY_SECONDS:.0f} s.") from error
    except web.RequestPayloadError as error:
        raise RefusedError(400, "broken_body", "The body broke off, or is not compressed as its header says.") from error


def _refusal(status: int, reason: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    again = {"Retry-After": "1"} if status in {429, 503} else {}
    return web.json_response({"error": {"status": status, "reason": reason, "message": message}}, status=status, headers={**again, **(headers or {})})
