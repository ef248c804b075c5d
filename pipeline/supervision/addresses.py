"""Addresses to listen on: which are free, which answer, which can be reached from elsewhere."""

import ipaddress
import socket

import httpx

from pipeline.errors import SupervisionError

__all__ = ["accepts", "is_loopback", "port_for", "url_of", "web_answers"]

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 5.0
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # where a server listens on all addresses, ask on loopback


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def port_for(host: str, wanted: int) -> int:
    """Give the wanted port, or a free one for 0.

    :raises SupervisionError: the address cannot be listened on.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, wanted, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return int(probe.getsockname()[1])
    except OSError as error:
        raise SupervisionError(f"Cannot listen on port {wanted} of {host}: {error.strerror}. Name another with --port or --host.") from error


def accepts(host: str, port: int) -> bool:
    """Say whether something listens there."""
    try:
        socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def url_of(host: str, port: int) -> str:
    """Give the address to ask, as a URL."""
    asked = EVERYWHERE.get(host, host)
    return f"http://{f'[{asked}]' if ':' in asked else asked}:{port}"


def web_answers(url: str) -> bool:
    """Say whether Dagster's web server answers there."""
    try:
        with httpx.Client(trust_env=False, timeout=ANSWER_SECONDS) as client:
            return "dagster_version" in client.get(f"{url}/server_info").text
    except httpx.HTTPError:
        return False
