"""A real vLLM server answers the contract and carries the stages; run by `make test-vllm`, which builds its environment."""

import math
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.answers import CategoryAnswer
from pipeline.serving import Choice, Line, Message, OpenAIChat, Question, Structured, open_chat
from pipeline.settings import EngineSettings, Project
from pipeline.stages import STAGES, Session, run_stage
from pipeline.testing import MemoryLedger
from pipeline.weights import fetch_weights

pytestmark = pytest.mark.live
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> EngineSettings:
    python = os.environ.get("LINNAEUS_VLLM_PYTHON")
    assert python, "LINNAEUS_VLLM_PYTHON must name the Python that has vLLM; `make test-vllm` sets it"
    folder = tmp_path_factory.mktemp("vllm") / "smollm2"
    gguf = fetch_weights("smollm2-135m-instruct")
    subprocess.run([python, str(ROOT / "tests/live/make_safetensors.py"), str(gguf), str(folder)], check=True, env=_offline())
    os.environ.update(_offline())
    return EngineSettings(kind="vllm", model=str(folder), context_tokens=2048, arguments=("--dtype", "bfloat16", "--enforce-eager"))


@pytest.fixture(scope="module")
def chat(engine: EngineSettings) -> Iterator[OpenAIChat]:
    with open_chat(engine, ledger=MemoryLedger(), run_id="live") as opened:
        yield opened


def test_a_choice_is_one_of_the_options_and_every_option_is_scored(chat: OpenAIChat) -> None:
    options = ("Alarm", "Alarm Clock", "Weather")
    answer = _ask(chat, Question("test", "p", _say("Which topic is this: will it rain?"), Choice(options), 12))
    assert answer.outcome == "ok"
    assert answer.text in options
    assert answer.scores is not None
    assert math.isclose(sum(math.exp(score) for score in answer.scores.values()), 1.0, rel_tol=1e-6)


def test_a_structured_answer_is_of_its_class(chat: OpenAIChat) -> None:
    answer = _ask(chat, Question("test", "p", _say("Name the category of: it rains, it snows."), Structured(CategoryAnswer), 200))
    assert answer.outcome in {"ok", "truncated"}
    assert answer.outcome != "ok" or isinstance(answer.value, CategoryAnswer)


def test_a_line_ends_at_the_line_break(chat: OpenAIChat) -> None:
    answer = _ask(chat, Question("test", "p", _say("Say one word."), Line(), 12))
    assert answer.text is None or "\n" not in answer.text


def test_the_stages_that_ask_run_on_vllm_and_every_document_is_labelled_or_listed(engine: EngineSettings, tmp_path: Path) -> None:
    project = Project.model_validate(
        {
            "name": "live",
            "use_case": "what does the user want the assistant to do",
            "corpus": {"path": str(ROOT / "projects/data/hwu64.jsonl"), "id": "id", "gold": "domain", "limit": 80},
            "engine": engine.model_dump(),
            "taxonomy": {"size": {"min": 2, "max": 6}, "sample": 40, "minibatch": 30},
            "annotation": {"sample": 40},
            "students": [{"folds": 2}],
        }
    )
    with Session(project, folder=tmp_path) as session:
        # Up to the labels: a model this small says "None of these" too often for a student to learn from it.
        asking = [stage for stage in STAGES if stage not in {"classifier", "predictions", "baseline", "evaluation"}]
        reports = {stage: run_stage(stage, session) for stage in asking}
        labels, failures = session.store.count("labels"), session.store.count("failures")
    assert reports["annotations"].made >= 40
    assert labels / 2 + failures >= 40  # each document has the model's own and the calibrated label, or a failure with its reason


def _ask(chat: OpenAIChat, question: Question):  # type: ignore[no-untyped-def]  # noqa: ANN202
    return next(iter(chat.ask([question])))


def _say(text: str) -> tuple[Message, ...]:
    return (Message("user", text),)


def _offline() -> dict[str, str]:
    return {**os.environ, "HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "2", "VLLM_NO_USAGE_STATS": "1"}
