"""Measures what missing labels cost where documents have several, and what is made up for them (`pipeline.students.missing`).

Of the gold labels of 1,500 documents a share goes missing at random. One logistic regression a label learns the rest on the embedding: with
all that was not named as negatives, and with what probably applies. Scored on the other documents, a label applying from a probability of .5.

`student_missing.py --data FOLDER --vectors FOLDER [--corpora NAME ...]`; figures are means over the seeds, with the lowest and the highest.
"""

import argparse
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import KFold, cross_val_predict

from bench.multi_corpora import MULTI, read_multi
from pipeline.embedding import Matrix, SentenceEmbedder
from pipeline.students.missing import likely_labels, rows_of_likely

LABELS, DOCUMENTS, SEEDS = 15, 1_500, 3
MISSING = (0.0, 0.3, 0.5)
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def main(options: argparse.Namespace) -> None:
    """Measure each corpus."""
    for name in options.corpora:
        vectors, gold = _read(name, options)
        scores: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for seed in range(SEEDS):
            random = np.random.default_rng(seed)
            order = random.permutation(len(gold))
            taught, others = order[:DOCUMENTS], order[DOCUMENTS:]
            for share in MISSING:
                named = gold[taught] & (random.random(gold[taught].shape) >= share)
                for what, found in zip(("as negatives", "made up for"), _predicted(vectors[taught], named, vectors[others]), strict=True):
                    figures = [float(f1_score(gold[others], found >= 0.5, average=how, zero_division=0.0)) for how in ("micro", "macro")]
                    scores[f"{share:.0%} missing, {what}"].append((figures[0], figures[1]))
        print(f"\n{name}: {DOCUMENTS} documents, {gold.shape[1]} labels, scored on {len(others)} others, {SEEDS} seeds")
        print(f"  {'':<30}{'micro-F1':<26}macro-F1")
        for what, runs in scores.items():
            parts = (f"{np.mean(part):.3f} ({min(part):.3f} to {max(part):.3f})" for part in zip(*runs, strict=True))
            print(f"  {what:<30}" + "".join(f"{part:<26}" for part in parts), flush=True)


def _predicted(vectors: Matrix, named: Bools, others: Matrix) -> tuple[Floats, Floats]:
    folds = KFold(5, shuffle=True, random_state=0)
    unseen = np.stack([cross_val_predict(_model(), vectors, column, cv=folds, method="predict_proba")[:, 1] for column in named.T], axis=1)
    plain = [_model().fit(vectors, column).predict_proba(others)[:, 1] for column in named.T]
    made_up = []
    for column in likely_labels(unseen, named).T:
        rows, applies, weights = rows_of_likely(column)
        made_up.append(_model().fit(vectors[rows], applies, sample_weight=weights).predict_proba(others)[:, 1])
    return np.stack(plain, axis=1), np.stack(made_up, axis=1)


def _model() -> LogisticRegression:
    return LogisticRegression(C=10.0, max_iter=1000)


def _read(name: str, options: argparse.Namespace) -> tuple[Matrix, Bools]:
    corpus, stored = read_multi(options.data, name), options.vectors / f"{name}.npy"
    if not stored.exists():
        np.save(stored, SentenceEmbedder().embed(list(corpus.texts)))
    counts = Counter(label for labels in corpus.gold for label in labels)
    frequent = [label for label, _ in counts.most_common(LABELS)]
    return np.asarray(np.load(stored), dtype=np.float32), np.array([[label in labels for label in frequent] for labels in corpus.gold])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the gold-labelled corpora, as <name>.jsonl.gz")
    parser.add_argument("--vectors", type=Path, required=True, help="folder that keeps <corpus>.npy in the order of the corpus")
    parser.add_argument("--corpora", nargs="+", default=list(MULTI), choices=list(MULTI))
    main(parser.parse_args())
