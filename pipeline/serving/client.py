"""Answer questions through OpenAI-compatible servers, in order, as many at once as they carry, each paid for once.

The ledger is asked first, and told of every attempt.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from pipeline.serving.accounts import Accounts
from pipeline.serving.asking import Asking
from pipeline.serving.background import Background
from pipeline.serving.contract import Answer, Ledger, Message, Question
from pipeline.serving.dialects import Dialect
from pipeline.serving.meter import Measured
from pipeline.serving.recorder import Recorder
from pipeline.serving.remote import server_key
from pipeline.serving.replicas import Replicas, Server
from pipeline.serving.sending import Sender
from pipeline.serving.spending import Spending
from pipeline.settings import EngineSettings

__all__ = ["OpenAIChat"]

CLOSE_SECONDS = 15.0
TURN_TOKENS = 16  # what a chat template adds to a turn, at most
AMPLE = 512  # tokens left from which nobody needs to know exactly


class OpenAIChat:
    """Ask the servers of one model; implements `Chat`."""

    def __init__(
        self, servers: Sequence[Server], *, settings: EngineSettings, dialect: Dialect, ledger: Ledger, run_id: str, spending: Spending | None = None
    ) -> None:
        """Ask these servers, which start with the first question that the ledger cannot answer."""
        self._servers = servers
        self._settings = settings
        self._dialect = dialect
        self._ledger = ledger
        self._recorder = Recorder(ledger)
        self._background = Background()
        self._accounts = Accounts(
            settings=settings, model=self.model, run_id=run_id, recorder=self._recorder, spending=spending or Spending(), key=server_key(settings)
        )

    @property
    def model(self) -> str:
        """Name what answers, weights and all."""
        return self._servers[0].identity

    @property
    def server(self) -> str | None:
        """Give the software that answers, with its version, where it has said so."""
        return self._accounts.server

    def ask(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """Answer questions in their order.

        :raises EngineError: the server cannot be started or reached, refuses the key or the model, or has gone for good.
        :raises BudgetReachedError: the run may not spend more; what was answered before is recorded.
        """
        asking = Asking(
            model=self.model, ledger=self._ledger, background=self._background, sender=self._sender, recorder=self._recorder,
            meter=self._accounts.meter,
        )  # fmt: skip
        try:
            yield from asking.answers(questions)
        finally:
            asking.close()

    def room(self, messages: Sequence[Message], max_tokens: int) -> int | None:
        """Say how many tokens are left beside a prompt and its answer: at least so many where they are ample, exactly where not."""
        longest = sum(len(message.content.encode()) + TURN_TOKENS for message in messages)  # a token is a byte at least
        least = self._settings.context_tokens - longest - max_tokens
        return least if least >= AMPLE else self._background.run(self._sender.room(messages, max_tokens))

    def measured(self) -> Measured:
        """Give what was asked since the last time, and how busy it kept the server."""
        return self._accounts.meter.take()

    def close(self) -> None:
        """Write down what is still unwritten and hang up; the servers are left as they are."""
        try:
            self._recorder.close()
        finally:
            if self._background.started:
                with contextlib.suppress(TimeoutError):
                    self._background.run(self._sender.close(), CLOSE_SECONDS)
            self._background.close()

    @cached_property
    def _sender(self) -> Sender:
        async def make() -> Sender:
            replicas = Replicas(self._servers, self._settings)
            name = self._servers[0].model_name
            return Sender(replicas, settings=self._settings, dialect=self._dialect, model_name=name, accounts=self._accounts)

        return self._background.run(make())
