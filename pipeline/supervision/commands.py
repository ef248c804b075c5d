"""The commands of a Dagster installation: code server, web server, daemon."""

import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from pipeline.errors import SupervisionError
from pipeline.serving.processes import python_module
from pipeline.supervision.addresses import accepts, url_of, web_answers
from pipeline.supervision.parts import Part

__all__ = ["CODE_HOST", "dagster_parts", "liveness_command", "write_workspace_file"]

CODE_HOST = "127.0.0.1"
MODULE, LOCATION = "assets.definitions", "linnaeus"
PREPARING = "assets.instance"  # makes or migrates the instance's tables, and ends runs whose process is gone


def dagster_parts(*, workspace: Path, workspace_file: Path, host: str, port: int, code_port: int, module: str = MODULE) -> list[Part]:
    """Give the three parts, in the order of their start, of an installation that loads a module's definitions.

    The instance is prepared before the code server starts: the other two make its tables at once where there are none, and fail.
    """
    code = [
        _script("dagster"), "code-server", "start", "--host", CODE_HOST, "--port", str(code_port),
        "--module-name", module, "--location-name", LOCATION, "--working-directory", str(workspace),
    ]  # fmt: skip
    web = [_script("dagster-webserver"), "--workspace", str(workspace_file), "--host", host, "--port", str(port)]
    daemon = [_script("dagster-daemon"), "run", "--workspace", str(workspace_file)]
    address = url_of(host, port)
    return [
        Part("code-server", _one_after_another(python_module(PREPARING), code), ready=lambda: accepts(CODE_HOST, code_port)),
        Part("webserver", web, ready=lambda: web_answers(address)),
        Part("daemon", daemon),
    ]


def liveness_command() -> Sequence[str]:
    """Give the command that ends with 0 where the daemon lives."""
    return [_script("dagster-daemon"), "liveness-check"]


def write_workspace_file(path: Path, code_port: int) -> None:
    """Write the file that tells where the code server is."""
    server = {"host": CODE_HOST, "port": code_port, "location_name": LOCATION}
    path.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}), encoding="utf-8")


def _script(name: str) -> str:
    """Find a command of Dagster beside this Python, or else on the path."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise SupervisionError(f"The command {name} is neither beside {sys.executable} nor on the path. Run `pip install dagster dagster-webserver`.")
    return found


def _one_after_another(first: Sequence[str], then: Sequence[str]) -> Sequence[str]:
    return ["/bin/sh", "-c", f"{shlex.join(first)} && exec {shlex.join(then)}"]
