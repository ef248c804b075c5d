"""The servers of this machine: llama.cpp and vLLM, each shared by all processes that ask for the same.

A server starts with the first call that a ledger does not answer, listens on 127.0.0.1 only, and ends shortly after the
last process that used it. `keeper` and `joining` say how.
"""

import contextlib
import importlib.metadata
import importlib.util
import logging
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pipeline.errors import EngineError
from pipeline.serving.joining import Joined, ServerPlan, join_server
from pipeline.serving.processes import python_module
from pipeline.serving.server_folder import ServerFolder, folder_for
from pipeline.settings import EngineSettings
from pipeline.weights import ModelFile

__all__ = ["NO_GPU_KINDS", "EmbeddedServer", "VllmServer", "embedded_slots"]

log = logging.getLogger(__name__)
NO_GPU_KINDS = "engine.kind 'embedded' needs no GPU, and 'url' joins a server that runs elsewhere."
VLLM_PYTHON = "LINNAEUS_VLLM_PYTHON"  # the Python of another environment that has vLLM
LINGER = "LINNAEUS_SERVER_LINGER"  # seconds that a server outlives its last user
EMBEDDED_LINGER_SECONDS = 10.0  # from one command to the next; a start takes about as long
VLLM_LINGER_SECONDS = 60.0  # a start takes a minute or more
EMBEDDED_SLOTS = 4  # the prompts that two to eight cores can work on without each waiting for all others


class _LocalServer(ABC):
    """The part that both kinds share: a place among the users of a server."""

    started_here = True
    log_name = "server"

    def __init__(self, settings: EngineSettings, log_folder: Path | None, on_status: Callable[[str], None] | None) -> None:
        self._settings = settings
        self._log_folder = log_folder
        self._on_status = on_status or log.info
        self._joined: Joined | None = None

    @property
    def folder(self) -> ServerFolder:
        """Give the folder that all users of this server share."""
        return folder_for(self._parts())

    @property
    def pid(self) -> int | None:
        """Give the server's process id; None before the start and after the stop."""
        return self._joined.record.server_pid if self._joined is not None else None

    def start(self) -> str:
        """Start the server, or join it where another process has, and give the base address."""
        self.stop()
        plan = self._plan()
        self._link_log(plan.folder)
        self._joined = join_server(plan, self._on_status)
        return f"{self._joined.record.address}/v1"

    def alive(self) -> bool:
        """Say whether the server that was joined still answers; one started since by another process is not it."""
        return self._joined is not None and self._joined.alive()

    def stop(self) -> None:
        """Leave the server to its other users; without any it ends by itself."""
        if self._joined is not None:
            self._joined.leave()
            self._joined = None

    @abstractmethod
    def _parts(self) -> Mapping[str, object]:
        """Give everything that determines the server."""

    @abstractmethod
    def _plan(self) -> ServerPlan:
        """Say what to run, and what to tell a person if it does not come up."""

    def _link_log(self, folder: ServerFolder) -> None:
        if self._log_folder is None:
            return
        link = self._log_folder / f"{self.log_name}.log"
        with contextlib.suppress(OSError):  # a convenience; messages name the file itself
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(folder.log)


class EmbeddedServer(_LocalServer):
    """llama.cpp in a child process."""

    log_name = "embedded-server"

    def __init__(
        self, settings: EngineSettings, model: ModelFile, *, log_folder: Path | None = None, on_status: Callable[[str], None] | None = None
    ) -> None:
        """Serve this file."""
        super().__init__(settings, log_folder, on_status)
        self._model = model
        self.identity = model.identity
        self.model_name = model.identity

    def _parts(self) -> Mapping[str, object]:
        return {
            "kind": "embedded", "model": self.identity, "context": self._settings.context_tokens, "slots": embedded_slots(self._settings),
            "threads": _threads(), "port": self._settings.port, "python": sys.executable, "version": _version("xllamacpp"),
        }  # fmt: skip

    def _plan(self) -> ServerPlan:
        if importlib.util.find_spec("xllamacpp") is None:
            raise EngineError("engine.kind 'embedded' needs the package xllamacpp, which is not installed. Run `pip install xllamacpp`.")
        return ServerPlan(
            folder=self.folder,
            title=f"The embedded engine ({self.identity})",
            model=self.model_name,
            command=self._command,
            port=self._settings.port,
            start_seconds=self._settings.start_seconds,
            linger_seconds=_linger(EMBEDDED_LINGER_SECONDS),
            remedy=f"Check that {self._model.path} is a whole GGUF file and that memory suffices, or set another engine.model.",
        )

    def _command(self, port: int) -> Sequence[str]:
        options = {
            "--model": self._model.path, "--alias": self.model_name, "--slots": self.folder.slots, "--port": port,
            "--parallel": embedded_slots(self._settings), "--context": self._settings.context_tokens, "--threads": _threads(),
        }  # fmt: skip
        return python_module("pipeline.serving.embedded_server", *(str(part) for pair in options.items() for part in pair))


class VllmServer(_LocalServer):
    """A vLLM server in a child process."""

    log_name = "vllm-server"

    def __init__(self, settings: EngineSettings, *, log_folder: Path | None = None, on_status: Callable[[str], None] | None = None) -> None:
        """Serve `settings.model`."""
        super().__init__(settings, log_folder, on_status)
        self.identity = self.model_name = settings.model

    def _parts(self) -> Mapping[str, object]:
        settings, local = self._settings, Path(self._settings.model)
        return {
            "kind": "vllm", "model": str(local.resolve()) if local.exists() else settings.model, "context": settings.context_tokens,
            "tensor_parallel": settings.tensor_parallel, "data_parallel": settings.data_parallel, "arguments": list(settings.arguments),
            "port": settings.port, "python": _vllm_python(), "version": _version("vllm"),
            "environment": {name: value for name, value in os.environ.items() if name.startswith(("VLLM_", "CUDA_VISIBLE_"))},
        }  # fmt: skip

    def _plan(self) -> ServerPlan:
        if VLLM_PYTHON not in os.environ and importlib.util.find_spec("vllm") is None:
            raise EngineError(f"vLLM is not installed. Run `pip install '.[gpu]'` on a machine with a GPU, or: {NO_GPU_KINDS}")
        return ServerPlan(
            folder=self.folder,
            title=f"vLLM ({self.identity})",
            model=self.model_name,
            command=self._command,
            port=self._settings.port,
            start_seconds=self._settings.start_seconds,
            linger_seconds=_linger(VLLM_LINGER_SECONDS),
            remedy=f"Check engine.model, engine.context_tokens and engine.arguments. Without a GPU: {NO_GPU_KINDS}",
        )

    def _command(self, port: int) -> Sequence[str]:
        settings = self._settings
        command = [*python_module("pipeline.serving.tied_child"), _vllm_python(), "-m", "vllm.entrypoints.openai.api_server"]
        command += ["--model", settings.model, "--served-model-name", settings.model, "--host", "127.0.0.1", "--port", str(port)]
        command += ["--max-model-len", str(settings.context_tokens), "--enable-prefix-caching"]
        command += ["--enable-prompt-tokens-details"]  # else it does not say how much of a prompt was cached
        for option, number in (("--tensor-parallel-size", settings.tensor_parallel), ("--data-parallel-size", settings.data_parallel)):
            command += [option, str(number)] if number > 1 else []
        return [*command, *settings.arguments]


def embedded_slots(settings: EngineSettings) -> int:
    """Give how many prompts the embedded server works on at once."""
    return settings.concurrency or EMBEDDED_SLOTS


def _vllm_python() -> str:
    return os.environ.get(VLLM_PYTHON) or sys.executable


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _linger(seconds: float) -> float:
    return float(os.environ.get(LINGER) or seconds)


def _threads() -> int:
    """Use the cores that this process may use, or $LINNAEUS_THREADS."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(os.environ.get("LINNAEUS_THREADS") or cores)
