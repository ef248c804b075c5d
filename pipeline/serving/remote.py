"""What is asked of a server besides answers: its key, its models, whether a proxy may stand between."""

import ipaddress
import os
from urllib.parse import urlsplit

import httpx

from pipeline.errors import EngineError
from pipeline.settings import EngineSettings

__all__ = ["is_loopback", "list_models", "refused_key", "server_key"]

PROBE_SECONDS = 15.0


def is_loopback(address: str) -> bool:
    """Say whether an address is this machine, where no proxy may stand between."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def server_key(settings: EngineSettings) -> str | None:
    """Read the server's key from the variable that `engine.key_env` names; EngineError where it is not set."""
    if settings.key_env is None:
        return None
    key = os.environ.get(settings.key_env, "").strip()
    if not key:
        raise EngineError(f"The environment variable {settings.key_env} (engine.key_env) is not set. Set it to the server's key.")
    return key


def list_models(address: str, settings: EngineSettings) -> list[str] | None:
    """List the models of a server; None where it answers but keeps no list.

    :raises EngineError: it cannot be reached, or refuses the key.
    """
    key = server_key(settings)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with httpx.Client(trust_env=not is_loopback(address), timeout=PROBE_SECONDS) as client:
            reply = client.get(f"{address}/models", headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise EngineError(f"No server answers at {address}: {error}. Start it, or correct engine.base_url.") from error
    if reply.status_code in {401, 403}:
        raise EngineError(refused_key(address, settings, reply.status_code))
    try:
        return [str(model["id"]) for model in reply.json()["data"]]
    except (ValueError, KeyError, TypeError):
        return None


def refused_key(address: str, settings: EngineSettings, status: int) -> str:
    """Say that a server refuses the key, without the key."""
    given = f"the key in ${settings.key_env}" if settings.key_env else "a call without a key (engine.key_env is not set)"
    return f"The server at {address} refuses {given} for model {settings.model!r} (status {status}). Correct the key or engine.key_env."
