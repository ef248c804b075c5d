"""Measures how well wrong gold labels are found, on a corpus in which 360 of 3,000 were made wrong on purpose.

`mistakes.py --data FOLDER` reads `banking77_noisy_synthetic.jsonl.gz` and prints, for the ranking of `doubt_labels` and for plain ones,
the precision among the 360 most suspicious labels (which is the recall there as well) and the average precision, with bootstrap intervals.
"""

import argparse
import gzip
import json
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import cross_val_predict

from pipeline.embedding import open_embedder
from pipeline.students import doubt_labels

FILE, RESAMPLES, SEED = "banking77_noisy_synthetic", 200, 42
Floats = npt.NDArray[np.float64]


def main(options: argparse.Namespace) -> None:
    """Rank the labels in several ways, and print the table."""
    path = options.data / f"{FILE}.jsonl.gz"
    if not path.is_file():
        print(f"Not found in {options.data}, and so not measured: {FILE} ({path.name}).")
        return
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    texts, labels = [row["text"] for row in rows], [row["labels"][0] for row in rows]
    wrong = np.array([row["labels"][0] != row["meta"]["clean_label"] for row in rows])
    vectors = np.load(options.vectors) if options.vectors else open_embedder("all-minilm-l6-v2").embed(texts)
    began = time.monotonic()
    found = doubt_labels(vectors, texts, labels, seed=SEED)
    seconds = time.monotonic() - began
    names, places = np.unique(labels, return_inverse=True)
    expected = cross_val_predict(LogisticRegression(C=3.0, max_iter=200), vectors, places, cv=5, method="predict_proba")
    own = expected[np.arange(len(places)), places]
    others = expected.copy()
    others[np.arange(len(places)), places] = -1.0
    print(f"{len(rows)} labels of {len(names)} categories, {wrong.sum()} wrong; doubt_labels took {seconds:.1f} s")
    rankings = {
        "doubt_labels": -found.likelihood, "cleanlab self_confidence, logistic regression": -own,
        "cleanlab normalized_margin, logistic regression": others.max(axis=1) - own, "by lot": np.random.default_rng(SEED).random(len(rows)),
    }  # fmt: skip
    for name, suspicion in rankings.items():
        at, precision = _spread(wrong, suspicion, _precision_at), _spread(wrong, suspicion, average_precision_score)
        print(f"{name:<48} precision at {wrong.sum()}: {at}   average precision: {precision}")
    flagged = found.flagged
    print(f"flagged: {flagged.sum()}, of them wrong {wrong[flagged].mean():.3f}, of the wrong ones flagged {flagged[wrong].mean():.3f}")


def _precision_at(wrong: npt.NDArray[np.bool_], suspicion: Floats) -> float:
    return float(wrong[np.argsort(-suspicion, kind="stable")[: wrong.sum()]].mean())


def _spread(wrong: npt.NDArray[np.bool_], suspicion: Floats, metric) -> str:  # type: ignore[no-untyped-def]  # noqa: ANN001
    random = np.random.default_rng(SEED)
    draws = [metric(wrong[rows], suspicion[rows]) for rows in (random.integers(len(wrong), size=len(wrong)) for _ in range(RESAMPLES))]
    low, high = np.quantile(draws, [0.025, 0.975])
    return f"{metric(wrong, suspicion):.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the gold-labelled corpora, as <name>.jsonl.gz")
    parser.add_argument("--vectors", type=Path, help="vectors of the texts in their order, as .npy; embedded when absent")
    main(parser.parse_args())
