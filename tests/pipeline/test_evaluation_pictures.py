"""Pictures are PNG files that show every subject they are given."""

import struct
from dataclasses import replace

import numpy as np

from pipeline.evaluation.calibration import reliability_points, risk_coverage_points
from pipeline.evaluation.figure_pictures import confusion_picture, quality_picture
from pipeline.evaluation.pictures import calibration_picture
from pipeline.records import Evaluation
from pipeline.trust_records import CurvePoint


def points(subject: str, seed: int) -> list[CurvePoint]:
    random = np.random.default_rng(seed)
    probabilities = random.beta(5, 2, 300)
    right = random.random(300) < probabilities
    drawn = [*reliability_points("e", probabilities, right), *risk_coverage_points("e", probabilities, right)]
    return [replace(point, curve=f"{point.curve} {subject}") for point in drawn]


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_a_picture_of_calibration_is_wider_than_high_and_shows_what_it_is_given() -> None:
    teacher = calibration_picture(points("teacher", 1))
    both = calibration_picture([*points("teacher", 1), *points("student", 2)])
    width, height = size(teacher)
    assert width > height > 300
    assert size(both) == (width, height)
    assert both != teacher != calibration_picture(points("teacher", 2))


def test_points_without_intervals_and_no_points_at_all_are_drawn() -> None:
    bare = [replace(point, low=None, high=None) for point in points("teacher", 1)]
    assert size(calibration_picture(bare)) == size(calibration_picture([]))


def figure(subject: str, metric: str, value: float, **more: float | None) -> Evaluation:
    return Evaluation("e", subject, metric, "all", value, more.get("low"), more.get("high"), 100, "gold labels")


def test_quality_is_drawn_with_a_row_for_each_figure_about_the_whole() -> None:
    one = [figure("student", "accuracy", 0.9, low=0.8, high=0.95)]
    more = [*one, figure("baseline", "accuracy", 0.5), figure("student", "ari", -0.1)]
    slices = [replace(one[0], slice="language=de")]
    assert size(quality_picture(more))[1] > size(quality_picture(one))[1]
    assert quality_picture([*one, *slices]) == quality_picture(one)
    assert size(quality_picture([]))[0] > 0


def test_confusions_are_drawn_whatever_the_names_and_however_many() -> None:
    few = {("a", "x"): 3, ("$b_", ""): 2, ("<c>", "y"): 0}
    many = {(f"gold {row}", f"label {column}"): row + column for row in range(40) for column in range(35)}
    assert size(confusion_picture(few, judge="gold labels")) < size(confusion_picture(many, judge="gold labels"))
    assert len(confusion_picture(many, judge="gold labels")) < 200_000
