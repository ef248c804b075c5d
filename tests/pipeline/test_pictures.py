"""Pictures for the UI: real PNG, small, whatever is drawn."""

import io
import random

import pytest
from PIL import Image

from pipeline.evaluation.pictures import OTHERS, drift_picture, label_picture, learning_picture, stacked_picture
from pipeline.evaluation.pictures import _most as largest
from pipeline.trust_records import Drift

LARGEST = 60_000  # bytes
DICE = random.Random(1)
PARTS = {f"2026-01-{day:02d}": {f"Some category with a long name {number}": DICE.randrange(100) for number in range(12)} for day in range(1, 32)}


def a_part(number: int) -> Drift:
    """Make a part; the first was compared with nothing."""
    near, share = (DICE.random() / 10, DICE.random()) if number else (None, None)
    return Drift(
        "clf:1", f"2026-01-{number + 1:02d}", 40, 40 * number, distance=near, distance_by_chance=share, changes={}, strangers=share,
        strangers_before=share, strangers_by_chance=near, probability=0.5, probability_before=None, agreement=None, judged=0, inputs="",
    )  # fmt: skip


@pytest.mark.parametrize(
    "png",
    [
        label_picture({f"Cost in $ and _more_ {number}": DICE.randrange(10_000) for number in range(45)}),
        label_picture({"_hidden": 1}),
        drift_picture([a_part(number) for number in range(31)]),
        drift_picture([a_part(0), a_part(1)]),
        learning_picture([(30, 0.5, 0.4, 0.6), (60, 0.7, None, None), (90, 0.72, 0.71, 0.73)]),
        stacked_picture(PARTS, title="Labels", unit="share", shares=True),
        stacked_picture({"11-26 10:00:00": {"documents": 1.5}, "11-26 11:00:00": {}}, title="Seconds", unit="seconds"),
        stacked_picture({"empty": {}}, title="Labels", unit="share", shares=True),
    ],
)
def test_a_picture_is_a_small_png(png: bytes) -> None:
    assert len(png) < LARGEST
    assert Image.open(io.BytesIO(png)).format == "PNG"


def test_what_is_rare_is_summed_up_so_that_nothing_is_lost() -> None:
    counts = {f"c{number}": number for number in range(20)}
    shown = largest(counts, 5)
    assert [name for name, _ in shown] == ["c19", "c18", "c17", "c16", OTHERS]
    assert sum(count for _, count in shown) == sum(counts.values())
    assert largest(counts, 20) == sorted(counts.items(), key=lambda item: -item[1])
