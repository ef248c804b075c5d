"""Measures what wrong labels and rare categories cost a student, on gold-labelled corpora, and which ways of treating them help.

`noise`: 1,000 documents with gold labels, of which 20 % are made wrong, each by any other category alike. The product's student learns
from them as they are, in each way of `pipeline.students.noise`, in the way that `clean` chooses, and after the flagged ones were asked
about again (the label before it was made wrong comes back). The same is done without wrong labels, where nothing may be lost.

`rare`: category sizes fall geometrically to a fiftieth. Students learn with balanced weights, freed of the frequencies (`shift`), and with
mixes; plain is scikit-learn's own logistic regression on the embedding, without weights. Scored on as many other documents of each category.

`student_noise.py --data FOLDER --vectors FOLDER [--corpora NAME ...]`; figures are means over the seeds, with the lowest and the highest.
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from bench.corpora import add_data_option, find_corpora, read_corpus, what_is_missing
from bench.label_sets import read_label_set
from pipeline.annotation import card_texts
from pipeline.embedding import Matrix, SentenceEmbedder
from pipeline.records import Category
from pipeline.student_settings import StudentSettings
from pipeline.students import Choice, Inputs, Material, Workshop, candidates_of, choose, fit_candidate, same_groups
from pipeline.students.cleaning import USUAL, clean
from pipeline.students.noise import WAYS, WEIGHINGS, cleaned, to_relabel

CORPORA = ("hwu64", "trec_questions", "banking77", "ag_news")
MOST_HELD_OUT, UNLABELLED = 3_000, 1_000
LARGEST_HELD_OUT = 300  # of each category, where all are alike frequent
LEFT = 0.5  # share of the smallest category that is held out
RARE = {  # students that see all that they usually see, or the embedding alone
    "voices": StudentSettings(),
    "voices, shifted": StudentSettings(grid={"shift": [1.0]}),
    "voices, mixes": StudentSettings(mixes=20),
    "balanced": StudentSettings(kind="logistic_regression", widened="none"),
    "shifted": StudentSettings(kind="logistic_regression", widened="none", grid={"shift": [1.0]}),
    "balanced, mixes": StudentSettings(kind="logistic_regression", widened="none", mixes=20),
}
AGAIN = 0.2  # share of the labels that may be asked about again
Ints = npt.NDArray[np.intp]
Scores = dict[str, list[tuple[float, float]]]  # accuracy and macro-F1 by seed


@dataclass(frozen=True)
class Gold:
    """A corpus with one gold label each, as places of categories."""

    name: str
    texts: Sequence[str]
    vectors: Matrix
    labels: Ints
    cards: Matrix

    @property
    def size(self) -> int:
        """Count the categories."""
        return len(self.cards)

    def inputs(self, rows: Ints) -> Inputs:
        """Take some documents."""
        return Inputs(self.vectors[rows], [self.texts[row] for row in rows])


def main(options: argparse.Namespace) -> None:
    """Measure each corpus that is there."""
    names, missing = find_corpora(options.data, options.corpora or CORPORA)
    print(what_is_missing(options.data, missing))
    for name in names:
        corpus = _read(name, options)
        for part, measured in (("noise", _noise), ("rare", _rare), ("both", _both)):
            if part in options.parts:
                scores: Scores = defaultdict(list)
                held_out = [measured(corpus, seed, options, scores) for seed in range(options.seeds)]
                _show(f"{name}, {part}: {options.documents} labels, scored on {held_out[0]} other documents, {options.seeds} seeds", scores)


def _noise(corpus: Gold, seed: int, options: argparse.Namespace, scores: Scores) -> int:
    random = np.random.default_rng(seed)
    order = random.permutation(len(corpus.labels))
    taught, others = order[: options.documents], order[options.documents :][:MOST_HELD_OUT]
    _treated(corpus, taught, others, random, options, scores)
    return len(others)


def _both(corpus: Gold, seed: int, options: argparse.Namespace, scores: Scores) -> int:
    random = np.random.default_rng(seed)
    taught, others = _imbalanced(corpus, options, random)
    _treated(corpus, taught, others, random, options, scores)
    return len(others)


def _treated(corpus: Gold, taught: Ints, others: Ints, random: np.random.Generator, options: argparse.Namespace, scores: Scores) -> None:
    gold = corpus.labels[taught]
    wrong = gold.copy()
    places = random.permutation(len(taught))[: round(options.noise * len(taught))]
    wrong[places] = (wrong[places] + random.integers(1, corpus.size, len(places))) % corpus.size
    for what, labels in (("without noise", gold), (f"{options.noise:.0%} noise", wrong)):
        material = _material(corpus, taught, others, labels)
        cleaning = clean(material, ways=options.ways, seed=options.seed)
        print(f"  {what}: {cleaning.reason}", flush=True)
        found: dict[str, tuple[float, float]] = {}
        for way in WAYS:
            if way in WEIGHINGS and "none" in found and not cleaning.suspicion.noise_rate:
                found[way] = found["none"]
            else:
                soft, weights = cleaned(material.soft, material.weights, cleaning.unseen, way)
                found[way] = _score(corpus, replace(material, soft=soft, weights=weights), others, options)
            scores[f"{what}, {way}"].append(found[way])
        scores[f"{what}, chosen"].append(found[cleaning.way])
        if cleaning.suspicion.noise_rate:
            again = to_relabel(cleaning.suspicion, most=round(AGAIN * len(taught)))
            share = (labels != gold)[again].mean() if len(again) else 0.0
            print(f"  {what}: {len(again)} asked again, of which {share:.2f} were wrong", flush=True)
            asked = labels.copy()
            asked[again] = gold[again]
            scores[f"{what}, flagged asked again"].append(_score(corpus, _material(corpus, taught, others, asked), others, options))
    perfect = replace(material, weights=(wrong == gold).astype(np.float64))
    scores["all wrong labels known and dropped"].append(_score(corpus, perfect, others, options))


def _rare(corpus: Gold, seed: int, options: argparse.Namespace, scores: Scores) -> int:
    random = np.random.default_rng(seed)
    taught, others = _imbalanced(corpus, options, random)
    vectors, labels = corpus.vectors[taught], corpus.labels[taught]
    plain = LogisticRegression(max_iter=1000).fit(vectors, labels)
    scores["plain, scikit-learn's defaults"].append(_scored(corpus, plain.predict(corpus.vectors[others]), others))
    workshop = Workshop(_material(corpus, taught, others, labels), folds=5, seed=options.seed)
    for name, settings in RARE.items():
        scores[name].append(_fitted(corpus, choose(candidates_of([settings]), workshop), workshop, others))
    choice = choose(candidates_of(list(RARE.values())), workshop, measure="macro_f1")
    print(f"  {choice.reason}", flush=True)
    scores["chosen by macro-F1"].append(_fitted(corpus, choice, workshop, others))
    return len(others)


def _imbalanced(corpus: Gold, options: argparse.Namespace, random: np.random.Generator) -> tuple[Ints, Ints]:
    """Draw labels whose categories fall geometrically in size, in an order drawn at random as far as there are enough, and the rest alike."""
    there = np.bincount(corpus.labels, minlength=corpus.size)
    held = min(LARGEST_HELD_OUT, int(LEFT * there.min()))
    falling = float(options.ratio) ** (-np.arange(corpus.size) / (corpus.size - 1))
    sizes = np.maximum(1, np.round(options.documents * falling / falling.sum()).astype(int))
    left, taught, others = list(random.permutation(corpus.size)), [], []
    for size in sizes:
        category = next((one for one in left if there[one] >= size + held), max(left, key=lambda one: there[one]))
        left.remove(category)
        places = random.permutation(np.flatnonzero(corpus.labels == category))
        others.append(places[:held])
        taught.append(places[held : held + size])
    return np.concatenate(taught), np.concatenate(others)


def _material(corpus: Gold, taught: Ints, others: Ints, labels: Ints) -> Material:
    inputs = corpus.inputs(taught)
    return Material(
        categories=tuple(map(str, range(corpus.size))),
        labelled=inputs,
        soft=np.eye(corpus.size)[labels],
        weights=np.ones(len(taught)),
        groups=same_groups(inputs.vectors),
        unlabelled=corpus.inputs(others[:UNLABELLED]),
        cards=corpus.cards,
    ).used()


def _score(corpus: Gold, material: Material, others: Ints, options: argparse.Namespace) -> tuple[float, float]:
    """Let the product's usual student learn, and score it."""
    workshop = Workshop(material, folds=5, seed=options.seed)
    return _fitted(corpus, choose(candidates_of([StudentSettings()]), workshop), workshop, others)


def _fitted(corpus: Gold, choice: Choice, workshop: Workshop, others: Ints) -> tuple[float, float]:
    model, names = fit_candidate(choice, workshop), np.array([int(name) for name in workshop.material.categories])
    return _scored(corpus, names[model.predict(corpus.inputs(others))], others)


def _scored(corpus: Gold, guesses: Ints, others: Ints) -> tuple[float, float]:
    truth = corpus.labels[others]
    return float((guesses == truth).mean()), float(f1_score(truth, guesses, labels=np.unique(truth), average="macro", zero_division=0.0))


def _read(name: str, options: argparse.Namespace) -> Gold:
    corpus, entries, embedder = read_corpus(options.data, name), read_label_set(name), SentenceEmbedder()
    golds = [entry.gold for entry in entries]
    stored = options.vectors / f"{name}.npy"
    if not stored.exists():
        np.save(stored, embedder.embed(list(corpus.texts)))
    cards = embedder.embed(card_texts([Category(entry.gold, entry.name, entry.description) for entry in entries]))
    labels = np.array([golds.index(label) for label in corpus.gold])
    return Gold(name, corpus.texts, np.asarray(np.load(stored), dtype=np.float32), labels, cards)


def _show(title: str, scores: Scores) -> None:
    print(f"\n{title}\n  {'':<40}{'accuracy':<26}macro-F1")
    for what, runs in scores.items():
        print(f"  {what:<40}" + "".join(f"{f'{np.mean(part):.3f} ({min(part):.3f} to {max(part):.3f})':<26}" for part in zip(*runs, strict=True)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_option(parser)
    parser.add_argument("--vectors", type=Path, required=True, help="folder that keeps <corpus>.npy in the order of the corpus")
    parser.add_argument("--parts", nargs="+", default=["noise", "rare"], choices=["noise", "rare", "both"], help="both: rare categories and noise")
    parser.add_argument("--documents", type=int, default=1000, help="labels")
    parser.add_argument("--noise", type=float, default=0.2, help="share of the labels made wrong")
    parser.add_argument("--ratio", type=float, default=50, help="of the largest category to the smallest")
    parser.add_argument("--ways", nargs="+", default=list(USUAL), help="ways of treating noise to choose from")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=42, help="of the students")
    return parser.parse_args()


if __name__ == "__main__":
    main(_options())
