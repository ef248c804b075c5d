"""Watches for a newer student while requests are answered, and takes it into use between two batches."""

import asyncio
import logging
import traceback
from collections.abc import Callable

from pipeline.endpoint.served import Served
from pipeline.endpoint.web import Endpoint
from pipeline.errors import LinnaeusError

__all__ = ["EVERY", "Newer", "watch"]

EVERY, LONGEST = 3.0, 60.0  # seconds between two looks: as a rule, and at most, after one failure and another
# Called in a thread: gives what is to be served where that may have changed, be it the same again, and None where nothing has happened.
Newer = Callable[[], Served | None]
log = logging.getLogger(__name__)


async def watch(endpoint: Endpoint, newer: Newer, *, tell: Callable[[str], None], every: float = EVERY) -> None:
    """Look again and again; a student that cannot be opened or cannot score is told of once, and the one served stays.

    :param tell: shows a line of what goes on.
    :param every: seconds between two looks; after failures, twice as many each time, up to a minute.
    """
    pause = every
    while True:
        await asyncio.sleep(pause)
        why = await _looked(endpoint, newer, tell)
        pause = every if why is None else min(2 * pause, max(every, LONGEST))
        if why is not None and why != endpoint.newer_refused:
            tell(f"A newer student is not taken into use, and {endpoint.card['classifier_id']} answers on. {why}")
            endpoint.newer_refused = why


async def _looked(endpoint: Endpoint, newer: Newer, tell: Callable[[str], None]) -> str | None:
    """Look once, and say what went wrong, if something did."""
    before = endpoint.card["classifier_id"]
    try:
        found = await asyncio.to_thread(newer)
        if found == endpoint.served:
            endpoint.newer_refused = None
        elif found is not None:
            await endpoint.replace(found)
            tell(f"Serving {endpoint.card['classifier_id']} now in place of {before}")
    except LinnaeusError as error:
        return str(error)
    except Exception as error:  # nothing that a new student does may end the old one
        log.error("A newer student failed with %s at %s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__, -1)).strip())
        return f"It failed with {type(error).__name__}; the server's log says where."
    return None
