"""The part of a project file that says what is done about near copies of documents."""

from typing import Literal

from pydantic import Field

from pipeline.engine_settings import Settings

__all__ = ["LEAST_ALIKE", "NearSettings"]

LEAST_ALIKE = 0.5  # pairs that are less alike are not kept, so that no threshold can be below it


class NearSettings(Settings):
    """Near copies: from when on two texts are, and what is done about them."""

    threshold: float = Field(
        0.8, ge=LEAST_ALIKE, le=1, description="Share of common pieces from which two texts are near copies; `linnaeus duplicates` shows examples."
    )
    act: Literal["off", "mark", "share"] = Field(
        "mark",
        description="mark: kept on one side of every split; share: beside that the model labels one text of several copies, and the others take"
        " its label.",
    )
