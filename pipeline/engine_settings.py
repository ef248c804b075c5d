"""The part of a project file that says which model answers, where it runs, and what it may spend."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

__all__ = ["BudgetSettings", "EngineSettings", "PriceSettings", "Settings", "Text"]

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Settings(BaseModel):
    """Refuse unknown keys and any change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PriceSettings(Settings):
    """What a model costs, in the currency of `budget.money`, for a million tokens."""

    input: float = Field(0.0, ge=0, description="Price of a million prompt tokens.")
    cached: float | None = Field(None, ge=0, description="Price of a million prompt tokens that the server had cached; as input when absent.")
    output: float = Field(0.0, ge=0, description="Price of a million answer tokens.")

    def cost(self, tokens_in: int, tokens_cached: int, tokens_out: int) -> float:
        """Give the price of tokens; cached ones are part of `tokens_in`."""
        cached = self.input if self.cached is None else self.cached
        return ((tokens_in - tokens_cached) * self.input + tokens_cached * cached + tokens_out * self.output) / 1e6


class EngineSettings(Settings):
    """Which model answers, and where it runs."""

    kind: Literal["embedded", "vllm", "url"] = Field(
        "embedded",
        description="embedded: llama.cpp on this machine, no GPU needed. vllm: start or join a vLLM server. url: any OpenAI-compatible server.",
    )
    model: Text = Field(
        "qwen2.5-coder-1.5b-instruct",
        description="Embedded: a built-in name or a GGUF file. vLLM and url: the model's name on the server.",
    )
    base_url: tuple[Text, ...] = Field(
        (), description="Address of a running server, as http://127.0.0.1:8000/v1, or a list of replicas. vLLM: started here when absent."
    )
    key_env: Text | None = Field(None, description="Name of the environment variable that holds the server's key.")
    ca_file: Text | None = Field(None, description="File with the certificate that signed the server's own, where no public authority did.")
    port: int | None = Field(None, ge=1, le=65535, description="Port to serve on; a free one when absent.")
    context_tokens: int = Field(4096, ge=512, description="Longest prompt plus answer, in tokens.")
    concurrency: int | None = Field(
        None, ge=1, le=1024, description="Most questions in flight at once; found by watching the server when absent (embedded: 4 places)."
    )
    timeout_seconds: float = Field(300.0, gt=0, description="Longest wait for one answer.")
    attempts: int = Field(3, ge=1, le=10, description="Attempts at one question that the model answers badly before it is recorded as failed.")
    patience_seconds: float = Field(60.0, ge=0, description="Longest wait for a server that has gone or refuses everything to come back.")
    start_seconds: float = Field(600.0, gt=0, description="Longest wait for a server to come up.")
    tensor_parallel: int = Field(1, ge=1, description="GPUs that share each copy of the model; for a vLLM server started here.")
    data_parallel: int = Field(1, ge=1, description="Copies of the model side by side; for a vLLM server started here.")
    arguments: tuple[str, ...] = Field((), description="Further command-line arguments for `vllm serve`.")
    prices: PriceSettings | None = Field(None, description="Price of a million tokens: {input, cached, output}; none are reckoned when absent.")
    keep_answers: Literal["failures", "all"] = Field("failures", description="Which answers the ledger keeps as the server wrote them.")

    @field_validator("base_url", mode="before")
    @classmethod
    def _one_address_as_list(cls, given: object) -> object:
        return [given] if isinstance(given, str) else given or ()

    @model_validator(mode="after")
    def _address_where_needed(self) -> "EngineSettings":
        if self.kind == "url" and not self.base_url:
            raise ValueError("engine.kind is 'url' but engine.base_url is missing; give the server's address, as http://127.0.0.1:8000/v1")
        if self.kind == "embedded" and self.base_url:
            raise ValueError("engine.base_url has no meaning with engine.kind 'embedded'; use kind 'url' or 'vllm' to join a server")
        if self.port is not None and self.base_url:
            raise ValueError("engine.port is for a server started here, and engine.base_url joins a running one; leave one of them out")
        return self


class BudgetSettings(Settings):
    """What one run may spend; it ends cleanly where a cap is reached, and the next run goes on from there."""

    calls: int | None = Field(None, gt=0, description="Most calls to models, failed ones included.")
    tokens: int | None = Field(None, gt=0, description="Most tokens, of prompts and answers together.")
    minutes: float | None = Field(None, gt=0, description="Longest time from the run's first call.")
    money: float | None = Field(None, gt=0, description="Most money, by engine.prices.")
