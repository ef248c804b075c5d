"""A review by simulated raters, from the sheets to the figures, against what must come out of it.

The corpus is hwu64 with its domains as the taxonomy. Labels are its gold with a share of errors that differs between categories, as those of a
model would. Three raters fill in the sheets that `review export` writes, from gold, and err at stated rates, evenly over the other
categories. From these rates and the shares of the categories on the sheet follow their agreement and kappas; the accuracy of the
labels is known for the whole corpus. Nothing is asked of a model.
"""

import argparse
import csv
import random
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

from bench.corpora import Corpus, read_corpus
from pipeline.evaluation.agreement import agreement_figures
from pipeline.evaluation.metrics import Figure
from pipeline.ids import text_hash
from pipeline.records import Annotator, Category, Document, Label, Taxonomy
from pipeline.settings import CorpusSettings, Project
from pipeline.stages.people import PeopleFound, look_at_people
from pipeline.stages.review_export import SheetWish, export_sheets
from pipeline.stages.review_import import import_sheets
from pipeline.store import Store

RATES = {"anna": 0.05, "ben": 0.15, "carla": 0.30}
ERRORS = (0.05, 0.15, 0.25, 0.40)  # of the labels, category by category in turn
TAXONOMY, TEACHER = "tax:gold", "annotator:simulated"


def main() -> None:
    """Review the corpus some times, each with other samples and other errors, and print what was found beside what is true."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the gold-labelled corpora, as <name>.jsonl.gz")
    parser.add_argument("--rounds", type=int, default=20, help="reviews")
    parser.add_argument("--width", type=float, default=0.05, help="half width of the interval that is wanted")
    options = parser.parse_args()
    corpus = read_corpus(options.data, "hwu64")
    gold = {text_hash(text): label for text, label in zip(corpus.texts, corpus.gold, strict=True)}
    with tempfile.TemporaryDirectory() as folder:
        project, truth = _label(corpus, Path(folder))
        print(f"hwu64: {len(corpus)} texts, {corpus.size} categories, accuracy of the labels {truth:.4f}")
        reviews = [_review(Path(folder), project, gold, width=options.width, seed=number) for number in range(options.rounds)]
        _show([_rows(found, gold, truth) for found in reviews], reviews[0])


def _label(corpus: Corpus, folder: Path) -> tuple[Project, float]:
    """Keep the corpus, its taxonomy and labels with errors, and give the project and the accuracy."""
    store, chance = Store.open(folder / "state"), random.Random(7)
    documents = [Document(key, text_hash(text), text, "hwu64") for key, text in zip(corpus.ids, corpus.texts, strict=True)]
    names = sorted(set(corpus.gold))
    rate = {name: ERRORS[place % len(ERRORS)] for place, name in enumerate(names)}
    said = {
        text_hash(text): chance.choice([one for one in names if one != label]) if chance.random() < rate[label] else label
        for text, label in zip(corpus.texts, corpus.gold, strict=True)
    }
    labels = [Label(text, TAXONOMY, TEACHER, f"cat:{label}", 0.8) for text, label in said.items()]
    store.save_documents(documents, seed=1, seen_at=datetime.now(UTC))
    categories = tuple(Category(f"cat:{name}", name, f"Requests about {name}.") for name in names)
    store.save([Taxonomy(TAXONOMY, "given", 0, None, corpus.use_case, "given", categories), Annotator(TEACHER, "teacher", None, None, {}), *labels])
    store.mark_current(taxonomy_id=TAXONOMY, teacher_annotator_id=TEACHER)
    right = sum(said[text_hash(text)] == label for text, label in zip(corpus.texts, corpus.gold, strict=True))
    return Project(name="review", use_case=corpus.use_case, corpus=CorpusSettings(path="hwu64")), right / len(said)


def _review(folder: Path, project: Project, gold: Mapping[str, str], *, width: float, seed: int) -> PeopleFound:
    """Write the sheets, fill them in, read them back, and look."""
    store, names = Store.open(folder / "state"), sorted(set(gold.values()))
    with store.writer() as connection:
        for table in ("ratings", "review_items", "review_sheets"):
            connection.execute(f"delete from {table}")  # noqa: S608 - names of tables
    wish = SheetWish(raters=tuple(RATES), half_width=width, seed=seed)
    made = export_sheets(store, project, wish, target=folder / f"sheet-{seed}.csv")
    if seed == 0:
        print(made.words)
    for rater, path in zip(RATES, made.files, strict=False):
        chance = random.Random(f"{rater} {seed}")
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            right = gold[text_hash(row["text"].removeprefix("'"))]
            row["label"] = chance.choice([name for name in names if name != right]) if chance.random() < RATES[rater] else right
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    found = import_sheets(store, project, made.files[: len(RATES)])
    assert sum(one.accepted for one in found.files) == len(RATES) * made.sheet.size, found
    return look_at_people(store, project, store.taxonomy(TAXONOMY))


def _rows(found: PeopleFound, gold: Mapping[str, str], truth: float) -> list[tuple[str, float, Figure]]:
    """Give each figure with what it must be."""
    said: dict[str, dict[str, str | None]] = {}
    for one in found.people.ratings:
        said.setdefault(one.rater, {})[one.text_hash] = one.category_id
    counts = Counter(gold[text] for text in said["anna"])
    shares = [count / len(said["anna"]) for count in counts.values()] + [0.0] * (len(set(gold.values())) - len(counts))
    together = {one.metric: one.figure for one in found.agreement}
    pairs = {pair: _expected(RATES[pair[0]], RATES[pair[1]], shares) for pair in combinations(RATES, 2)}
    rows = []
    for pair, (_, kappa) in pairs.items():
        figures = {one.metric: one.figure for one in agreement_figures({rater: said[rater] for rater in pair}, resamples=1000, seed=1)}
        rows.append((f"Cohen's kappa of {' and '.join(pair)}", kappa, figures["cohen_kappa"]))
    rows.append(("Cohen's kappa, mean of the pairs", sum(kappa for _, kappa in pairs.values()) / len(pairs), together["cohen_kappa"]))
    rows.append(("raw agreement", sum(agreed for agreed, _ in pairs.values()) / len(pairs), together["raw_agreement"]))
    rows.append(("Fleiss' kappa", _fleiss([agreed for agreed, _ in pairs.values()], shares), together["fleiss_kappa"]))
    accuracy = next(one.figure for one in found.findings if (one.subject, one.metric) == ("labels", "exact_accuracy"))
    return [*rows, ("accuracy of the labels, by the consensus", truth, accuracy)]


def _said(rate: float, shares: Sequence[float]) -> list[float]:
    """Give the shares of a rater's answers."""
    return [share * (1 - rate) + (1 - share) * rate / (len(shares) - 1) for share in shares]


def _expected(one: float, other: float, shares: Sequence[float]) -> tuple[float, float]:
    """Give the agreement and the kappa of two raters who err evenly."""
    agreed = (1 - one) * (1 - other) + one * other / (len(shares) - 1)
    chance = sum(a * b for a, b in zip(_said(one, shares), _said(other, shares), strict=True))
    return agreed, (agreed - chance) / (1 - chance)


def _fleiss(agreed: Sequence[float], shares: Sequence[float]) -> float:
    mean = [sum(parts) / len(RATES) for parts in zip(*(_said(rate, shares) for rate in RATES.values()), strict=True)]
    chance = sum(share**2 for share in mean)
    return (sum(agreed) / len(agreed) - chance) / (1 - chance)


def _show(reviews: Sequence[Sequence[tuple[str, float, Figure]]], first: PeopleFound) -> None:
    """Print the first review, and how all of them fare: what must be differs a little with the categories on a sheet."""
    print(f"\n{'':<42}{'the first review':>33}{'':>8}{f'all {len(reviews)}':>24}")
    print(f"{'':<42}{'must be':>9}{'found':>8}   95 % interval{'n':>6}{'must be':>9}{'found':>8}{'held':>7}")
    for figures in zip(*reviews, strict=True):
        name, true, figure = figures[0]
        held = sum(one.low <= must <= one.high for _, must, one in figures)
        means = [sum(values) / len(figures) for values in ([must for _, must, _ in figures], [one.value for _, _, one in figures])]
        print(
            f"{name:<42}{true:>9.3f}{figure.value:>8.3f}   {figure.low:.3f} to {figure.high:.3f}{figure.n:>5}{means[0]:>9.3f}{means[1]:>8.3f}"
            f"{held:>4}/{len(figures)}"
        )
    undecided = sum(not one.decided for one in first.people.verdicts.values())
    print(f"without a majority: {undecided} texts; below the others: {', '.join(one.rater for one in first.raters if one.below) or 'nobody'}")


if __name__ == "__main__":
    main()
