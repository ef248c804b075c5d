"""Pictures are PNG files that show every subject they are given."""

import struct
from dataclasses import replace

import numpy as np

from pipeline.evaluation.calibration import reliability_points, risk_coverage_points
from pipeline.evaluation.pictures import calibration_picture
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
