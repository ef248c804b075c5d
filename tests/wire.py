"""What tests of the client share: a chat on a scripted server, questions, and replies as servers spell them."""

import json
from dataclasses import dataclass
from typing import Any

from pipeline.serving.contract import AnswerForm, Choice, Ledger, Message, Question
from pipeline.serving.engines import open_chat
from pipeline.serving.spending import Spending
from pipeline.settings import EngineSettings
from pipeline.testing import MemoryLedger
from pipeline.testing_server import ScriptedServer, WireReply

YES_NO = Choice(("yes", "no"))


@dataclass(frozen=True)
class Setup:
    """Open a chat on the scripted server."""

    server: ScriptedServer
    ledger: MemoryLedger

    def chat(self, *, spending: Spending | None = None, ledger: Ledger | None = None, **settings: Any) -> Any:
        given = {"kind": "vllm", "model": "m", "base_url": self.server.address, "timeout_seconds": 5.0, "patience_seconds": 5.0, **settings}
        engine = EngineSettings.model_validate(given)
        return open_chat(engine, ledger=ledger or self.ledger, run_id="run", spending=spending, on_status=lambda _: None)


def question(text: str, form: AnswerForm = YES_NO, *, opening: str | None = None) -> Question:
    turns = [Message("system", opening)] if opening is not None else []
    return Question("test", "prompt:1", (*turns, Message("user", text)), form, max_tokens=16)


def says(
    text: str, *, finish: str = "stop", usage: object = None, top: dict[str, float] | None = None, seconds: float = 0.0, **more: object
) -> WireReply:
    listed = [{"token": token, "logprob": value} for token, value in (top or {}).items()]
    logprobs = {"content": [{"token": text, "logprob": -0.1, "top_logprobs": listed}]} if top else None
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish, "logprobs": logprobs}
    return WireReply(200, json.dumps({"choices": [choice], "usage": usage, **more}), seconds=seconds)
