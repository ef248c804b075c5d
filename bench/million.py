"""Labels a million texts with a student of static embeddings, by the command that a user gives, and measures rate and peak memory.

`million.py --data FOLDER --labels FOLDER --work FOLDER [--texts N]`; the labels are those that `teacher_labels.py` wrote for hwu64. The texts
are those of ag_news with two words of each exchanged for those of another, so that no two are the same.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from bench.corpora import add_data_option, read_corpus
from bench.label_sets import read_label_set
from pipeline.annotation import card_texts
from pipeline.embedding import StaticEmbedder
from pipeline.ids import text_hash
from pipeline.records import Category
from pipeline.student_settings import usual_students
from pipeline.students import Inputs, Material, candidates_of, chosen_facts, fit_certainty, learn, save_student

LABELS, SEED = 1_000, 42
EMBEDDER = "all-minilm-l6-v2-static"


def main(options: argparse.Namespace) -> None:
    """Train, write the texts, label them."""
    options.work.mkdir(parents=True, exist_ok=True)
    student, texts, out = options.work / "student", options.work / "texts.jsonl", options.work / "labelled.jsonl"
    _train(options, student)
    with texts.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in _texts(options))
    began = time.monotonic()
    command = [sys.executable, "-m", "pipeline.cli", "label", "--student", str(student), str(texts), "--out", str(out)]
    subprocess.run(command, check=True)
    seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024**2
    with out.open(encoding="utf-8") as file:
        rows = sum(1 for _ in file)
    print(f"{rows} rows in {seconds:.0f} s, {rows / seconds:.0f} texts/s from file to file; peak memory {peak:.2f} GB")


def _train(options: argparse.Namespace, folder: Path) -> None:
    corpus, entries = read_corpus(options.data, "hwu64"), read_label_set("hwu64")
    names = [entry.name for entry in entries]
    place = {text_hash(text): number for number, text in enumerate(corpus.texts)}
    rows = [row for row in pq.read_table(options.labels / "hwu64.parquet").to_pylist() if row["category"] is not None][:LABELS]
    soft = np.exp(np.array([[dict(row["scores"]).get(name, -np.inf) for name in names] for row in rows]))
    soft /= soft.sum(axis=1, keepdims=True)
    embedder = StaticEmbedder(EMBEDDER)
    texts = [corpus.texts[place[row["text_hash"]]] for row in rows]
    more = [text for text in corpus.texts if text not in set(texts)][:5_000]
    cards = embedder.embed(card_texts([Category(entry.gold, entry.name, entry.description) for entry in entries]))
    material = Material(
        tuple(names), Inputs(embedder.embed(texts), texts), soft, np.ones(len(rows)), unlabelled=Inputs(embedder.embed(more), more), cards=cards
    ).used()
    learnt = learn(material, candidates_of(usual_students()), folds=5, seed=SEED)
    certainty, _ = fit_certainty(learnt.choice.unseen, material.soft, known=np.zeros(len(rows), dtype=bool), level=0.9, risk=0.1, seed=SEED)
    about = {
        "classifier_id": "student:bench", "taxonomy_id": "tax:bench", "categories": list(material.categories), "names": list(material.categories),
        "parents": [[] for _ in material.categories], "embedder": EMBEDDER, "embedder_id": embedder.embedder_id, **chosen_facts(learnt.choice),
        "certainty": certainty.as_settings(), "trained_on": len(rows), "training_ids_hash": "bench", "seed": SEED,
    }  # fmt: skip
    save_student(folder, learnt.model, about)


def _texts(options: argparse.Namespace) -> Iterator[str]:
    words = [text.split() for text in read_corpus(options.data, "ag_news").texts]
    random = np.random.default_rng(SEED)
    for number in range(options.texts):
        own, other = list(words[number % len(words)]), words[int(random.integers(len(words)))]
        for _ in range(2):
            own[int(random.integers(len(own)))] = other[int(random.integers(len(other)))]
        yield f"{' '.join(own)} {number}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_option(parser)
    parser.add_argument("--labels", type=Path, required=True, help="folder that teacher_labels.py wrote")
    parser.add_argument("--work", type=Path, required=True, help="folder for the student and the files")
    parser.add_argument("--texts", type=int, default=1_000_000)
    main(parser.parse_args())
