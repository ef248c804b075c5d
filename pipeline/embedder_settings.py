"""The part of a project file that says which embedder turns texts into vectors."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from pipeline.engine_settings import Settings, Text

__all__ = ["COMPARED", "EMBEDDERS", "EmbedderName", "EmbedderSettings", "read_embedder"]

EmbedderName = Literal["all-minilm-l6-v2", "all-minilm-l6-v2-static", "all-minilm-l6-v2-windows"]
EMBEDDERS: tuple[EmbedderName, ...] = ("all-minilm-l6-v2", "all-minilm-l6-v2-static", "all-minilm-l6-v2-windows")
COMPARED: tuple[EmbedderName, ...] = EMBEDDERS[:2]  # the third differs from the first in long texts alone


def _address(given: str) -> str:
    if not given.startswith(("http://", "https://")):
        raise ValueError("is no address; give one as http://127.0.0.1:8000/v1")
    return given


class EmbedderSettings(Settings):
    """An embedder behind an OpenAI-compatible server."""

    model: Text = Field(description="The model's name on the server.")
    base_url: Annotated[Text, AfterValidator(_address)] = Field(description="Address of the server, as http://127.0.0.1:8000/v1.")
    key_env: Text | None = Field(None, description="Name of the environment variable that holds the server's key.")


def read_embedder(given: object) -> EmbedderName | EmbedderSettings:
    """Read what a project file says of its embedder, or a student's card.

    :raises ValueError: no embedder is called so, or the section is not one of a served embedder; with every mistake.
    """
    keys = ", ".join(EmbedderSettings.model_fields)
    if isinstance(given, EmbedderSettings):
        return given
    if not isinstance(given, Mapping):
        if given in EMBEDDERS:
            return EMBEDDERS[EMBEDDERS.index(given)]
        raise ValueError(f"no embedder is called so; there are {', '.join(EMBEDDERS)}, and a server's {{{keys}}}")
    try:
        return EmbedderSettings.model_validate(dict(given))
    except ValidationError as error:
        unknown = f"unknown key; the keys here are {keys}"
        told = [(mistake["loc"][0], unknown if mistake["type"] == "extra_forbidden" else mistake["msg"]) for mistake in error.errors()]
        raise ValueError("; ".join(f"{key}: {said.removeprefix('Value error, ')}" for key, said in told)) from error
