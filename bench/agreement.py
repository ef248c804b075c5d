"""Measures how far the crowd raters of newsgroups_crowd_raters agree, as people name one class or several.

The reference value, found by another implementation, is an alpha of 0.7395 for the 845 ratings that name one class, test questions left
out. Needs the corpora. Prints each figure with its interval (1,000 resamples of documents) and n, the documents with two ratings or more.
"""

import argparse
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pipeline.evaluation.agreement import Ratings, agreement_figures, rater_quality

CORPUS = "newsgroups_crowd_raters.jsonl.gz"
RESAMPLES, SEED = 1000, 1
REFERENCE = 0.7395


def main() -> None:
    """Print the table, and say whether the reference value is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help=f"folder with {CORPUS}")
    path = parser.parse_args().data / CORPUS
    if not path.is_file():
        raise SystemExit(f"There is no {CORPUS} in {path.parent}; give the folder of the corpora with --data.")
    everything = list(_ratings(path))
    one = [(rater, text, classes) for rater, text, classes, test in everything if len(classes) == 1 and not test]
    parts = {
        "one class, no test questions": _by_rater([(rater, text, next(iter(classes))) for rater, text, classes in one]),
        "sets of classes, all ratings": _by_rater([(rater, text, classes) for rater, text, classes, _ in everything]),
        "sets, no test questions": _by_rater([(rater, text, classes) for rater, text, classes, test in everything if not test]),
    }
    print(f"{'ratings':<30}{'count':>6}{'raters':>7}  {'metric':<26}{'value':>8}{'low':>8}{'high':>8}{'n':>6}")
    for name, ratings in parts.items():
        rated = Counter(text for row in ratings.values() for text in row)
        count = sum(number for number in rated.values() if number >= 2)
        for found in agreement_figures(ratings, resamples=RESAMPLES, seed=SEED, categories=20 if "one" in name else None):
            figure = found.figure
            line = f"{name:<30}{count:>6}{len(ratings):>7}  {found.metric:<26}{figure.value:>8.4f}{figure.low:>8.4f}{figure.high:>8.4f}"
            print(f"{line}{figure.n:>6}")
            if "one" in name and found.metric == "krippendorff_alpha":
                print(f"{'':<45}{'reference':<26}{REFERENCE:>8.4f}  {'met' if round(figure.value, 4) == REFERENCE else 'NOT MET'}")
    many = [found for found in rater_quality(parts["sets, no test questions"], resamples=RESAMPLES, seed=SEED) if found.n >= 20]
    print(f"\n{len(many)} raters with 20 documents or more; below the rest: {', '.join(found.rater for found in many if found.below) or 'none'}")


def _ratings(path: Path) -> Iterator[tuple[str, str, frozenset[str], bool]]:
    """Give each rating: who, which document, the classes named, and whether it was a test question."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            for rater, classes in row["meta"]["annotations"].items():
                yield rater, row["id"], frozenset(classes), row["meta"]["test_question"]


def _by_rater(rows: list) -> Ratings:  # type: ignore[type-arg]
    by_rater: dict = {}  # type: ignore[type-arg]
    for rater, text, rating in rows:
        by_rater.setdefault(rater, {})[text] = rating
    return by_rater


if __name__ == "__main__":
    main()
