"""Where the model runs: llama.cpp or vLLM on this machine, shared by all processes that use it, or any address."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.serving.client import OpenAIChat
from pipeline.serving.contract import Ledger
from pipeline.serving.describe import describe_engine
from pipeline.serving.dialects import dialect_of
from pipeline.serving.remote import RemoteServer, server_key
from pipeline.serving.replicas import Server
from pipeline.serving.servers import EmbeddedServer, VllmServer
from pipeline.serving.spending import Spending
from pipeline.settings import EngineSettings
from pipeline.weights import resolve_model

__all__ = ["EmbeddedServer", "RemoteServer", "VllmServer", "describe_engine", "make_servers", "open_chat"]

log = logging.getLogger(__name__)
Status = Callable[[str], None]


def make_servers(settings: EngineSettings, *, log_folder: Path | None = None, on_status: Status | None = None) -> list[Server]:
    """Make the servers of a project, without starting any: one on this machine, or one for each address of `engine.base_url`.

    :raises WeightsError: the embedded model cannot be had.
    """
    if settings.kind == "embedded":
        tell = on_status or log.info
        model = resolve_model(settings.model, progress=lambda done, all_: tell(f"fetched {done / 1e9:.2f} of {all_ / 1e9:.2f} GB"))
        return [EmbeddedServer(settings, model, log_folder=log_folder, on_status=on_status)]
    if not settings.base_url:
        return [VllmServer(settings, log_folder=log_folder, on_status=on_status)]
    return [RemoteServer(settings, address) for address in settings.base_url]


@contextlib.contextmanager
def open_chat(
    settings: EngineSettings, *, ledger: Ledger, run_id: str,
    spending: Spending | None = None, log_folder: Path | None = None, on_status: Status | None = None,
) -> Iterator[OpenAIChat]:  # fmt: skip
    """Open the engine of a project; its server starts, or is joined, with the first real call and is left at the end.

    :param spending: what the run may spend, shared by its engines; without limit where absent.
    :raises EngineError: from the first call on, where the server cannot be started or reached.
    :raises WeightsError: at once, where the embedded model cannot be had.
    """
    server_key(settings)  # a missing key is reported before any work
    servers = make_servers(settings, log_folder=log_folder, on_status=on_status)
    chat = OpenAIChat(servers, settings=settings, dialect=dialect_of(settings.kind), ledger=ledger, run_id=run_id, spending=spending)
    try:
        yield chat
    finally:
        chat.close()
        for server in servers:
            server.stop()
