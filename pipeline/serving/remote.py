"""Servers that run already: their key, their certificate, their models, whether a proxy may stand between."""

import ipaddress
import os
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from pipeline.errors import EngineError
from pipeline.settings import EngineSettings

__all__ = ["RemoteServer", "is_loopback", "list_models", "refused_certificate", "refused_key", "root_of", "server_key", "tls_of"]

PROBE_SECONDS = 15.0
ALIVE_SECONDS = 5.0


class RemoteServer:
    """A server that runs already."""

    started_here = False

    def __init__(self, settings: EngineSettings, address: str | None = None) -> None:
        """Join the server at this address, or at the first of `settings.base_url`."""
        self._settings = settings
        self._address = (address or settings.base_url[0]).rstrip("/")
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
        with _client(self._address, self._settings, ALIVE_SECONDS) as client:
            try:
                client.get(f"{self._address}/models")
            except httpx.TransportError:
                return False
        return True

    def stop(self) -> None:
        """Leave the server running: it is not ours."""


def is_loopback(address: str) -> bool:
    """Say whether an address is this machine, where no proxy may stand between."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def root_of(address: str) -> str:
    """Give a server's root, beside its OpenAI-compatible part."""
    return address.rstrip("/").removesuffix("/v1")


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

    :raises EngineError: it cannot be reached, its certificate is not to be trusted, or it refuses the key.
    """
    key = server_key(settings)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with _client(address, settings, PROBE_SECONDS) as client:
            reply = client.get(f"{address}/models", headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        distrust = _distrust(error)
        if distrust is not None:
            raise EngineError(refused_certificate(address, settings, distrust)) from error
        raise EngineError(f"No server answers at {address}: {error}. Start it, or correct engine.base_url.") from error
    if reply.status_code in {401, 403}:
        raise EngineError(refused_key(address, settings, reply.status_code))
    try:
        return [str(model["id"]) for model in reply.json()["data"]]
    except (ValueError, KeyError, TypeError):
        return None


def refused_certificate(address: str, settings: EngineSettings, reason: str) -> str:
    """Say that a server's certificate cannot be verified, and which setting mends it."""
    told = f"The certificate of the server at {address} cannot be verified: {reason}."
    if settings.ca_file is None:
        return f"{told} Set engine.ca_file to the certificate of the authority that signed it."
    return f"{told} Correct engine.ca_file ({settings.ca_file}): it is to hold the certificate of the authority that signed it."


def refused_key(address: str, settings: EngineSettings, status: int) -> str:
    """Say that a server refuses the key, without the key."""
    given = f"the key in ${settings.key_env}" if settings.key_env else "a call without a key (engine.key_env is not set)"
    return f"The server at {address} refuses {given} for model {settings.model!r} (status {status}). Correct the key or engine.key_env."


def tls_of(settings: EngineSettings, address: str) -> ssl.SSLContext | bool:
    """Give what httpx takes as `verify` and aiohttp as `ssl`: the public authorities, and for an https address the one in `engine.ca_file`.

    :raises EngineError: the file is not there, or holds no certificate.
    """
    if settings.ca_file is None or urlsplit(address).scheme != "https":
        return True
    path = Path(settings.ca_file).expanduser()
    context = httpx.create_ssl_context()
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise EngineError(f"{path} (engine.ca_file) holds no certificate: {error}. Give a file in the PEM format.") from error
    except OSError as error:
        raise EngineError(f"{path} (engine.ca_file) cannot be read: {error.strerror}. Correct engine.ca_file.") from error
    return context


def _client(address: str, settings: EngineSettings, seconds: float) -> httpx.Client:
    return httpx.Client(trust_env=not is_loopback(address), timeout=seconds, verify=tls_of(settings, address))


def _distrust(error: BaseException) -> str | None:
    """Find the certificate's fault behind a failure to connect."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    return cause.verify_message if cause is not None else None
