"""Measures how long a project's usual students take to be tried, chosen and fitted, by the number of labels, and the memory at its peak.

`student_training.py [--labels N ...]` draws documents as `student_speed.py` does; 5,000 more are unlabelled.
"""

import argparse
import resource
import time

import numpy as np

from bench.student_speed import CATEGORIES, DIMENSIONS, SEED, documents_around, unit_rows
from pipeline.student_settings import usual_students
from pipeline.students import Material, candidates_of, learn

UNLABELLED = 5_000


def main(options: argparse.Namespace) -> None:
    """Train on each number of labels."""
    for labels in options.labels:
        random = np.random.default_rng(SEED)
        centres = unit_rows(random.normal(size=(CATEGORIES, DIMENSIONS)))
        inputs, truth = documents_around(labels + UNLABELLED, centres, random)
        material = Material(
            categories=tuple(f"category {number}" for number in range(CATEGORIES)),
            labelled=inputs.take(np.arange(labels)),
            soft=0.8 * np.eye(CATEGORIES)[truth[:labels]] + 0.2 / CATEGORIES,
            weights=np.ones(labels),
            unlabelled=inputs.take(np.arange(labels, len(inputs))),
            cards=unit_rows(centres + 0.5 * unit_rows(random.normal(size=centres.shape))),
        )
        began = time.monotonic()
        learnt = learn(material, candidates_of(usual_students()), folds=5, seed=SEED)
        seconds, peak = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"{labels} labels: {seconds:.0f} s, peak memory so far {peak:.2f} GB; {learnt.choice.reason}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    main(parser.parse_args())
