"""Times the whole evaluation of 10,000 documents that teacher, student and baseline labelled, with 1,000 resamples and parts of the corpus.

Labels are made up: gold by falling shares, a teacher right in 8 of 10, a student that follows it in 9 of 10. No judge is asked. Needs nothing.
"""

import argparse
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from pipeline.evaluation import Judged, calibration_figures, clustering_figures, evaluate, set_figures
from pipeline.evaluation.agreement import agreement_figures, label_agreement, rater_quality
from pipeline.evaluation.scores import scores_of
from pipeline.evaluation.self_tests import self_tests
from pipeline.evaluation.slices import by_length, by_rarity, by_time, parted_figures

DOCUMENTS, RESAMPLES, SEED = 10_000, 1000, 1
SIZES = (12, 77)


def main() -> None:
    """Print the seconds of the whole and of its parts, once for each number of categories."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resamples", type=int, default=RESAMPLES)
    resamples = parser.parse_args().resamples
    print(f"{'categories':>10}  {'what':<46}{'seconds':>9}{'CPU':>9}{'figures':>9}   n = {DOCUMENTS:,} documents, {resamples:,} resamples")
    for size in SIZES:
        for named in (True, False):
            said = "exact names, " if named else "other names, "
            _timed(size, f"{said}the whole evaluation", evaluate, _judged(size, named=named), resamples=resamples, seed=SEED)
        _parts(size, _judged(size, named=True), {"resamples": resamples, "seed": SEED})


def _parts(size: int, judged: Judged, about: dict[str, int]) -> None:
    gold, found = list(judged.gold.values()), [judged.predicted[text] for text in judged.gold]
    right = [judged.is_right(text, judged.predicted[text]) for text in judged.gold]
    sure = [judged.probabilities["student"][text] for text in judged.gold]
    raters = {"teacher": judged.taught, "student": judged.predicted, "gold": judged.gold}
    _timed(size, "  metrics of the contingency table, once", clustering_figures, gold, found, **about)
    _timed(size, "  metrics of sets, once", set_figures, [{one} for one in gold], [{one or ""} for one in found], **about)
    _timed(size, "  metrics of probabilities, once", calibration_figures, sure, right, **about)
    _timed(size, f"  {len(judged.slices)} parts of the corpus", lambda: parted_figures(scores_of(judged), judged.slices))
    _timed(size, "agreement of three raters", agreement_figures, raters, **about)
    _timed(size, "agreement of three raters, label by label", label_agreement, raters, **about)
    _timed(size, "quality of three raters", rater_quality, raters, **about)
    _timed(size, "self-tests (100 resamples)", self_tests, judged, resamples=100, seed=SEED)


def _timed(size: int, what: str, work: Callable[..., Any], *told: object, **more: object) -> None:
    began, busy = time.monotonic(), time.process_time()
    found = work(*told, **more)
    print(f"{size:>10}  {what:<46}{time.monotonic() - began:>9.1f}{time.process_time() - busy:>9.1f}{len(found):>9}", flush=True)


def _judged(size: int, *, named: bool) -> Judged:
    random = np.random.default_rng(SEED)
    texts = [f"t{number:05}" for number in range(DOCUMENTS)]
    shares = 1 / np.arange(3, size + 3)
    gold = random.choice(size, DOCUMENTS, p=shares / shares.sum())
    said = np.where(random.random(DOCUMENTS) < 0.8, gold, random.choice(size, DOCUMENTS))
    again = np.where(random.random(DOCUMENTS) < 0.9, said, random.choice(size, DOCUMENTS))
    clustered = np.where(random.random(DOCUMENTS) < 0.6, gold, random.choice(size, DOCUMENTS))
    names = {f"c{place:02}": f"name {place:02}" for place in range(size)}
    known = {text: f"{'name' if named else 'label'} {place:02}" for text, place in zip(texts, gold, strict=True)}
    taught, predicted, baseline = (
        {text: f"{letter}{place:02}" for text, place in zip(texts, of, strict=True)} for letter, of in (("c", said), ("c", again), ("k", clustered))
    )
    taught = {text: label for text, label in taught.items() if random.random() > 0.02}
    slices = by_length(dict(zip(texts, random.poisson(12, DOCUMENTS).tolist(), strict=True))) | by_rarity(known)
    slices |= by_time(
        {text: datetime(2026, 1, 1) + timedelta(days=float(day)) for text, day in zip(texts, random.random(DOCUMENTS) * 365, strict=True)}
    )
    for column, values in (("language", 8), ("channel", 20)):
        for text, value in zip(texts, random.choice(values, DOCUMENTS).tolist(), strict=True):
            slices.setdefault(f"{column}={value}", set()).add(text)
    probabilities = {who: dict(zip(texts, random.beta(5, 1, DOCUMENTS).tolist(), strict=True)) for who in ("teacher", "student")}
    return Judged(
        set(texts), taught, set(texts[:3000]), predicted, baseline, {}, known, names,
        probabilities=probabilities, slices=slices, categories=set(names),
    )  # fmt: skip


if __name__ == "__main__":
    main()
