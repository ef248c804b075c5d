"""Settings of a small engine, a program in the place of vLLM, and waiting for what other processes do."""

import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pipeline.settings import EngineSettings

__all__ = [
    "LINGER",
    "TINY",
    "engine_settings",
    "given_settings",
    "lives",
    "stand_in_command",
    "wait_for",
]

TINY = "smollm2-135m-instruct"
LINGER = 0.3


def stand_in_command(folder: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    command = folder / "python"
    command.write_text(f"#!/bin/sh\n{line}\n")
    command.chmod(0o755)
    monkeypatch.setenv("LINNAEUS_VLLM_PYTHON", str(command))


def given_settings(**given: object) -> dict[str, object]:
    return {"model": TINY, "context_tokens": 512, "start_seconds": 60.0, **given}


def engine_settings(**given: object) -> EngineSettings:
    return EngineSettings.model_validate(given_settings(**given))


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for(true: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
