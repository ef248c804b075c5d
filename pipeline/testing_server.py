"""A real HTTP model server whose replies a test decides: it can stall, lie, refuse and break off."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Script", "ScriptedServer", "WireReply", "serve_script"]


@dataclass(frozen=True)
class WireReply:
    """What the scripted server answers to one request."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


Script = Callable[[dict[str, Any], int], WireReply]


class ScriptedServer(ThreadingHTTPServer):
    """A model server whose replies the test decides."""

    daemon_threads = True
    script: Script

    def __init__(self) -> None:
        """Bind to a free port; `serve_forever` is the caller's."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.lock = threading.Lock()
        self.busy = self.busiest = 0

    @property
    def address(self) -> str:
        """Give the base address."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    """Hand requests to the server's script."""

    server: ScriptedServer

    def do_GET(self) -> None:
        """List one model, `m`."""
        self._send(WireReply(body=json.dumps({"data": [{"id": "m"}]})))

    def do_POST(self) -> None:
        """Answer as the script says."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.requests.append(request)
            self.server.keys.append(self.headers.get("Authorization"))
            number = len(self.server.requests)
            self.server.busy += 1
            self.server.busiest = max(self.server.busiest, self.server.busy)
        reply = self.server.script(request, number)
        time.sleep(reply.seconds)
        with self.server.lock:
            self.server.busy -= 1
        self._send(reply)

    def _send(self, reply: WireReply) -> None:
        body = reply.body.encode()
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@contextmanager
def serve_script() -> Iterator[ScriptedServer]:
    """Serve on a free port until the end of the block; set `script` before the first request."""
    server = ScriptedServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
