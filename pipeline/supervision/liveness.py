"""Say whether what `linnaeus up` keeps running is alive."""

import subprocess
from collections.abc import Iterator

from pipeline.supervision.addresses import accepts, web_answers
from pipeline.supervision.commands import CODE_HOST, liveness_command
from pipeline.supervision.place import Place

__all__ = ["Finding", "how_it_lives"]

Finding = tuple[str, bool, str]  # what, whether all is well, detail or remedy
LIVENESS_SECONDS = 60.0


def how_it_lives(place: Place) -> Iterator[Finding]:
    """Look at the supervisor and at each part."""
    record = place.read() if place.is_taken() else None
    if record is None:
        yield "up", False, f"not running on {place.state}: start it with `linnaeus up`"
        return
    yield "up", True, f"process {record.pid} since {record.since}"
    answers = accepts(CODE_HOST, record.code_port)
    yield "code server", answers, f"port {record.code_port}" if answers else _silent(place, "code-server")
    answers = web_answers(record.address)
    yield "web server", answers, record.address if answers else _silent(place, "webserver")
    alive = _daemon_lives()
    yield "daemon", alive, "its last heartbeat is recent" if alive else _silent(place, "daemon")


def _daemon_lives() -> bool:
    try:
        return subprocess.run(liveness_command(), capture_output=True, timeout=LIVENESS_SECONDS, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _silent(place: Place, part: str) -> str:
    return f"does not answer (yet); see {place.logs / f'{part}.log'}"
