"""A real vLLM honours the contract, carries the stages and comes back when it is killed; run by `make test-vllm`.

One server answers all of it, as its users share it, until the last test kills it.
"""

import hashlib
import logging
import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import psutil
import pytest
import yaml

from pipeline.serving import Choice, OpenAIChat, Question, open_chat
from pipeline.serving.engines import VllmServer
from pipeline.serving.server_folder import ServerRecord
from pipeline.settings import EngineSettings, Project
from pipeline.stages import STAGES, Session, run_stage
from pipeline.testing import MemoryLedger
from pipeline.weights import cache_folder, fetch_weights, known_weights
from tests.contract import EngineContract, ask_one, question

pytestmark = [pytest.mark.live, pytest.mark.timeout(1200)]
log = logging.getLogger(__name__)
ROOT = Path(__file__).resolve().parents[2]
MAKE_SAFETENSORS = Path(__file__).with_name("make_safetensors.py")
TINY = "smollm2-135m-instruct"
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "2", "VLLM_NO_USAGE_STATS": "1", "LINNAEUS_SERVER_LINGER": "2"}
CPU_BLOCK = 32  # tokens that the prefix cache keeps or drops together: the least that a CPU takes (128 unasked), on a GPU it is 16
ARGUMENTS = ("--dtype", "bfloat16", "--enforce-eager", "--block-size", str(CPU_BLOCK))
NO_STUDENT = {"classifier", "predictions", "evaluation"}  # a model this small says "None of these" too often for a student to learn from it
END_SECONDS = 60.0


@pytest.fixture(scope="module")
def lives() -> list[ServerRecord]:
    """Collect what is known of each server that ran."""
    return []


@pytest.fixture(scope="module", autouse=True)
def vllm(lives: list[ServerRecord], tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineSettings]:
    """Give the server's settings, share it with nobody outside these tests, and see that no process of it is left."""
    python = os.environ.get("LINNAEUS_VLLM_PYTHON")
    assert python, "LINNAEUS_VLLM_PYTHON must name the Python that has vLLM; `make test-vllm` sets it"
    model, cache = _model(python), tmp_path_factory.mktemp("cache")
    (cache / "weights").symlink_to(cache_folder() / "weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LINNAEUS_CACHE", str(cache))
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        yield EngineSettings(kind="vllm", model=str(model), context_tokens=2048, arguments=ARGUMENTS)
        end = time.monotonic() + END_SECONDS
        while left := _left(lives, cache):
            assert time.monotonic() < end, f"processes of vLLM are left: {left}"
            time.sleep(0.5)
    assert len({life.generation for life in lives}) == 2, "the server was to be started twice, once anew after it was killed"


@pytest.fixture(scope="module")
def calls() -> MemoryLedger:
    return MemoryLedger()


@pytest.fixture(scope="module")
def started(vllm: EngineSettings, calls: MemoryLedger, lives: list[ServerRecord]) -> Iterator[OpenAIChat]:
    """Open a chat whose server has answered once."""
    with open_chat(vllm, ledger=calls, run_id="live") as opened:
        assert ask_one(opened, question("Are you there?", Choice(("yes", "no")))).outcome == "ok"
        lives.append(_life(vllm))
        yield opened


class TestVllm(EngineContract):
    """vLLM by its own dialect."""

    software = r"vllm \d+\.\d+\.\d+\S*"
    further_tokens = CPU_BLOCK - 1

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls, vllm: EngineSettings) -> EngineSettings:
        return vllm

    @pytest.fixture(scope="class")
    @classmethod
    def ledger(cls, calls: MemoryLedger) -> MemoryLedger:
        return calls

    @pytest.fixture(scope="class")
    @classmethod
    def chat(cls, started: OpenAIChat) -> OpenAIChat:
        return started


class TestVllmByUrl(EngineContract):
    """The same server joined as any other: the json-schema dialect."""

    software = r"vllm-\d+\.\d+\.\d+\S*"
    further_tokens = CPU_BLOCK - 1

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls, vllm: EngineSettings, started: OpenAIChat, lives: list[ServerRecord]) -> EngineSettings:
        return EngineSettings(kind="url", model=vllm.model, base_url=(f"{lives[0].address}/v1",), context_tokens=vllm.context_tokens)

    @pytest.fixture(scope="class")
    @classmethod
    def ledger(cls) -> MemoryLedger:
        return MemoryLedger()

    @pytest.fixture(scope="class")
    @classmethod
    def chat(cls, engine: EngineSettings, ledger: MemoryLedger) -> Iterator[OpenAIChat]:
        with open_chat(engine, ledger=ledger, run_id="url") as opened:
            yield opened


@pytest.mark.usefixtures("started")
def test_the_stages_of_the_demo_share_the_server_and_every_document_is_labelled_or_listed(
    vllm: EngineSettings, lives: list[ServerRecord], tmp_path: Path
) -> None:
    demo = yaml.safe_load((ROOT / "projects/demo.yaml").read_text(encoding="utf-8"))
    demo["corpus"] |= {"path": str(ROOT / "projects" / demo["corpus"]["path"]), "limit": 40}
    demo["taxonomy"] |= {"size": {"min": 2, "max": 6}, "sample": 40, "minibatch": 30}
    demo["annotation"] |= {"sample": 40}
    project = Project.model_validate(demo | {"name": "live", "engine": vllm.model_dump()})
    with Session(project, folder=tmp_path) as session:
        reports = {stage: run_stage(stage, session) for stage in STAGES if stage not in NO_STUDENT}
        labels, failures = session.store.count("labels"), session.store.count("failures")
    for report in reports.values():
        log.info("%s: %d made, %d calls, %.1f s", report.stage, report.made, report.calls, report.seconds)
    assert reports["documents"].total == 40
    assert labels / 2 + failures >= 40  # each document has the model's own and the calibrated label, or a failure with its reason
    assert _life(vllm).generation == lives[0].generation
    (served,) = reports["annotations"].served
    log.info("annotations: %d prompt tokens, %d of them cached, %.1f in flight", served.tokens_in, served.tokens_cached, served.in_flight)
    assert served.server is not None
    assert served.server.startswith("vllm ")
    assert served.tokens_cached > served.tokens_in / 2


def test_a_killed_server_is_started_again_and_every_question_is_answered_once(
    vllm: EngineSettings, started: OpenAIChat, calls: MemoryLedger, lives: list[ServerRecord]
) -> None:
    # An only option that is long: every answer takes a while, and is known.
    options = [f"row {row}" + " and one more word" * 10 for row in range(40)]
    questions = [question(f"What is row {row}?", Choice((option,)), 500) for row, option in enumerate(options)]
    answers = started.ask(questions)
    begun = list(islice(answers, 8))
    answered = len(_ok(started, calls, questions))
    assert answered < 30, "the server was to be killed in the middle"
    _server_process(lives[0]).kill()
    killed = time.monotonic()
    done = [*begun, *answers]
    lives.append(_life(vllm))
    log.info("killed after %d of 40 answers; all are there after %.0f s more", answered, time.monotonic() - killed)
    assert [(answer.outcome, answer.text) for answer in done] == [("ok", option) for option in options]
    assert set(_ok(started, calls, questions).values()) == {1}
    assert lives[1].generation != lives[0].generation
    assert not psutil.pid_exists(lives[0].server_pid)


def _model(python: str) -> Path:
    """Give the tiny model as a folder that vLLM can serve; made once, by the Python that has vLLM."""
    gguf = fetch_weights(TINY)
    made_of = hashlib.sha256(known_weights()[TINY].sha256.encode() + MAKE_SAFETENSORS.read_bytes()).hexdigest()[:16]
    folder = cache_folder() / "safetensors" / f"{TINY}-{made_of}"
    if not folder.exists():
        half = folder.with_name(f"{folder.name}.{os.getpid()}")
        try:
            subprocess.run([python, str(MAKE_SAFETENSORS), str(gguf), str(half)], check=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
            half.rename(folder)
        finally:
            shutil.rmtree(half, ignore_errors=True)
    return folder


def _life(vllm: EngineSettings) -> ServerRecord:
    record = VllmServer(vllm).folder.read()
    assert record is not None, "no server is kept"
    return record


def _server_process(record: ServerRecord) -> psutil.Process:
    """Find vLLM itself below the process that ends it with its keeper."""
    (server,) = psutil.Process(record.server_pid).children()
    assert "vllm" in " ".join(server.cmdline()).lower(), server
    return server


def _ok(chat: OpenAIChat, ledger: MemoryLedger, questions: Sequence[Question]) -> Counter[str]:
    keys = {asked.key(chat.model) for asked in questions}
    return Counter(call.call_key for call in list(ledger.calls) if call.outcome == "ok" and call.call_key in keys)


def _left(lives: list[ServerRecord], cache: Path) -> list[str]:
    """List the processes of the servers: those of their groups, for vLLM's workers change their names, and their keepers."""
    groups, found = {life.server_pid for life in lives}, []
    for process in psutil.process_iter():
        try:
            command = " ".join(process.cmdline())
            if os.getpgid(process.pid) in groups or str(cache) in command:
                found.append(f"{process.pid} {command[:120] or process.name()}")
        except (psutil.Error, ProcessLookupError):
            continue
    return found
