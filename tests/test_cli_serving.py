"""The command that serves a student by HTTP, with a project and without one."""

import asyncio
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import aiohttp
import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.settings import load_project
from pipeline.stages import open_session
from pipeline.stages.promotion import promote
from tests.fitted import CATEGORIES, save_student_of_words
from tests.registry import current_id, further_student
from tests.tiny import write_project

ROOT = Path(__file__).parent.parent
TEXTS = ["late courier parcel", "card invoice refund", "login password locked"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_student_of_words(tmp_path_factory.mktemp("student"))


def run(*arguments: str, given: str | bytes | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=given, env={"COLUMNS": "200"})


@pytest.fixture
def server(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process of its own, loaded, and its address."""
    command = [sys.executable, "-m", "pipeline.cli", "serve", "--student", str(folder), "--port", "0", "--max-batch", "2500"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        address = re.search(r"http://127\.0\.0\.1:\d+$", process.stderr.readline().strip())
        assert address is not None
        assert "Loaded" in process.stderr.readline()
        yield process, address[0]
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_server_answers_and_stops_when_told(server: tuple[subprocess.Popen[str], str], number: int) -> None:
    process, address = server
    long = [f"{text} " * 100 for text in TEXTS] * 700

    async def use() -> list[tuple[int, Any]]:
        async with aiohttp.ClientSession(address) as session:

            async def ask(texts: list[str]) -> tuple[int, Any]:
                async with session.post("/predict", data=io.BytesIO(json.dumps({"texts": texts}).encode())) as response:
                    return response.status, await response.json()

            async def open_requests() -> int:
                async with session.get("/health") as response:
                    return int((await response.json())["open_requests"])

            found = [await ask(TEXTS), await ask(TEXTS * 1000)]
            taken = asyncio.create_task(ask(long))
            while not await open_requests() and not taken.done():
                await asyncio.sleep(0.005)
            process.send_signal(number)
            return [*found, await taken]

    first, refused, taken = asyncio.run(use())
    assert [one["category_id"] for one in first[1]["predictions"]] == CATEGORIES
    assert (refused[0], refused[1]["error"]["reason"]) == (413, "too_many_texts")
    assert [one["category_id"] for one in taken[1]["predictions"]] == CATEGORIES * 700, "what was taken is answered"
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert err.strip() == "Stopping; what was taken is answered first", "and nothing of what was asked"


def test_a_project_is_served_with_the_descriptions_of_its_categories(at_home: Path) -> None:
    seen: list[dict[str, Any]] = []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def visit() -> None:
        for _ in range(600):
            try:
                with urlopen(f"http://127.0.0.1:{port}/labels", timeout=30) as response:
                    seen.append(json.load(response))
            except OSError:
                time.sleep(0.1)
            else:
                os.kill(os.getpid(), signal.SIGTERM)  # the server runs in this process, and takes it
                return

    visitor = threading.Thread(target=visit)
    visitor.start()
    result = run("serve", "tiny", "--port", str(port))
    visitor.join()
    assert result.exit_code == 0, result.output
    labels = seen[0]["labels"]
    assert {one["name"] for one in labels} == {"Late Parcels", "Refunds and Invoices", "Login Trouble", "Opening Hours"}
    assert all(one["description"] for one in labels)


def test_a_served_project_takes_the_student_that_was_promoted_and_keeps_it_where_the_next_is_broken(at_home: Path) -> None:
    project = load_project(write_project(at_home))
    with open_session(project) as session:
        first, second = current_id(session), further_student(session, "1" * 32, mistaken=True)
        model = session.folder / session.store.student(first).path / "model.skops"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    answers: list[dict[str, Any]] = []
    seen: list[dict[str, Any]] = []

    def get(path: str, body: bytes | None = None) -> dict[str, Any]:
        with urlopen(Request(f"http://127.0.0.1:{port}{path}", data=body), timeout=30) as response:
            return dict(json.load(response))

    def until(**wanted: Any) -> None:
        for _ in range(600):
            try:
                health = get("/health")
            except OSError:
                health = {}
            if all(health.get(key) == value or (value is ... and health.get(key)) for key, value in wanted.items()):
                seen.append(health)
                answers.append(get("/predict", b'{"texts": ["The courier lost my parcel"]}'))
                return
            time.sleep(0.1)
        raise AssertionError(wanted)

    def visit() -> None:
        try:
            until(classifier_id=first, loaded=True)
            with open_session(project) as session:
                promote(session, second)
                until(classifier_id=second)
                model.write_bytes(model.read_bytes()[:-1])
                session.store.mark_current(classifier_id=first)
                session.store.publish()
                until(classifier_id=second, newer_refused=...)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    visitor = threading.Thread(target=visit)
    visitor.start()
    result = run("serve", "tiny", "--port", str(port))
    visitor.join()
    assert result.exit_code == 0, result.output
    assert [one["classifier_id"] for one in answers] == [first, second, second]
    names = [one["predictions"][0]["category"] for one in answers]
    assert names[0] == "Late Parcels" != names[1] == names[2]
    assert "model.skops is damaged" in seen[-1]["newer_refused"]
    assert [one["newer_refused"] for one in seen[:-1]] == [None, None]
    assert f"Serving {second} now in place of {first}" in result.stderr
    assert f"A newer student is not taken into use, and {second} answers on." in result.stderr
