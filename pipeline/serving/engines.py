"""Where the model runs: a child process with llama.cpp, a vLLM server started or joined, or any address.

A server starts with the first call that the ledger does not answer, listens on 127.0.0.1 only and ends with this process.
"""

import contextlib
import importlib.util
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from pipeline.errors import EngineError, WeightsError
from pipeline.serving.client import OpenAIChat
from pipeline.serving.connection import Server
from pipeline.serving.contract import Ledger
from pipeline.serving.dialects import dialect_of
from pipeline.serving.processes import ChildProcess, ChildSpec, free_port, log_path, python_module, start_child
from pipeline.serving.remote import is_loopback, list_models, server_key
from pipeline.settings import EngineSettings
from pipeline.weights import ModelFile, find_weights, known_weights, resolve_model

__all__ = ["EmbeddedServer", "RemoteServer", "VllmServer", "describe_engine", "open_chat"]

log = logging.getLogger(__name__)
Status = Callable[[str], None]
VLLM_PYTHON = "LINNAEUS_VLLM_PYTHON"  # the Python of another environment that has vLLM
NO_GPU_KINDS = "engine.kind 'embedded' needs no GPU, and 'url' joins a server that runs elsewhere."


class _Child:
    """The part that both kinds of started servers share."""

    started_here = True

    def __init__(self, settings: EngineSettings, log_folder: Path | None, on_status: Status | None) -> None:
        """Keep what a start needs."""
        self._settings = settings
        self._log_folder = log_folder
        self._on_status = on_status or log.info
        self._child: ChildProcess | None = None

    @property
    def pid(self) -> int | None:
        """Give the child's process id; None before the start."""
        return self._child.pid if self._child is not None else None

    def alive(self) -> bool:
        """Say whether the child still runs."""
        return self._child is not None and self._child.alive()

    def stop(self) -> None:
        """Stop the child."""
        if self._child is not None:
            self._child.stop()
            self._child = None


class EmbeddedServer(_Child):
    """llama.cpp in a child process."""

    def __init__(self, settings: EngineSettings, model: ModelFile, *, log_folder: Path | None = None, on_status: Status | None = None) -> None:
        """Serve this file."""
        super().__init__(settings, log_folder, on_status)
        self._model = model
        self.identity = model.identity
        self.model_name = model.identity

    def start(self) -> str:
        """Load the model and give the base address."""
        if importlib.util.find_spec("xllamacpp") is None:
            raise EngineError("engine.kind 'embedded' needs the package xllamacpp, which is not installed. Run `pip install xllamacpp`.")
        port = free_port(self._settings.port)
        numbers = {
            "--port": port,
            "--parallel": self._settings.concurrency,
            "--context": self._settings.context_tokens,
            "--threads": _threads(),
        }
        command = [*python_module("pipeline.serving.embedded_server"), "--model", str(self._model.path), "--alias", self.model_name]
        command += [str(part) for pair in numbers.items() for part in pair]
        remedy = f"Check that {self._model.path} is a whole GGUF file and that memory suffices, or set another engine.model."
        address = f"http://127.0.0.1:{port}"
        logged = log_path(self._log_folder, "embedded-server")
        spec = ChildSpec(f"The embedded engine ({self.identity})", command, f"{address}/health", logged, self._settings.start_seconds, remedy)
        self._child = start_child(spec, self._on_status)
        return f"{address}/v1"


class VllmServer(_Child):
    """A vLLM server in a child process."""

    def __init__(self, settings: EngineSettings, *, log_folder: Path | None = None, on_status: Status | None = None) -> None:
        """Serve `settings.model`."""
        super().__init__(settings, log_folder, on_status)
        self.identity = self.model_name = settings.model

    def start(self) -> str:
        """Start vLLM and give the base address."""
        python = os.environ.get(VLLM_PYTHON)
        if python is None and importlib.util.find_spec("vllm") is None:
            raise EngineError(f"vLLM is not installed. Run `pip install '.[gpu]'` on a machine with a GPU, or: {NO_GPU_KINDS}")
        settings, port = self._settings, free_port(self._settings.port)
        command = [*python_module("pipeline.serving.tied_child"), python or sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
        command += ["--model", settings.model, "--served-model-name", settings.model, "--host", "127.0.0.1", "--port", str(port)]
        command += ["--max-model-len", str(settings.context_tokens), "--enable-prefix-caching", *settings.arguments]
        remedy = f"Check engine.model, engine.context_tokens and engine.arguments. Without a GPU: {NO_GPU_KINDS}"
        address = f"http://127.0.0.1:{port}"
        logged = log_path(self._log_folder, "vllm-server")
        spec = ChildSpec(f"vLLM ({settings.model})", command, f"{address}/health", logged, settings.start_seconds, remedy)
        self._child = start_child(spec, self._on_status)
        return f"{address}/v1"


class RemoteServer:
    """A server that runs already."""

    started_here = False

    def __init__(self, settings: EngineSettings) -> None:
        """Join the server at `settings.base_url`."""
        self._settings = settings
        self._address = (settings.base_url or "").rstrip("/")
        self.identity = self.model_name = settings.model

    def start(self) -> str:
        """Check that the server answers and has the model, and give its address.

        A server that lists no models, or other names than it answers to, is left to the first call.
        """
        names = list_models(self._address, self._settings)
        if self._settings.kind == "vllm" and names is not None and self.model_name not in names:
            there = ", ".join(names) or "nothing"
            raise EngineError(f"The server at {self._address} has no model {self.model_name!r}; it has: {there}. Correct engine.model.")
        return self._address

    def alive(self) -> bool:
        """Say whether the server can be reached."""
        with httpx.Client(trust_env=not is_loopback(self._address), timeout=5.0) as client:
            try:
                client.get(f"{self._address}/models")
            except httpx.TransportError:
                return False
        return True

    def stop(self) -> None:
        """Leave the server running: it is not ours."""


@contextlib.contextmanager
def open_chat(
    settings: EngineSettings, *, ledger: Ledger, run_id: str, log_folder: Path | None = None, on_status: Status | None = None
) -> Iterator[OpenAIChat]:
    """Open the engine of a project; its server starts with the first real call and is stopped at the end.

    :raises EngineError: from the first call on, where the server cannot be started or reached.
    :raises WeightsError: at once, where the embedded model cannot be had.
    """
    server_key(settings)  # a missing key is reported before any work
    server: Server
    if settings.kind == "embedded":
        tell = on_status or log.info
        model = resolve_model(settings.model, progress=lambda done, all_: tell(f"fetched {done / 1e9:.2f} of {all_ / 1e9:.2f} GB"))
        server = EmbeddedServer(settings, model, log_folder=log_folder, on_status=on_status)
    elif settings.base_url is None:
        server = VllmServer(settings, log_folder=log_folder, on_status=on_status)
    else:
        server = RemoteServer(settings)
    chat = OpenAIChat(server, settings=settings, dialect=dialect_of(settings.kind), ledger=ledger, run_id=run_id)
    try:
        yield chat
    finally:
        chat.close()
        server.stop()


def describe_engine(settings: EngineSettings) -> list[tuple[str, bool, str]]:
    """List what the engine needs: what it is, whether it is there, and the detail or the remedy; starts and fetches nothing."""
    if settings.kind == "embedded":
        return [_describe_package("xllamacpp", "pip install xllamacpp"), _describe_weights(settings.model)]
    found = [_describe_key(settings)] if settings.key_env else []
    if settings.base_url is None:
        return [*found, _describe_package("vllm", "pip install '.[gpu]'", f"; {NO_GPU_KINDS}")]
    try:
        detail = f"answers, and has {', '.join(list_models(settings.base_url.rstrip('/'), settings) or ['no list of models'])}"
        return [*found, (f"server {settings.base_url}", True, detail)]
    except EngineError as error:
        return [*found, (f"server {settings.base_url}", False, str(error))]


def _describe_package(name: str, install: str, further: str = "") -> tuple[str, bool, str]:
    there = importlib.util.find_spec(name) is not None
    return f"package {name}", there, "installed" if there else f"not installed: run `{install}`{further}"


def _describe_weights(model: str) -> tuple[str, bool, str]:
    weights = known_weights().get(model)
    try:
        if weights is not None and find_weights(weights) is None:
            return f"weights {model}", False, f"not in the cache: the first run fetches {weights.size / 1e9:.2f} GB"
        return f"weights {model}", True, str(resolve_model(model).path)
    except WeightsError as error:
        return f"weights {model}", False, str(error)


def _describe_key(settings: EngineSettings) -> tuple[str, bool, str]:
    try:
        server_key(settings)
    except EngineError as error:
        return f"key ${settings.key_env}", False, str(error)
    return f"key ${settings.key_env}", True, "set"


def _threads() -> int:
    """Use the cores that this process may use, or $LINNAEUS_THREADS."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(os.environ.get("LINNAEUS_THREADS") or cores)
