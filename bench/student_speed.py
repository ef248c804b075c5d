"""Measures how fast fitted students predict, beside the bare logistic regression that one of them holds, all in turns in one run.

`student_speed.py [--documents N --labels N --batch N --rounds N]` draws unit vectors of 384 dimensions around 20 categories and texts of their words,
and prints documents a second and the share of the bare estimator's speed on the same batch. What the embedder takes is left out. A logistic
regression is also saved, loaded and calibrated, by a temperature as without known labels, by a line and by steps as with some.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.student_settings import StudentSettings
from pipeline.students import Inputs, Material, Voice, Workshop, candidates_of, fit_certainty, load_student, same_groups, save_student
from pipeline.students.calibration import Calibration
from pipeline.students.voices import Voices

DIMENSIONS, CATEGORIES, SEED = 384, 20, 42
WORDS, LENGTH = 4_000, 25  # words that there are, and words of a text
KNOWN = 2_000  # labels to learn on how sure it is
STEPS = (*np.linspace(0.1, 1.0, 20).tolist(), *np.linspace(0.2, 0.98, 20).tolist())
CALIBRATIONS = (Calibration("temperature", (1.3,), KNOWN), Calibration("platt", (0.9, 0.1), KNOWN), Calibration("isotonic", STEPS, KNOWN))
FROM_VECTORS = StudentSettings(features=("embedding", "cards"))
FROM_WORDS_TOO = StudentSettings(features=("embedding", "words", "cards"))
Ints = npt.NDArray[np.intp]


def main(options: argparse.Namespace) -> None:
    """Fit the students, and let all of them predict each batch before the next."""
    batches, turns = _turns(options)
    seconds: dict[str, list[float]] = {name: [] for name in turns}
    for number in range(options.rounds + 1):
        for place, batch in enumerate(batches):
            first = (number + place) % len(turns)
            for name in (list(turns) * 2)[first : first + len(turns)]:
                began = time.perf_counter()
                turns[name](batch)
                if number:  # the first round warms up
                    seconds[name].append((time.perf_counter() - began) / len(batch))
    bare = np.array(seconds["bare logistic regression"])
    print(f"batches of {options.batch} documents, {len(bare)} times each: median (least to most)")
    for name, taken in seconds.items():
        speeds, shares = 1 / np.array(taken), bare / np.array(taken)
        print(
            f"{name:<52}{np.median(speeds):>10,.0f} a second ({speeds.min():,.0f} to {speeds.max():,.0f}),"
            f" {np.median(shares):.2f} of the bare one ({np.quantile(shares, 0.25):.2f} to {np.quantile(shares, 0.75):.2f}, the middle half)"
        )


def _turns(options: argparse.Namespace) -> tuple[Sequence[Inputs], Mapping[str, Callable[[Inputs], object]]]:
    """Give the batches, and what predicts one."""
    random = np.random.default_rng(SEED)
    centres = unit_rows(random.normal(size=(CATEGORIES, DIMENSIONS)))
    inputs, truth = documents_around(options.labels + options.documents, centres, random)
    labelled, others = inputs.take(np.arange(options.labels)), inputs.take(np.arange(options.labels, len(inputs)))
    material = Material(
        categories=tuple(f"category {number}" for number in range(CATEGORIES)),
        labelled=labelled,
        soft=0.8 * np.eye(CATEGORIES)[truth[: options.labels]] + 0.2 / CATEGORIES,
        weights=np.ones(options.labels),
        groups=same_groups(labelled.vectors),
        cards=unit_rows(centres + 0.5 * unit_rows(random.normal(size=centres.shape))),
    )
    workshop = Workshop(material, folds=5, seed=SEED)
    voice = Voice("logistic_regression", "logistic_regression", chosen=(("C", (1.0,)),))
    alone = Voices([workshop.fit(voice, voice.grid[0])], [1.5], np.arange(CATEGORIES))
    bare = alone.voices[0].steps[-1][1]
    batches = [others.take(np.arange(start, min(start + options.batch, len(others)))) for start in range(0, len(others), options.batch)]

    return batches, {
        "bare logistic regression": lambda batch: bare.predict_proba(batch.vectors),
        "student: logistic_regression": alone.predict_proba,
        **_calibrated(alone, *documents_around(KNOWN, centres, random)),
        "student: voices, from vectors": _voices(FROM_VECTORS, workshop).predict_proba,
        "student: voices, from words as well": _voices(FROM_WORDS_TOO, workshop).predict_proba,
    }


def _calibrated(model: Voices, inputs: Inputs, truth: Ints) -> dict[str, Callable[[Inputs], object]]:
    """Save a student and load it, once with each calibration; how fast they are does not hang on their figures."""
    names = [f"category {number}" for number in range(CATEGORIES)]
    turns: dict[str, Callable[[Inputs], object]] = {}
    about = {key: "bench" for key in ("classifier_id", "taxonomy_id", "embedder", "embedder_id", "training_ids_hash")}
    facts = {**about, "categories": names, "names": names, "parents": [[] for _ in names], "voices": [], "trained_on": len(truth), "seed": SEED}
    certainty, _ = fit_certainty(
        model.decision_function(inputs), np.eye(CATEGORIES)[truth], known=np.ones(len(truth), dtype=bool), level=0.9, risk=0.05, seed=SEED
    )
    for calibration in CALIBRATIONS:
        with tempfile.TemporaryDirectory() as folder:
            save_student(Path(folder), model, {**facts, "certainty": replace(certainty, calibration=calibration).as_settings()})
            turns[f"student: the same, loaded, calibrated by {calibration.method}"] = load_student(Path(folder)).probabilities
    return turns


def _voices(settings: StudentSettings, workshop: Workshop) -> Voices:
    """Fit a student with its usual settings and weights; how fast it is does not hang on them."""
    (candidate,) = candidates_of([settings])
    fitted = [workshop.fit(voice, voice.grid[0]) for voice in candidate.voices]
    return Voices(fitted, [voice.usual for voice in candidate.voices], np.arange(CATEGORIES))


def documents_around(count: int, centres: npt.NDArray[np.float32], random: np.random.Generator) -> tuple[Inputs, Ints]:
    """Draw documents: a category each, a vector around its centre, and a text of words that come seldom or often, some of them its own."""
    truth = random.integers(0, CATEGORIES, count)
    vectors = unit_rows(centres[truth] + unit_rows(random.normal(size=(count, DIMENSIONS))))
    ranks = np.minimum(random.zipf(1.3, size=(count, LENGTH)), WORDS)
    ranks[:, :3] = WORDS + truth[:, None]
    return Inputs(vectors, [" ".join(f"word{rank}" for rank in row) for row in ranks.tolist()]), truth


def unit_rows(rows: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Bring rows to length 1."""
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=40_960, help="documents to predict")
    parser.add_argument("--labels", type=int, default=1_000, help="labelled documents to fit the students on")
    parser.add_argument("--batch", type=int, default=8_192, help="documents predicted at once; the stage predictions takes 8,192")
    parser.add_argument("--rounds", type=int, default=7)
    main(parser.parse_args())
