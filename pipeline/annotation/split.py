"""Which labelled documents are kept from the students: decided by the text's hash, before anything is labelled."""

from pipeline.ids import content_id

__all__ = ["held_out"]


def held_out(text_hash: str, *, share: float, seed: int) -> bool:
    """Say whether a text is held out; a text keeps its side whatever else is in the corpus."""
    digits = content_id("split", [seed, text_hash]).removeprefix("split:")
    return int(digits[:12], 16) < share * 16**12
