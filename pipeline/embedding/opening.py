"""Opens the embedder that a project file or a student's card names."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.embedder_settings import EmbedderSettings, read_embedder
from pipeline.embedding.contract import Embedder
from pipeline.embedding.encoder import SentenceEmbedder
from pipeline.embedding.static import StaticEmbedder
from pipeline.embedding.windows import WindowedEmbedder

__all__ = ["open_embedder"]


def open_embedder(
    setting: str | EmbedderSettings | Mapping[str, Any], *, cache: Path | None = None, progress: Callable[[int, int], None] | None = None
) -> Embedder:
    """Open an embedder; nothing is fetched, loaded or asked before its first text.

    :param setting: what `Project.embedder` holds, or the same as a student's card has kept it.
    :param progress: called with the bytes in place and the bytes wanted where weights are fetched.
    :raises ValueError: no embedder is called so, or the section is not one of a served embedder.
    """
    known = read_embedder(setting)
    if isinstance(known, EmbedderSettings):
        from pipeline.embedding.served import ServedEmbedder  # here, because a student in a folder does without servers

        return ServedEmbedder(known)
    if known.endswith("-static"):
        return StaticEmbedder(known, cache=cache, progress=progress)
    source = SentenceEmbedder(known.removesuffix("-windows"), cache=cache, progress=progress)
    return WindowedEmbedder(source) if known.endswith("-windows") else source
