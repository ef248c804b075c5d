"""What an engine needs, and whether it is there."""

import importlib.util

from pipeline.errors import EngineError, WeightsError
from pipeline.serving.remote import list_models, server_key
from pipeline.serving.servers import NO_GPU_KINDS
from pipeline.settings import EngineSettings
from pipeline.weights import find_weights, known_weights, resolve_model

__all__ = ["describe_engine"]

Finding = tuple[str, bool, str]


def describe_engine(settings: EngineSettings) -> list[Finding]:
    """List what the engine needs: what it is, whether it is there, and the detail or the remedy; starts and fetches nothing."""
    if settings.kind == "embedded":
        return [_describe_package("xllamacpp", "pip install xllamacpp"), _describe_weights(settings.model)]
    found = [_describe_key(settings)] if settings.key_env else []
    if not settings.base_url:
        return [*found, _describe_package("vllm", "pip install '.[gpu]'", f"; {NO_GPU_KINDS}")]
    return [*found, *(_describe_server(address, settings) for address in settings.base_url)]


def _describe_server(address: str, settings: EngineSettings) -> Finding:
    try:
        detail = f"answers, and has {', '.join(list_models(address.rstrip('/'), settings) or ['no list of models'])}"
        return f"server {address}", True, detail
    except EngineError as error:
        return f"server {address}", False, str(error)


def _describe_package(name: str, install: str, further: str = "") -> Finding:
    there = importlib.util.find_spec(name) is not None
    return f"package {name}", there, "installed" if there else f"not installed: run `{install}`{further}"


def _describe_weights(model: str) -> Finding:
    weights = known_weights().get(model)
    try:
        if weights is not None and find_weights(weights) is None:
            return f"weights {model}", False, f"not in the cache: the first run fetches {weights.size / 1e9:.2f} GB"
        return f"weights {model}", True, str(resolve_model(model).path)
    except WeightsError as error:
        return f"weights {model}", False, str(error)


def _describe_key(settings: EngineSettings) -> Finding:
    try:
        server_key(settings)
    except EngineError as error:
        return f"key ${settings.key_env}", False, str(error)
    return f"key ${settings.key_env}", True, "set"
