"""A real HTTP model server whose replies a test decides: it can stall, lie, refuse and break off."""

import contextlib
import json
import socket
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
    """What the scripted server answers to one request.

    `wire` is written to the connection as it is, which is then closed: nothing at all, half a reply, or what is no HTTP.
    """

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    wire: bytes | None = None


Script = Callable[[dict[str, Any], int], WireReply]


class ScriptedServer(ThreadingHTTPServer):
    """A model server whose replies the test decides."""

    daemon_threads = True
    request_queue_size = 256
    script: Script

    def __init__(self, port: int = 0) -> None:
        """Bind to this port, or to a free one; `serve_forever` is the caller's."""
        super().__init__(("127.0.0.1", port), _Handler)
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.lock = threading.Lock()
        self.connections: set[socket.socket] = set()
        self.busy = self.busiest = 0
        self.pages: dict[str, str] = {"/v1/models": json.dumps({"data": [{"id": "m"}]})}

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection, and keep it at hand."""
        connection, address = super().get_request()
        self.connections.add(connection)
        return connection, address

    def die(self) -> None:
        """Stop listening and break off every connection, as a killed server does."""
        self.shutdown()
        self.server_close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet about clients that have gone."""

    @property
    def address(self) -> str:
        """Give the base address."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    """Hand requests to the server's script."""

    server: ScriptedServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Give a page: the list of one model, `m`, or what the test has added."""
        page = self.server.pages.get(self.path)
        self._send(WireReply(404) if page is None else WireReply(body=page))

    def do_POST(self) -> None:
        """Answer as the script says."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path in self.server.pages:
            self._send(WireReply(body=self.server.pages[self.path]))
            return
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
        if reply.wire is not None:
            self.wfile.write(reply.wire)
            self.close_connection = True
            return
        body = reply.body.encode()
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@contextmanager
def serve_script(port: int = 0) -> Iterator[ScriptedServer]:
    """Serve on a free port, or on this one, until the end of the block; set `script` before the first request."""
    server = ScriptedServer(port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.die()
        thread.join()
