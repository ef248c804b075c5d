"""A model server that answers at once and always the same: what is left is the client's own cost.

Run as `python bench/instant_server.py PORT`; it is plain asyncio, so that it takes as little of the machine as it can.
"""

import asyncio
import json
import sys

TOP = [
    {"token": name, "logprob": -0.1 - 0.3 * place, "bytes": list(name.encode())}
    for place, name in enumerate(["Music", "Alarm", *map(str, range(18))])
]
REPLY = {
    "choices": [
        {
            "index": 0, "message": {"role": "assistant", "content": "Music"}, "finish_reason": "stop",
            "logprobs": {"content": [{"token": "Music", "logprob": -0.1, "bytes": list(b"Music"), "top_logprobs": TOP}]},
        }
    ],
    "usage": {"prompt_tokens": 400, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 380}},
}  # fmt: skip


def _response(body: object) -> bytes:
    text = json.dumps(body).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(text) + text


ANSWER, MODELS = _response(REPLY), _response({"data": [{"id": "instant"}]})


class Instant(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport, self.pending = transport, b""

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        self.pending += data
        while (end := self.pending.find(b"\r\n\r\n")) >= 0:
            head = self.pending[:end].lower()
            _, _, length = head.partition(b"content-length:")
            whole = end + 4 + (int(length.split(b"\r\n")[0]) if length else 0)
            if len(self.pending) < whole:
                return
            self.pending = self.pending[whole:]
            self.transport.write(MODELS if head.startswith(b"get") else ANSWER)  # type: ignore[attr-defined]


async def main(port: int) -> None:
    """Serve until the end."""
    server = await asyncio.get_running_loop().create_server(Instant, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
