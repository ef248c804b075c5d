"""Runs an endpoint until it is told to stop."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Callable, Iterator

from aiohttp import web

from pipeline.endpoint.watching import Newer, watch
from pipeline.endpoint.web import Endpoint
from pipeline.errors import EndpointError
from pipeline.supervision.addresses import is_loopback

__all__ = ["listening", "serve"]

STOP_SECONDS = 60.0  # for requests that were taken to be answered, and once more for the answers to be sent
SIGNALS = (signal.SIGTERM, signal.SIGINT)
# What aiohttp logs of a malformed request shows a part of it.
SILENT = logging.Logger("silent", logging.CRITICAL + 1)


def serve(endpoint: Endpoint, *, host: str, port: int, tell: Callable[[str], None], newer: Newer | None = None) -> None:
    """Answer requests until SIGTERM or Ctrl-C; what was taken is answered first, and a second signal waits for nothing.

    :param port: 0 takes a free one.
    :param tell: shows a line of what goes on.
    :param newer: opens a newer student where there is one, to be served from then on.
    :raises EndpointError: where the address cannot be had.
    :raises LinnaeusError: where what the student needs cannot be loaded.
    """
    asyncio.run(_serve(endpoint, host, port, tell, newer))


@contextlib.asynccontextmanager
async def listening(endpoint: Endpoint, *, host: str, port: int) -> AsyncIterator[str]:
    """Listen, and give the address; at the end take nothing more, and answer what was taken."""
    runner = web.AppRunner(
        endpoint.application(), access_log=None, handler_cancellation=True, shutdown_timeout=STOP_SECONDS, handle_signals=False, logger=SILENT
    )
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    try:
        try:
            await site.start()
        except OSError as error:
            raise EndpointError(f"Cannot listen on port {port} of {host}: {error.strerror}. Name another with --port or --host.") from error
        where = runner.addresses[0]
        yield f"http://{f'[{where[0]}]' if ':' in where[0] else where[0]}:{where[1]}"
        await site.stop()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(endpoint.stop(), STOP_SECONDS)
    finally:
        await runner.cleanup()  # which reads no further, so that a body that is still on its way would never arrive
        endpoint.close()


async def _serve(endpoint: Endpoint, host: str, port: int, tell: Callable[[str], None], newer: Newer | None) -> None:
    with _signals() as told:
        async with listening(endpoint, host=host, port=port) as address:
            tell(f"Serving {endpoint.card['classifier_id']} on {address}")
            if not is_loopback(host):
                tell("Whoever reaches this address may ask: there is no password. Put a proxy before it that knows its clients.")
            loading, waiting = asyncio.create_task(endpoint.load()), asyncio.create_task(told.wait())
            await asyncio.wait({loading, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if loading.done():
                await loading
                tell("Loaded; Ctrl-C ends it")
            watching = asyncio.create_task(watch(endpoint, newer, tell=tell)) if newer is not None and loading.done() else None
            await waiting
            loading.cancel()
            if watching is not None:
                watching.cancel()
            tell("Stopping; what was taken is answered first")


@contextlib.contextmanager
def _signals() -> Iterator[asyncio.Event]:
    """Give what the first signal sets; a second one ends the process, since Python itself would wait for the thread that scores."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def tell() -> None:
        told.set()
        for number in SIGNALS:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in SIGNALS:
        loop.add_signal_handler(number, tell)
    try:
        yield told
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
