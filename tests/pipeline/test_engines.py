"""The embedded engine with tiny weights: it honours the contract, by its own dialect and by url, and does not outlive its users."""

import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.errors import EngineError
from pipeline.serving import Choice, Line, OpenAIChat, Structured, describe_engine, open_chat
from pipeline.serving.dialects import dialect_of
from pipeline.serving.engines import EmbeddedServer, VllmServer
from pipeline.settings import EngineSettings
from pipeline.testing import MemoryLedger, ScriptedChat
from pipeline.weights import cache_folder, fetch_weights, resolve_model
from tests.contract import EngineContract, Phrase, question

TINY = "smollm2-135m-instruct"
CONTEXT, SLOTS = 1024, 4
LLAMA_CPP = r"b\d+-\w+"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", autouse=True)
def own_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Share no server with what else runs on this machine, and keep none for long.

    llama.cpp's threads wait for one another by spinning: beside a busy process two are ten times slower than one.
    """
    fetch_weights(TINY)
    cache = tmp_path_factory.mktemp("cache")
    (cache / "weights").symlink_to(cache_folder() / "weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LINNAEUS_CACHE", str(cache))
        patch.setenv("LINNAEUS_SERVER_LINGER", "0.5")
        patch.setenv("LINNAEUS_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def tiny() -> Path:
    return fetch_weights(TINY)


@pytest.fixture(scope="module")
def ledger() -> MemoryLedger:
    return MemoryLedger()


@pytest.fixture(scope="module")
def engine() -> EngineSettings:
    return _settings()


@pytest.fixture(scope="module")
def chat(engine: EngineSettings, ledger: MemoryLedger, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAIChat]:
    with open_chat(engine, ledger=ledger, run_id="run", log_folder=tmp_path_factory.mktemp("log")) as opened:
        yield opened


class TestEmbedded(EngineContract):
    """llama.cpp by its own dialect: a grammar."""

    software = r"llama\.cpp in xllamacpp \d+\.\d+\.\d+"

    def test_alone_it_answers_the_same_twice(self, chat: OpenAIChat, engine: EngineSettings) -> None:
        asked = [question("Tell a story.", Line(), 24, temperature=temperature) for temperature in (0.0, 0.9)]
        texts = []
        for _ in range(2):
            with open_chat(engine, ledger=MemoryLedger(), run_id="run") as other:
                texts.append([(answer.outcome, answer.text) for one in asked for answer in other.ask([one])])
        assert texts[0] == texts[1]


class TestByUrl(EngineContract):
    """The same server joined as any other: a JSON schema."""

    software = LLAMA_CPP
    openings_computed = SLOTS  # nobody copies it from slot to slot
    all_listed = False

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls, tiny: Path) -> Iterator[EngineSettings]:
        server = EmbeddedServer(_settings(), resolve_model(TINY))
        yield _settings(kind="url", model="tiny", base_url=server.start())
        server.stop()

    @pytest.fixture(scope="class")
    @classmethod
    def ledger(cls) -> MemoryLedger:
        return MemoryLedger()

    @pytest.fixture(scope="class")
    @classmethod
    def chat(cls, engine: EngineSettings, ledger: MemoryLedger) -> Iterator[OpenAIChat]:
        with open_chat(engine, ledger=ledger, run_id="url") as opened:
            yield opened


def test_the_identity_names_the_weights(chat: OpenAIChat) -> None:
    assert chat.model == "smollm2-135m-instruct@b179c9523d0e"


def test_a_cached_run_starts_no_server(chat: OpenAIChat, ledger: MemoryLedger) -> None:
    asked = question("Say hello once.", Choice(("hello", "bye")))
    first = list(chat.ask([asked]))
    told: list[str] = []
    with open_chat(_settings(), ledger=ledger, run_id="again", on_status=told.append) as other:
        assert [answer.text for answer in other.ask([asked])] == [answer.text for answer in first]
    assert told == []


def test_the_server_is_started_again_once(tiny: Path, tmp_path: Path) -> None:
    server = EmbeddedServer(_settings(concurrency=2), resolve_model(TINY), log_folder=tmp_path)
    chat = OpenAIChat([server], settings=_settings(concurrency=2), dialect=dialect_of("embedded"), ledger=MemoryLedger(), run_id="run")
    try:
        assert [answer.outcome for answer in chat.ask([question("one", Choice(("a", "b")))])] == ["ok"]
        first = server.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert [answer.outcome for answer in chat.ask([question(word, Choice(("a", "b"))) for word in ("two", "three")])] == ["ok", "ok"]
        assert server.pid != first
    finally:
        chat.close()
        server.stop()
    assert server.pid is None


def test_the_server_goes_after_its_only_user_was_killed(tiny: Path) -> None:
    program = (
        "import sys, time\n"
        "from pipeline.serving.engines import EmbeddedServer\n"
        "from pipeline.settings import EngineSettings\n"
        "from pipeline.weights import resolve_model\n"
        f"settings = EngineSettings.model_validate(dict(model={TINY!r}, context_tokens=512, concurrency=1))\n"
        f"server = EmbeddedServer(settings, resolve_model({TINY!r}))\n"
        "server.start()\n"
        "sys.stdout.write(f'{server.pid}\\n'); sys.stdout.flush(); time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert parent.stdout is not None
    with parent.stdout:
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        parent.wait()
    assert child.wait(10) is None or not child.is_running()


def test_a_tied_child_dies_with_its_children(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    inner = f"import os, time, pathlib; pathlib.Path({str(note)!r}).write_text(str(os.getpid())); time.sleep(600)"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    command = [sys.executable, "-m", "pipeline.serving.tied_child", sys.executable, "-c", outer]
    with subprocess.Popen(command, stdin=subprocess.PIPE, cwd=ROOT) as wrapper:
        _wait_for(lambda: note.exists() and note.read_text() != "")
        child = psutil.Process(int(note.read_text()))
        assert wrapper.stdin is not None
        wrapper.stdin.close()
        wrapper.wait(20)
    _wait_for(lambda: not child.is_running())


def test_a_port_in_use_is_said(tiny: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            open_chat(_settings(port=port), ledger=MemoryLedger(), run_id="run") as chat,
            pytest.raises(EngineError, match=rf"Port {port} .* in use"),
        ):
            list(chat.ask([question("one", Line())]))


def test_a_damaged_model_is_an_engine_error_with_the_log(tiny: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(tiny.read_bytes()[:5_000_000])
    with (
        open_chat(_settings(model=str(damaged)), ledger=MemoryLedger(), run_id="run", log_folder=tmp_path) as chat,
        pytest.raises(EngineError, match=r"(?s)ended while starting.*corrupted or incomplete.*whole GGUF file"),
    ):
        list(chat.ask([question("one", Line())]))


def test_a_start_that_takes_too_long_is_given_up(tiny: Path, tmp_path: Path) -> None:
    server = EmbeddedServer(_settings(start_seconds=0.01, concurrency=3), resolve_model(TINY), log_folder=tmp_path)
    with pytest.raises(EngineError, match=r"engine\.start_seconds"):
        server.start()


def test_without_vllm_the_way_out_is_said() -> None:
    with pytest.raises(EngineError, match=r"pip install '\.\[gpu\]'.*'embedded'"):
        VllmServer(_settings(kind="vllm")).start()


def test_describe_says_what_is_there(tiny: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert [ok for _, ok, _ in describe_engine(_settings())] == [True, True]
    monkeypatch.setenv("LINNAEUS_CACHE", str(tmp_path))
    (_, ok, detail) = describe_engine(_settings())[1]
    assert (ok, "0.10 GB" in detail) == (False, True)


def test_a_scripted_chat_answers_as_a_real_one() -> None:
    chat = ScriptedChat(["yes", "maybe", '{"phrase": "oil"}', "a line"])
    questions = [question("a", Choice(("yes", "no"))), question("b", Choice(("yes", "no")))]
    questions += [question("c", Structured(Phrase)), question("d", Line())]
    answers = list(chat.ask(questions))
    assert [answer.outcome for answer in answers] == ["ok", "not_an_option", "ok", "ok"]
    assert dict(answers[0].scores or {}) == {"yes": pytest.approx(math.log(0.9)), "no": pytest.approx(math.log(0.1))}
    assert answers[2].value == Phrase(phrase="oil")
    assert chat.questions == questions


def _settings(**given: object) -> EngineSettings:
    return EngineSettings.model_validate({"model": TINY, "context_tokens": CONTEXT, "concurrency": SLOTS, "start_seconds": 60.0, **given})


def _wait_for(true: object, seconds: float = 15.0) -> None:
    assert callable(true)
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
