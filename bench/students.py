"""Measures students taught by the teacher's labels of 1,000 documents a corpus; gold labels score, and teach nothing but their own rival.

For each corpus: the teacher, the student across folds on the very documents of the teacher, the student on documents that nobody
labelled, and the same pipeline taught by gold labels of the same documents. With `--known N` so many gold labels stand among the teacher's,
as a person's would, and calibrate.

`students.py --data FOLDER --labels FOLDER --out FILE [--vectors FOLDER --documents N --known N --students JSON --corpora NAME ...]`; the
labels are those that `teacher_labels.py` wrote. `--students '[{"kind": "fine_tuned"}]'` tries others than the usual candidates.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from bench.corpora import Corpus, add_data_option, read_corpus
from bench.label_sets import LabelEntry, read_label_set
from bench.multi_corpora import MULTI, read_languages, read_multi
from pipeline.annotation import card_texts
from pipeline.embedding import Matrix, SentenceEmbedder
from pipeline.evaluation import calibration_figures, set_figures, share
from pipeline.ids import text_hash
from pipeline.records import Category
from pipeline.student_settings import StudentSettings, usual_students
from pipeline.students import Inputs, Material, candidates_of, fit_certainty, learn

SINGLE = ("ag_news", "trec_questions", "sib200", "hwu64", "banking77", "languages")
MOST_OTHERS, UNLABELLED = 5_000, 5_000
MOST_LABELLED = 0.7  # of a small corpus, so that documents are left to score
SEED = 42
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Lesson:
    """A corpus with the teacher's labels of some documents: places of them, probabilities (n, k), all categories that it gave (n, k)."""

    name: str
    entries: Sequence[LabelEntry]
    texts: Sequence[str]
    gold: npt.NDArray[np.bool_]  # (all documents, k)
    vectors: Matrix
    cards: Matrix
    asked: Ints  # documents that the teacher was asked about
    taught: Ints  # of them that it gave a category
    soft: Floats
    applying: npt.NDArray[np.bool_]


def main(options: argparse.Namespace) -> None:
    """Measure each corpus."""
    results: dict[str, Any] = json.loads(options.out.read_text()) if options.out.exists() else {}
    for name in options.corpora or [*SINGLE, *MULTI]:
        results[name] = _measured(_lesson(name, options), options)
        options.out.write_text(json.dumps(results, indent=1))
        print(f"\n{name}\n" + "\n".join(f"  {key:<36}{value}" for key, value in results[name].items()), flush=True)


def _measured(lesson: Lesson, options: argparse.Namespace) -> dict[str, Any]:
    others = np.setdiff1d(np.arange(len(lesson.texts)), lesson.asked)[:MOST_OTHERS]
    soft, known = lesson.soft.copy(), np.zeros(len(lesson.taught), dtype=bool)
    if options.known:
        rows = np.random.default_rng(SEED).permutation(len(known))[: options.known]
        rows = rows[lesson.gold[lesson.taught[rows]].sum(axis=1) == 1]
        soft[rows], known[rows] = lesson.gold[lesson.taught[rows]], True
    began = time.monotonic()
    students = options.students or usual_students()
    fitted = _Fitted(lesson, lesson.taught, soft, known, others, students, lesson.applying if lesson.name in MULTI else None)
    found: dict[str, Any] = {"labels": len(lesson.taught), "others": len(others), "seconds": f"{time.monotonic() - began:.1f}"}
    found["chosen"] = fitted.choice.reason
    found |= {f"trial, {trial.candidate}": f"{trial.agreement:.3f} in {trial.seconds:.1f} s" for trial in fitted.choice.trials}
    if lesson.name in MULTI:
        return found | _sets(lesson, fitted, others)
    teacher = np.zeros(len(lesson.texts), dtype=bool)
    teacher[lesson.taught] = lesson.gold[lesson.taught, lesson.soft.argmax(axis=1)]
    student = fitted.right(np.arange(len(lesson.texts)))
    # A document that the teacher gave no category is labelled by the student that all others taught; it is a stranger to it as well.
    unseen = student.copy()
    unseen[lesson.taught] = lesson.gold[lesson.taught, fitted.choice.unseen.argmax(axis=1)]
    strangers = lesson.asked[~np.isin(lesson.asked, lesson.taught[known])]
    found["teacher"] = _said(teacher[strangers])
    found["student, same documents across folds"] = _said(unseen[strangers])
    found["student less teacher"] = _gain(unseen[strangers], teacher[strangers])
    found["student, other documents"] = _said(student[others])
    probabilities = fitted.probabilities(others)
    figures = calibration_figures(probabilities.max(axis=1).tolist(), student[others].tolist(), resamples=300, seed=SEED)
    found["ece, other documents"] = f"{figures['ece'].value:.3f} ({figures['ece'].low:.3f} to {figures['ece'].high:.3f}), n = {figures['ece'].n}"
    members = fitted.certainty.conformal.members(probabilities)
    found["conformal .9, other documents"] = (
        f"{_said((members & lesson.gold[others]).any(axis=1))}, {members.sum(axis=1).mean():.2f} categories a set"
    )
    kept = fitted.certainty.abstention.keeps(probabilities)
    found["kept at 10 % errors"] = f"{kept.mean():.3f} of them, right " + (_said(student[others][kept]) if kept.any() else "none")
    gold = _Fitted(lesson, lesson.asked, lesson.gold[lesson.asked].astype(float), np.ones(len(lesson.asked), dtype=bool), others, students)
    found["taught by gold, other documents"] = _said(gold.right(others)[others])
    return found


class _Fitted:
    """A student as the product trains it."""

    def __init__(
        self, lesson: Lesson, taught: Ints, soft: Floats, known: Any, others: Ints, students: Sequence[StudentSettings], applying: Any = None
    ) -> None:
        self.lesson = lesson
        labelled = self._inputs(taught)
        material = Material(
            categories=tuple(entry.name for entry in lesson.entries), labelled=labelled, soft=soft, weights=np.ones(len(taught)),
            unlabelled=self._inputs(others[:UNLABELLED]), cards=lesson.cards,
        ).used()  # fmt: skip
        names = [entry.name for entry in lesson.entries]
        self.places = np.array([names.index(name) for name in material.categories])
        learnt = learn(material, candidates_of(students), folds=5, seed=SEED)
        choice, self.model = learnt.choice, learnt.model
        flags = None if applying is None else applying[:, self.places]
        self.certainty, _ = fit_certainty(choice.unseen, material.soft, known=known, level=0.9, risk=0.1, applying=flags, seed=SEED)
        wide = np.full((len(taught), len(names)), -np.inf)
        wide[:, self.places] = choice.unseen
        self.choice = type(choice)(**{**vars(choice), "unseen": wide})

    def _inputs(self, rows: Ints) -> Inputs:
        return Inputs(self.lesson.vectors[rows], [self.lesson.texts[row] for row in rows])

    def probabilities(self, rows: Ints) -> Floats:
        """Give calibrated probabilities over all entries."""
        found = np.zeros((len(rows), len(self.lesson.entries)))
        found[:, self.places] = self.certainty.calibration.apply(self.model.decision_function(self._inputs(rows)))
        return found

    def right(self, rows: Ints) -> npt.NDArray[np.bool_]:
        """Say of all documents whether the likeliest category is a gold one; only those of `rows` are looked at."""
        found = np.zeros(len(self.lesson.texts), dtype=bool)
        found[rows] = self.lesson.gold[rows, self.probabilities(rows).argmax(axis=1)]
        return found


def _sets(lesson: Lesson, fitted: _Fitted, others: Ints) -> dict[str, Any]:
    """Score all that apply: the teacher, the student on the same documents across folds, and on other documents."""
    unseen = fitted.certainty.calibration.apply(fitted.choice.unseen[:, fitted.places])
    sets, places = fitted.certainty.sets, fitted.places
    assert sets is not None
    parts = {
        "teacher": (lesson.taught, lesson.applying),
        "student, same documents across folds": (lesson.taught, _wide(sets.applies(unseen), places, lesson)),
        "student, other documents": (others, _wide(sets.applies(fitted.probabilities(others)[:, places]), places, lesson)),
    }
    found = {}
    for what, (rows, given) in parts.items():
        truth, said = ([set(np.flatnonzero(row)) for row in flags] for flags in (lesson.gold[rows], given))
        figures = set_figures(truth, said, resamples=200, seed=SEED)
        found[what] = ", ".join(f"{name} {one.value:.3f} ({one.low:.3f} to {one.high:.3f})" for name, one in figures.items()) + f", n = {len(rows)}"
    return found


def _wide(flags: Any, places: Ints, lesson: Lesson) -> npt.NDArray[np.bool_]:
    found = np.zeros((len(flags), len(lesson.entries)), dtype=bool)
    found[:, places] = flags
    return found


def _lesson(name: str, options: argparse.Namespace) -> Lesson:
    if name == "languages":
        corpus: Any = read_languages(options.data)
    else:
        corpus = read_multi(options.data, name) if name in MULTI else read_corpus(options.data, name)
    entries = read_label_set("sib200" if name == "languages" else name)
    golds, names = [entry.gold for entry in entries], [entry.name for entry in entries]
    given: Sequence[Sequence[str]] = corpus.gold if name in MULTI else [[label] for label in corpus.gold]
    gold = np.array([[one in some for one in golds] for some in given], dtype=bool)
    place = {text_hash(text): number for number, text in enumerate(corpus.texts)}
    rows = sorted(pq.read_table(options.labels / f"{name}.parquet").to_pylist(), key=lambda row: place[row["text_hash"]])
    rows = rows[: min(options.documents, round(MOST_LABELLED * len(corpus.texts)))]
    kept = [row for row in rows if row["category"] is not None]
    scores = np.array([[dict(row["scores"]).get(one, -np.inf) for one in names] for row in kept])
    soft = np.exp(scores - scores.max(axis=1, keepdims=True))
    soft /= soft.sum(axis=1, keepdims=True)
    applying = np.array([[one == row["category"] or one in row["also"] for one in names] for row in kept], dtype=bool)
    embedder = SentenceEmbedder()
    cards = embedder.embed(card_texts([Category(entry.gold, entry.name, entry.description) for entry in entries]))
    return Lesson(
        name, entries, corpus.texts, gold, _vectors(name, corpus, embedder, options.vectors), cards,
        np.array([place[row["text_hash"]] for row in rows]), np.array([place[row["text_hash"]] for row in kept]), soft, applying,
    )  # fmt: skip


def _vectors(name: str, corpus: Corpus, embedder: SentenceEmbedder, folder: Path | None) -> Matrix:
    stored = None if folder is None else folder / f"{name}.npy"
    if stored is not None and stored.exists() and len(found := np.load(stored)) == len(corpus.texts):
        return np.asarray(found, dtype=np.float32)
    made = embedder.embed(list(corpus.texts))
    if stored is not None:
        np.save(stored, made)
    return made


def _students(given: str) -> tuple[StudentSettings, ...]:
    return tuple(StudentSettings.model_validate(one) for one in json.loads(given))


def _said(right: npt.NDArray[np.bool_]) -> str:
    figure = share(right.tolist())
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f}), n = {figure.n}"


def _gain(ours: npt.NDArray[np.bool_], theirs: npt.NDArray[np.bool_]) -> str:
    gain = ours.astype(float) - theirs
    draws = gain[np.random.default_rng(SEED).integers(0, len(gain), (2000, len(gain)))].mean(axis=1)
    return f"{gain.mean():+.3f} ({np.quantile(draws, 0.025):+.3f} to {np.quantile(draws, 0.975):+.3f}), n = {len(gain)}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_option(parser)
    parser.add_argument("--labels", type=Path, required=True, help="folder that teacher_labels.py wrote")
    parser.add_argument("--vectors", type=Path, help="folder that keeps <corpus>.npy in the order of the corpus")
    parser.add_argument("--out", type=Path, required=True, help="JSON file of the figures")
    parser.add_argument("--documents", type=int, default=1000, help="documents of the teacher")
    parser.add_argument("--known", type=int, default=0, help="gold labels among them")
    parser.add_argument("--students", type=_students, help="the section `students` of a project as JSON")
    main(parser.parse_args())
