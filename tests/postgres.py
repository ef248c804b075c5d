"""A Postgres server in a temporary folder, for tests that need a real one."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["postgres_server", "why_not"]

PACKAGES = ("dagster_postgres", "psycopg2")
PLACES = "/usr/lib/postgresql/*/bin"
USERS = ("postgres", "nobody")  # the server refuses to run as root
START_SECONDS = 60.0


def why_not() -> str | None:
    """Say why no server can be had here; None where one can."""
    if missing := [name for name in PACKAGES if importlib.util.find_spec(name) is None]:
        return f"not installed: {', '.join(missing)} (pip install '.[postgres]')"
    if missing := [name for name in ("initdb", "postgres") if _program(name) is None]:
        return f"no {' and no '.join(missing)} on this machine (apt-get install postgresql)"
    if os.geteuid() == 0 and _user() is None:
        return f"Postgres refuses to run as root, and there is no user {' or '.join(USERS)}"
    return None


@contextlib.contextmanager
def postgres_server() -> Iterator[str]:
    """Run a server on a free port of 127.0.0.1 and give the URL of an empty database, for SQLAlchemy with psycopg2."""
    folder = Path(tempfile.mkdtemp(prefix="linnaeus-postgres-"))  # pytest's own are closed to other users
    user = _user() if os.geteuid() == 0 else None
    if user is not None:
        os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (folder.parent / f"{folder.name}.log").open("wb")
    try:
        _run(["initdb", "--pgdata", str(folder / "data"), "--username", "linnaeus", "--auth", "trust", "--no-sync"], folder, user)
        command = [str(_program("postgres")), "-D", str(folder / "data"), "-p", str(port), "-h", "127.0.0.1", "-k", str(folder), "-F"]
        server = subprocess.Popen(command, cwd=folder, user=user, stdout=log, stderr=log)
        try:
            _wait_for(port, server)
            yield f"postgresql+psycopg2://linnaeus@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # a fast shutdown
            server.wait(START_SECONDS)
    finally:
        log.close()
        Path(log.name).unlink()
        shutil.rmtree(folder)


def _run(command: Sequence[str], folder: Path, user: str | None) -> None:
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    done = subprocess.run(
        [str(_program(command[0])), *command[1:]], cwd=folder, user=user, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    import psycopg2

    end = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg2.connect(host="127.0.0.1", port=port, user="linnaeus", dbname="postgres").close()
            return
        except psycopg2.OperationalError:
            assert server.poll() is None, "Postgres ended while starting"
            assert time.monotonic() < end, "Postgres did not start"
            time.sleep(0.1)


def _program(name: str) -> Path | None:
    """Find a program of Postgres on the path, or where Debian puts it."""
    found = shutil.which(name)
    beside = sorted(Path("/").glob(f"{PLACES.lstrip('/')}/{name}"))
    return Path(found) if found else beside[-1] if beside else None


def _user() -> str | None:
    known = {one.pw_name for one in pwd.getpwall()}
    return next((user for user in USERS if user in known), None)
