"""Measures what examples that a model writes for rare categories bring a student, on a gold-labelled corpus.

Labels fall geometrically in number to a fiftieth, as in `student_noise.py`. For each category with fewer than `--least` of them the model
writes `--written` examples, and says of each what it is; the product's student learns without them, with those that are kept whatever they
bring, and with them only where unseen labels are then predicted better, as in a run. Scored on as many other documents of each category.

`student_written.py --data FOLDER --vectors FOLDER --state FOLDER`; what the model answered is kept in the state folder, so that a second run
asks nothing.
"""

import argparse
import random as ordinary
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.corpora import SOURCES, add_data_option, add_engine_option
from bench.label_sets import category_id, read_label_set, taxonomy_of
from bench.student_noise import Gold, Scores, _imbalanced, _material, _read, _scored, _show
from pipeline.annotation import Subject, annotate, example_documents, judge_examples, llm_annotator, wanted_examples, write_examples
from pipeline.embedding import SentenceEmbedder
from pipeline.engine_settings import EngineSettings
from pipeline.ids import text_hash
from pipeline.records import Document, Taxonomy
from pipeline.serving.contract import Chat
from pipeline.serving.engines import open_chat
from pipeline.settings import Project
from pipeline.store import Store, StoreLedger
from pipeline.student_records import WrittenExample
from pipeline.student_settings import StudentSettings
from pipeline.students import Inputs, Material, Offered, Workshop, WrittenTrial, candidates_of, choose, fit_candidate, learn
from pipeline.students.voices import Voices
from pipeline.students.written import with_written

Ints = npt.NDArray[np.intp]
SHARE_SHOWN, MOST_SHOWN, OTHERS_EACH = 0.5, 4, 3  # as in a run
CANDIDATES = candidates_of([StudentSettings()])


@dataclass(frozen=True)
class Bench:
    """What all seeds share."""

    corpus: Gold
    taxonomy: Taxonomy
    golds: list[str]
    chat: Chat
    project: Project
    options: argparse.Namespace


def main(options: argparse.Namespace) -> None:
    """Measure one corpus."""
    corpus, use_case = _read(options.corpus, options), SOURCES[options.corpus].use_case
    entries = read_label_set(options.corpus)
    project = Project.model_validate({"name": "written", "use_case": use_case, "corpus": {"path": options.corpus, "format": "hub"}})
    scores: Scores = defaultdict(list)
    recalls: Scores = defaultdict(list)
    ledger = StoreLedger(Store.open(options.state))
    with open_chat(EngineSettings(**options.engine), ledger=ledger, run_id="written", on_status=print) as chat:
        bench = Bench(corpus, taxonomy_of(entries, use_case), [entry.gold for entry in entries], chat, project, options)
        held_out = [_measure(bench, seed, scores, recalls) for seed in range(options.seeds)]
    _show(f"{options.corpus}: {options.documents} labels, scored on {held_out[0]} other documents, {options.seeds} seeds", scores)
    print("\n  recall, mean of the seeds: rare categories, others")
    for what, runs in recalls.items():
        print(f"  {what:<40}" + ", ".join(f"{np.mean(part):.3f}" for part in zip(*runs, strict=True)))


def _measure(bench: Bench, seed: int, scores: Scores, recalls: Scores) -> int:
    corpus, options = bench.corpus, bench.options
    taught, others = _imbalanced(corpus, options, np.random.default_rng(seed))
    material = _material(corpus, taught, others, corpus.labels[taught])
    subjects = _subjects(bench, taught)
    examples = _written(bench, subjects, seed)
    offered = _offered(bench, examples, taught, others)
    plain = learn(material, CANDIDATES, folds=5, seed=options.seed)
    chosen = learn(material, CANDIDATES, folds=5, seed=options.seed, offered=offered)
    trial = chosen.written
    assert trial is not None
    print(f"  seed {seed}: {len(subjects)} rare categories. {trial.reason}", flush=True)
    rare = np.array([bench.golds.index(gold) for gold in subjects])
    found = {
        "without": plain.model.predict(corpus.inputs(others)),
        "with all kept": _always(trial, material, options).predict(corpus.inputs(others)),
        "with them where they help": chosen.model.predict(corpus.inputs(others)),
    }
    names = np.array([int(name) for name in material.categories])
    few = np.isin(corpus.labels[others], rare)
    for what, guesses in found.items():
        scores[what].append(_scored(corpus, names[guesses], others))
        right = names[guesses] == corpus.labels[others]
        recalls[what].append((float(right[few].mean()), float(right[~few].mean())))
    _show_some(bench, trial, examples, options.shown if seed == 0 else 0)
    return len(others)


def _subjects(bench: Bench, taught: Ints) -> dict[str, Subject]:
    """Choose what the writer sees, by gold label, as the stage `written_examples` does."""
    corpus, labels = bench.corpus, bench.corpus.labels[taught]
    texts = {gold: [corpus.texts[row] for row in taught[labels == place]] for place, gold in enumerate(bench.golds)}
    subjects = {}
    for category in bench.taxonomy.leaves:
        gold = next(one for one in bench.golds if category_id(one) == category.category_id)
        if 0 < len(texts[gold]) < bench.options.least:
            shown = texts[gold][: int(SHARE_SHOWN * len(texts[gold]))][:MOST_SHOWN]
            style = [texts[one][turn] for turn in range(OTHERS_EACH) for one in bench.golds if one != gold and turn < len(texts[one])]
            subjects[gold] = Subject(category, [Document(text, text_hash(text), text, corpus.name) for text in shown], style)
    return subjects


def _written(bench: Bench, subjects: dict[str, Subject], seed: int) -> list[WrittenExample]:
    taxonomy, project, chat = bench.taxonomy, bench.project, bench.chat
    by_id = {subject.category.category_id: subject for subject in subjects.values()}
    wanted = wanted_examples(f"{taxonomy.taxonomy_id} {seed}", list(by_id), bench.options.written, project=project, model=chat.model)
    made = [one for batch in write_examples(wanted, by_id, taxonomy_id=taxonomy.taxonomy_id, chat=chat, project=project) for one in batch]
    texts, annotator = [one for one in made if one.text], llm_annotator(project, chat.model)
    print(f"  seed {seed}: {len(texts)} of {len(wanted)} written", flush=True)
    outcomes = annotate(example_documents(texts), taxonomy=taxonomy, annotator=annotator, chat=chat, project=project)
    return [one for batch in judge_examples(texts, outcomes, annotator.annotator_id) for one in batch]


def _offered(bench: Bench, examples: list[WrittenExample], taught: Ints, others: Ints) -> Offered:
    corpus = bench.corpus
    place = {category_id(gold): str(number) for number, gold in enumerate(bench.golds)}
    texts, shown = [one.text or "" for one in examples], {text for one in examples for text in one.shown}
    return Offered(
        inputs=Inputs(SentenceEmbedder().embed(texts), texts),
        asked=[place[one.category_id] for one in examples],
        annotated=[place.get(one.annotated_id or "") for one in examples],
        judged=np.array([text_hash(corpus.texts[row]) not in shown for row in taught], dtype=bool),
        strangers=corpus.vectors[others],
        most=bench.options.least,
    )


def _always(trial: WrittenTrial, material: Material, options: argparse.Namespace) -> Voices:
    """Fit the student on the examples kept, whatever they bring."""
    workshop = Workshop(with_written(material, trial.offered.inputs, trial.written), folds=5, seed=options.seed)
    return fit_candidate(choose(CANDIDATES, workshop), workshop)


def _show_some(bench: Bench, trial: WrittenTrial, examples: list[WrittenExample], count: int) -> None:
    """Print some of the texts, drawn at random, with what they were written as, what the annotator says, and whether they were kept."""
    kept = {trial.offered.inputs.texts[place] for place in trial.written.places.tolist()}
    for one in ordinary.Random(bench.options.seed).sample(examples, min(count, len(examples))):
        print(f"    {one.category_id:<20}{one.annotated_id or '-':<20}{'kept' if one.text in kept else '':<6}{one.text}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_option(parser)
    add_engine_option(parser)
    parser.add_argument("--vectors", type=Path, required=True, help="folder that keeps <corpus>.npy in the order of the corpus")
    parser.add_argument("--state", type=Path, required=True, help="folder that keeps what the model answered")
    parser.add_argument("--corpus", default="hwu64", choices=list(SOURCES))
    parser.add_argument("--documents", type=int, default=1000, help="labels")
    parser.add_argument("--ratio", type=float, default=50, help="of the largest category to the smallest")
    parser.add_argument("--least", type=int, default=10, help="labels below which a category is rare")
    parser.add_argument("--written", type=int, default=8, help="examples for each rare category")
    parser.add_argument("--shown", type=int, default=10, help="texts printed, of the first seed")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=42, help="of the students")
    return parser.parse_args()


if __name__ == "__main__":
    main(_options())
