"""Servers behind https: whose certificate is trusted, and what is said where it is not."""

import http.server
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import EngineError
from pipeline.serving.engines import RemoteServer, describe_engine
from pipeline.serving.remote import tls_of
from pipeline.settings import EngineSettings


class Models(http.server.BaseHTTPRequestHandler):
    """Has one model."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"data": [{"id": "m"}]}')

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sign a certificate with its own key, as a company's authority would; the key lies beside it."""
    path = tmp_path_factory.mktemp("tls") / "own.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=own", "-addext"]
    command += ["subjectAltName=IP:127.0.0.1", "-keyout", str(path.with_suffix(".key")), "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path


@pytest.fixture(scope="module")
def address(certificate: Path) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Models) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def test_a_server_with_a_certificate_of_the_house_is_joined(address: str, certificate: Path) -> None:
    settings = _settings(address, ca_file=str(certificate))
    server = RemoteServer(settings)
    assert server.start() == address
    assert server.alive()
    assert describe_engine(settings) == [(f"server {address}", True, "answers, and has m")]


def test_a_certificate_that_nobody_vouches_for_is_said(address: str) -> None:
    server = RemoteServer(_settings(address))
    with pytest.raises(EngineError, match=r"certificate .* cannot be verified: self.signed certificate.*Set engine\.ca_file"):
        server.start()
    assert not server.alive()


def test_a_certificate_for_another_name_is_said(address: str, certificate: Path) -> None:
    elsewhere = address.replace("127.0.0.1", "localhost")
    with pytest.raises(EngineError, match=r"cannot be verified: Hostname mismatch.*Correct engine\.ca_file"):
        RemoteServer(_settings(elsewhere, ca_file=str(certificate))).start()


def test_a_file_that_holds_no_certificate_is_said(address: str, certificate: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"absent\.pem \(engine\.ca_file\) cannot be read: No such file"):
        tls_of(_settings(address, ca_file=str(tmp_path / "absent.pem")), address)
    (tmp_path / "empty.pem").write_text("nothing")
    (_, good, detail), *_ = describe_engine(_settings(address, ca_file=str(tmp_path / "empty.pem")))
    assert (good, "(engine.ca_file) holds no certificate" in detail) == (False, True)
    assert tls_of(_settings(address, ca_file=str(certificate)), "http://127.0.0.1:8000/v1") is True


def test_each_address_is_described(address: str, certificate: Path) -> None:
    settings = _settings(address, "http://127.0.0.1:9/v1", ca_file=str(certificate))
    assert [(what, good) for what, good, _ in describe_engine(settings)] == [(f"server {address}", True), ("server http://127.0.0.1:9/v1", False)]


def _settings(*addresses: str, **given: object) -> EngineSettings:
    return EngineSettings.model_validate({"kind": "url", "model": "m", "base_url": list(addresses), **given})
