"""Holds accuracies that were estimated without gold against gold, on labellers of different quality, each by a line that never saw its corpus.

Labellers that take no model: `names` gives the category whose name shares most letter sequences with the text, `words 3` and `words 10` learn
from so many gold labels a category by TF-IDF, `vectors 3` learns from three by the very vectors that students see, so that its errors are
theirs as well. `llm` stands for labels of a model where `--labels` has a file of them (see teacher_labels.py). Of each the teacher is
measured and a student that learns from it, on documents that taught neither.

`estimate.py --data FOLDER [--labels FOLDER] [--documents N] [--cache FOLDER] [--corpora NAME ...]` prints a table, and the line of all corpora.
"""

import argparse
import gzip
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from bench.label_sets import label_set_names, read_label_set
from pipeline.embedding import Embedder, open_embedder
from pipeline.evaluation.estimate import Signals, above_chance, estimate_accuracy, fit_line, leave_one_out
from pipeline.ids import text_hash
from pipeline.students import tfidf_labels

Row = Mapping[str, Any]
Ints = npt.NDArray[np.intp]
SEED, FEWEST = 7, 4  # documents of a gold label that is measured
MOST_WORDS = 100


@dataclass(frozen=True)
class Task:
    """Documents of one corpus with a gold label each: those that are measured, and others that labellers may learn from."""

    name: str
    texts: Sequence[str]
    gold: Sequence[str]
    more: Sequence[tuple[str, str]]
    hashes: Sequence[str]

    @property
    def labels(self) -> list[str]:
        """List the gold labels."""
        return sorted(set(self.gold))


@dataclass(frozen=True)
class Case:
    """What was seen of a labeller, and how often it was right."""

    corpus: str
    labeller: str
    subject: str
    signals: Signals
    accuracy: float


def _first(row: Row) -> str:
    return str(row["labels"][0])


GOLD: Mapping[str, Callable[[Row], str | None]] = {
    "banking77": _first,
    "hwu64": lambda row: str(row["parents"][0]).split(" > ")[0],
    "snips": _first,
    "trec_questions": lambda row: _first(row).split(":")[0],
    "ag_news": _first,
    "newsgroups20": _first,
    "reuters21578": lambda row: _first(row) if len(row["labels"]) == 1 else None,
    "goemotions": lambda row: _first(row) if len(row["labels"]) == 1 else None,
    "sib200": lambda row: _first(row) if str(row["lang"]).startswith("en") else None,
    "newsgroups_crowd_raters": _first,
}
SAME = {"newsgroups_crowd_raters": "newsgroups20"}  # corpora of one source are left out together
FILES = {"sib200": "sib200_multilingual"}


def read_task(folder: Path, name: str, documents: int, first_of_all: Collection[str] = ()) -> Task | None:
    """Read a corpus, documents that a model has labelled first; None where its file is not there.

    Gold labels with fewer than four documents among those measured are left out.
    """
    path = folder / f"{FILES.get(name, name)}.jsonl.gz"
    if not path.is_file():
        return None
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [(" ".join(row["text"].split()[:MOST_WORDS]), GOLD[name](row), text_hash(row["text"])) for row in map(json.loads, lines)]
    known = [(text, gold, key) for text, (gold, key) in {text: (gold, key) for text, gold, key in rows if text}.items() if gold is not None]
    random.Random(SEED).shuffle(known)
    known.sort(key=lambda row: row[2] not in first_of_all)
    counts = Counter(gold for _, gold, _ in known[:documents])
    kept = [row for row in known[:documents] if counts[row[1]] >= FEWEST]
    texts, gold, hashes = zip(*kept, strict=True)
    return Task(name, texts, gold, [(text, one) for text, one, _ in known[documents:] if one in set(gold)], hashes)


def shown_names(task: Task) -> list[str]:
    """Spell the gold labels as a person would: by the label set where there is one, else with spaces."""
    entries = {one.gold: f"{one.name}. {one.description}" for one in read_label_set(task.name)} if task.name in label_set_names() else {}
    return [entries.get(label, " ".join(re.sub(r"(?<=[a-z])(?=[A-Z])|[._:-]", " ", label).split())) for label in task.labels]


def cases_of(task: Task, vectors: npt.NDArray[np.float32], embedder: Embedder, llm: Mapping[str, tuple[str, float]]) -> list[Case]:
    """Let every labeller label the documents, teach a student of each, and see what agrees."""
    names = shown_names(task)
    cards = _centred(vectors @ embedder.embed(names).T).argmax(axis=1)
    grams = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True).fit([*task.texts, *names])
    likeness = 12 * _centred((grams.transform(task.texts) @ grams.transform(names).T).toarray())
    shares = np.exp(likeness) / np.exp(likeness).sum(axis=1, keepdims=True)
    found = [("names", shares.argmax(axis=1), shares.max(axis=1), np.arange(len(task.texts)))]
    places = {label: place for place, label in enumerate(task.labels)}
    for few in (3, 10):
        shown = _some_of_each(task.more, few)
        said, sure = tfidf_labels([text for text, _ in shown], [gold for _, gold in shown], task.texts, seed=SEED)
        found.append((f"words {few}", np.array([places[one] for one in said]), np.array(sure), np.arange(len(task.texts))))
    found.append(_by_vectors(task, vectors, places, 3))
    rows = np.array([place for place, one in enumerate(task.hashes) if one in llm and llm[one][0] in places], dtype=np.intp)
    if len(rows) >= 100:
        labels = np.array([places[llm[task.hashes[row]][0]] for row in rows])
        found.append(("llm", labels, np.array([llm[task.hashes[row]][1] for row in rows]), rows))
    gold = np.array([places[one] for one in task.gold])
    return [case for labeller in found for case in _measured(task.name, *labeller, vectors=vectors, cards=cards, gold=gold)]


def _by_vectors(task: Task, vectors: npt.NDArray[np.float32], places: Mapping[str, int], few: int) -> tuple[str, Ints, Any, Ints]:
    gold = np.array([places[one] for one in task.gold])
    taught = np.concatenate([np.flatnonzero(gold == place)[:few] for place in np.unique(gold)])
    rest = np.setdiff1d(np.arange(len(gold)), taught)
    model = LogisticRegression(C=10.0, max_iter=300).fit(vectors[taught], gold[taught])
    said = model.predict_proba(vectors[rest])
    return f"vectors {few}", model.classes_[said.argmax(axis=1)], said.max(axis=1), rest


def _measured(corpus: str, labeller: str, labels: Ints, sure: Any, rows: Ints, *, vectors: Any, cards: Ints, gold: Ints) -> list[Case]:
    """Teach a student on half of the labels, and look at the other half."""
    half = np.random.default_rng(SEED).random(len(rows)) < 0.5
    if len(np.unique(labels[half])) < 2:
        return []
    student = LogisticRegression(C=3.0, max_iter=300).fit(vectors[rows[half]], labels[half])
    said = student.predict_proba(vectors[rows[~half]])
    predicted, taught, card, truth = student.classes_[said.argmax(axis=1)], labels[~half], cards[rows[~half]], gold[rows[~half]]
    n, agreed = len(truth), above_chance(predicted, taught)
    seen = {"teacher": (taught, float(np.mean(sure[~half]))), "student": (predicted, float(said.max(axis=1).mean()))}
    return [
        Case(corpus, labeller, subject, Signals(agreed, above_chance(labels_of, card), probability, n), float((labels_of == truth).mean()))
        for subject, (labels_of, probability) in seen.items()
    ]


def _some_of_each(rows: Sequence[tuple[str, str]], few: int) -> list[tuple[str, str]]:
    kept: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        kept.setdefault(row[1], []).append(row)
    return [row for label in sorted(kept) for row in kept[label][:few]]


def _centred(likeness: Any) -> Any:
    return likeness - 0.8 * likeness.mean(axis=0)


def _llm_labels(folder: Path | None, name: str) -> dict[str, tuple[str, float]]:
    path = folder / f"{name}.parquet" if folder else None
    if path is None or not path.is_file():
        return {}
    import pyarrow.parquet as pq

    golds = {entry.name: entry.gold for entry in read_label_set(name)}
    rows = pq.read_table(path).to_pylist()
    return {row["text_hash"]: (golds[row["category"]], row["probability"]) for row in rows if row["category"] in golds and row["probability"]}


def _vectors(task: Task, embedder: Embedder, cache: Path | None) -> npt.NDArray[np.float32]:
    path = cache / f"{task.name}-{len(task.texts)}.npy" if cache else None
    if path is not None and path.is_file():
        found: npt.NDArray[np.float32] = np.load(path)
        return found
    made = embedder.embed(task.texts)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, made)
    return made


def main(options: argparse.Namespace) -> None:
    """Measure each corpus, and print the table."""
    embedder = open_embedder(options.embedder)
    cases: list[Case] = []
    for name in options.corpora or GOLD:
        llm = _llm_labels(options.labels, name)
        task = read_task(options.data, name, options.documents, llm)
        if task is None:
            print(f"Not found in {options.data}, and so not measured: {name}.", flush=True)
            continue
        cases += cases_of(task, _vectors(task, embedder, options.cache), embedder, llm)
        print(f"{name}: {len(task.texts)} documents, {len(task.labels)} labels", flush=True)
    show(cases)


def show(cases: Sequence[Case]) -> None:
    """Print what was estimated of each labeller by the other corpora, beside what is so, and the line of all."""
    signals, truths, of = [one.signals for one in cases], [one.accuracy for one in cases], [SAME.get(one.corpus, one.corpus) for one in cases]
    held = 0
    print(f"{'corpus':<24}{'labeller':<11}{'subject':<9}{'n':>4}{'estimate':>10}{'interval':>17}{'truth':>8}  held")
    for case, line in zip(cases, leave_one_out(signals, truths, of), strict=True):
        figure = estimate_accuracy(case.signals, line)
        if figure is not None:
            inside = figure.low <= case.accuracy <= figure.high
            held += inside
            interval = f"{figure.low:.3f} to {figure.high:.3f}"
            row = f"{case.corpus:<24}{case.labeller:<11}{case.subject:<9}{figure.n:>4}{figure.value:>10.3f}{interval:>17}{case.accuracy:>8.3f}"
            print(f"{row}  {'yes' if inside else 'NO'}")
    print(f"held: {held} of {len(cases)}\nall corpora: {fit_line(signals, truths, of)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the gold-labelled corpora, as <name>.jsonl.gz")
    parser.add_argument("--labels", type=Path, help="folder of a model's labels, by teacher_labels.py")
    parser.add_argument("--embedder", default="all-minilm-l6-v2", help="of the students and of the cards")
    parser.add_argument("--documents", type=int, default=300, help="documents of each corpus")
    parser.add_argument("--cache", type=Path, help="folder that vectors are kept in")
    parser.add_argument("--corpora", nargs="+", default=[], metavar="NAME", help=f"some of {', '.join(GOLD)}; all when absent")
    main(parser.parse_args())
