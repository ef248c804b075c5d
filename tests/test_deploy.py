"""The deployment files: they parse, name what exists, and run the commands that `linnaeus up` runs, which a test runs for real."""

import importlib
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from pipeline.supervision import Part, dagster_parts

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
SERVICES = {"code": "code-server", "web": "webserver", "daemon": "daemon"}  # what `linnaeus up` calls them
GROUPS = {
    "dagster": "dagster._cli:cli", "dagster-webserver": "dagster_webserver.cli:dagster_webserver",
    "dagster-daemon": "dagster._daemon.cli:cli", "linnaeus": "pipeline.cli:app",
}  # fmt: skip
Words = list[str]


def parts() -> dict[str, Part]:
    made = dagster_parts(workspace=Path("W"), workspace_file=Path("F"), host="H", port=1, code_port=2)
    return {part.name: part for part in made}


def shape(words: Sequence[str]) -> Words:
    """Give a command without what differs from place to place: the program's folder and the values of addresses and paths."""
    free = {"--host", "--port", "--workspace", "--working-directory"}
    return [Path(word).name if number == 0 else "_" if words[number - 1] in free else word for number, word in enumerate(words)]


def split(script: str) -> Iterator[Words]:
    """Give the commands of `a && exec b`."""
    for command in script.split("&&"):
        words = shlex.split(command)
        yield words[1:] if words[0] == "exec" else words


def of_part(name: str) -> list[Words]:
    command = list(parts()[name].command)
    return [shape(words) for words in (split(command[2]) if command[0] == "/bin/sh" else [command])]


def of_service(name: str) -> list[Words]:
    command = COMPOSE["services"][name]["command"]
    return [shape(words) for words in (split(command[2]) if command[0] == "/bin/sh" else [command])]


def of_unit(path: Path) -> list[Words]:
    found = re.findall(r"^Exec(?:StartPre|Start)=(.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [shape(shlex.split(line)) for line in found]


def without_python(commands: list[Words]) -> list[Words]:
    return [["python", *words[1:]] if words[0].startswith("python") else words for words in commands]


@pytest.mark.parametrize("name", SERVICES)
def test_units_and_containers_run_what_up_runs(name: str) -> None:
    wanted = without_python(of_part(SERVICES[name]))
    assert without_python(of_unit(DEPLOY / "systemd" / f"linnaeus-{name}.service")) == wanted
    assert without_python(of_service(name)) == wanted


def every_command() -> Iterator[Words]:
    for path in UNITS:
        yield from of_unit(path)
    for service in COMPOSE["services"].values():
        check = service.get("healthcheck", {}).get("test", [])
        if check[1:] and check[1] in GROUPS:
            yield shape(check[1:])


def test_every_option_is_one_that_the_program_has(tmp_path: Path) -> None:
    seen = set()
    for words in every_command():
        if words[0] not in GROUPS:
            assert words == ["python", "-m", "assets.instance"]
            continue
        module, _, name = GROUPS[words[0]].partition(":")
        command = getattr(importlib.import_module(module), name)
        if words[0] == "linnaeus":
            import typer

            command = typer.main.get_command(command)
        values = {"--port": "1", "--workspace": str(tmp_path), "--working-directory": str(tmp_path), "--host": "h"}
        arguments = [values.get(words[number], word) if word == "_" else word for number, word in enumerate(words[1:])]
        while isinstance(command, click.Group):
            command = command.commands[arguments.pop(0)]
        command.make_context(words[0], arguments)
        seen.add(words[0])
    assert seen == set(GROUPS)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze on this machine")
def test_the_units_are_what_systemd_takes(tmp_path: Path) -> None:
    for path in UNITS:
        here = path.read_text(encoding="utf-8").replace("/opt/linnaeus/.venv/bin", str(Path(sys.executable).parent))
        (tmp_path / path.name).write_text(here, encoding="utf-8")
    assert _verify(tmp_path) == ""
    broken = tmp_path / UNITS[0].name
    broken.write_text(broken.read_text(encoding="utf-8").replace("Restart=always", "Restart=sometimes"), encoding="utf-8")
    assert "sometimes" in _verify(tmp_path), "it says what is wrong where something is"


def _verify(folder: Path) -> str:
    units = [str(path) for path in sorted(folder.glob("*.service"))]
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False)
    return "\n".join(line for line in done.stderr.splitlines() if str(folder) in line or "linnaeus" in line)


def test_the_units_share_an_environment_that_names_every_folder() -> None:
    lines = (DEPLOY / "systemd" / "environment").read_text(encoding="utf-8").splitlines()
    named = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert {"LINNAEUS_HOME", "LINNAEUS_STATE", "LINNAEUS_DAGSTER_STATE", "LINNAEUS_CACHE", "LINNAEUS_CODE_HOST", "DAGSTER_HOME"} <= set(named)
    assert all("EnvironmentFile=/etc/linnaeus/environment" in path.read_text(encoding="utf-8") for path in UNITS)


def test_what_the_image_copies_exists_and_what_is_built_is_copied_first() -> None:
    sources = [word for line in DOCKERFILE if line.startswith("COPY ") for word in line.split()[1:-1]]
    assert sources
    assert [source for source in sources if not (ROOT / source).exists()] == []
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    packages = re.findall(r'"(\w+)"', re.search(r"^packages = (.*)$", project, re.MULTILINE)[1])  # type: ignore[index]
    assert {*packages, "prompts", "README.md", "pyproject.toml"} <= set(sources)
    (install,) = [line for line in DOCKERFILE if "pip install" in line]
    assert "postgres = [" in project
    assert ".[postgres]" in install
    assert "USER linnaeus" in DOCKERFILE, "it does not run as root"


def test_the_containers_agree_on_names_and_wait_for_one_another() -> None:
    services: dict[str, Any] = COMPOSE["services"]
    assert set(services) == {*SERVICES, "postgres"}
    for name in SERVICES:
        environment = services[name]["environment"]
        assert environment["LINNAEUS_CODE_HOST"] == "code"
        assert "@postgres:5432/linnaeus" in environment["LINNAEUS_POSTGRES_URL"]
        assert environment["LINNAEUS_POSTGRES_URL"].startswith("postgresql+psycopg2://")
        volumes = {volume.split(":")[0] for volume in services[name]["volumes"]}
        assert {volume for volume in volumes if "/" not in volume} <= set(COMPOSE["volumes"])
    assert services["code"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert all(services[name]["depends_on"] == {"code": {"condition": "service_healthy"}} for name in ("web", "daemon"))
    assert (DEPLOY / services["code"]["build"]["context"] / services["code"]["build"]["dockerfile"]).exists()
    assert services["web"]["ports"] == ["127.0.0.1:3000:3000"], "published on loopback only"


def test_the_instance_in_postgres_is_the_usual_one_but_for_its_storage() -> None:
    usual = yaml.safe_load((ROOT / "dagster.yaml").read_text(encoding="utf-8"))
    postgres = yaml.safe_load((DEPLOY / "dagster.postgres.yaml").read_text(encoding="utf-8"))
    assert postgres.pop("storage") == {"postgres": {"postgres_url": {"env": "LINNAEUS_POSTGRES_URL"}}}
    usual.pop("storage")
    assert postgres == usual, "a change of dagster.yaml belongs into deploy/dagster.postgres.yaml too"


def test_the_workspace_file_names_the_code_server(monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster._core.workspace.load import location_origins_from_yaml_paths

    monkeypatch.setenv("LINNAEUS_CODE_HOST", "code")
    (origin,) = location_origins_from_yaml_paths([str(DEPLOY / "workspace.yaml")])
    assert (getattr(origin, "host", None), getattr(origin, "port", None), origin.location_name) == ("code", 4266, "linnaeus")
