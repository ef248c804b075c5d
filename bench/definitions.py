"""Breaks a finished project's taxonomy on purpose, and shows that gap, overlap, recall, spill-over and distinctness say so.

The largest two categories of the sample, or two that are named, are the victims: `removed` takes the first away, `merged` gives the first the
words of both and takes the second away, `doubled` adds the first again under another name, `swapped` gives each the other's words, `anything`
makes the first fit everything, by its words. Only what changed is asked; answers known from the ledger cost nothing. Copy a state before:

    cp -r .linnaeus /tmp/broken && LINNAEUS_STATE=/tmp/broken python bench/definitions.py --project demo
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.evaluation import Figure
from pipeline.evaluation.definition_checks import check_definitions, definition_checker
from pipeline.evaluation.definition_design import Known, Pair, first_pairs, make_design, second_pairs
from pipeline.evaluation.definitions import Told, definition_findings
from pipeline.records import Category, Document, Taxonomy
from pipeline.settings import load_project
from pipeline.stages import Session
from pipeline.stages.asking import annotation_sample, current_taxonomy, fresh_sample
from pipeline.stages.manner import likeness
from pipeline.taxonomy import distances

Labels = Mapping[str, str | None]
Found = Mapping[tuple[str, str], Figure]
WHOLE = ("gap", "overlap", "definition_recall", "spill_over")
ANYTHING = "Whatever the text says, on any subject at all."


@dataclass(frozen=True)
class Broken:
    """A taxonomy and the labels under it, with the categories that are looked at by themselves."""

    name: str
    taxonomy: Taxonomy
    labels: Labels
    victims: tuple[str, ...]


def main() -> None:
    """Print a row for each way to break it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--project", default="demo")
    parser.add_argument("--sample", type=int, default=40)
    parser.add_argument("--victims", nargs=2, metavar="NAME", help="two categories; the largest of the sample when absent")
    wanted = parser.parse_args()
    with Session(load_project(Path("projects") / f"{wanted.project}.yaml"), run_id=f"broken-{int(time.time())}") as session:
        documents = fresh_sample(session, wanted.sample)
        present = current_taxonomy(session)
        teacher = session.store.current("teacher_annotator_id") or ""
        labels = {label.text_hash: label.category_id for label in session.store.labels(present.taxonomy_id, teacher)}
        for one in _ways(present, labels, documents, wanted.victims):
            _row(session, one, documents)


def _ways(present: Taxonomy, labels: Labels, documents: Sequence[Document], named: Sequence[str] | None) -> Iterator[Broken]:
    given = Counter(label for document in documents if (label := labels.get(document.text_hash)))
    chosen = [present.by_name(name).category_id for name in named] if named else [key for key, _ in given.most_common(2)]
    first, second = (next(one for one in present.leaves if one.category_id == key) for key in chosen)
    others = [one for one in present.leaves if one not in (first, second)]
    both = (first.category_id, second.category_id)
    print(f"{len(present.leaves)} categories, {len(documents)} documents; broken: {first.name} ({given[both[0]]}), {second.name} ({given[both[1]]})")

    def made(name: str, leaves: Iterable[Category], moved: Mapping[str, str | None], *victims: str) -> Broken:
        mapped = {text: moved.get(label, label) if label else label for text, label in labels.items()}
        return Broken(name, replace(present, categories=tuple(leaves)), mapped, victims)

    words = f"{first.description} {second.description}"
    again = Category("cat:again", f"More of {first.name}", first.description)
    yield made("as it is", present.leaves, {}, *both)
    yield made("removed", [second, *others], {both[0]: None}, both[1])
    yield made("merged", [replace(first, name=f"{first.name} and {second.name}", description=words), *others], {both[1]: both[0]}, both[0])
    yield made("doubled", [*present.leaves, again], {}, both[0], again.category_id)
    swapped = [replace(first, name=second.name, description=second.description), replace(second, name=first.name, description=first.description)]
    yield made("swapped", [*swapped, *others], {}, *both)
    yield made("anything", [replace(first, name="Anything", description=ANYTHING), second, *others], {}, *both)


def _row(session: Session, one: Broken, documents: Sequence[Document]) -> None:
    began, spent = time.monotonic(), session.store.spent(session.run_id)[0]
    told = _told(session, one, documents)
    names = {category.category_id: category.name for category in one.taxonomy.leaves}
    found = {(each.metric, each.slice): each.figure for each in definition_findings(told, names)}
    apart = dict(zip(names, distances(one.taxonomy, session.embedder), strict=True))
    calls = int(session.store.spent(session.run_id)[0] - spent)
    print(f"\n{one.name}: {len(told.known)} pairs, {calls} calls, {time.monotonic() - began:.0f} s; least distinctness {min(apart.values()):.3f}")
    print("  " + "; ".join(f"{metric} {_said(found, metric, 'all')}" for metric in WHOLE))
    for victim in one.victims:
        slice_ = f"category={names[victim]}"
        each = "; ".join(f"{metric} {_said(found, metric, slice_)}" for metric in ("definition_recall", "spill_over"))
        print(f"  {names[victim]}: {each}; distinctness {apart[victim]:.3f}")
    for (metric, slice_), figure in found.items():
        if metric == "spilled_on":
            print(f"    {slice_}: {figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f}, n {figure.n})")


def _told(session: Session, one: Broken, documents: Sequence[Document]) -> Told:
    texts = [document.text_hash for document in documents]
    more = [document.text_hash for document in annotation_sample(session)]
    categories = [category.category_id for category in one.taxonomy.leaves]
    design = make_design(texts, likeness(session, one.taxonomy, texts), one.labels, categories=categories, more=more)
    first = _asked(session, one.taxonomy, first_pairs(design))
    known = {**first, **_asked(session, one.taxonomy, second_pairs(design, first))}
    return Told(design, known, one.labels, session.annotator.model, session.project.seed)


def _asked(session: Session, taxonomy: Taxonomy, pairs: Sequence[Pair]) -> Known:
    texts = {document.text_hash: document.text for document in session.store.texts(sorted({text for text, _ in pairs}))}
    checker = definition_checker(session.project, session.annotator.model)
    checks = check_definitions(pairs, texts, taxonomy=taxonomy, annotator=checker, chat=session.annotator, project=session.project)
    return {(check.text_hash, check.category_id): check.fits for of_one in checks for check in of_one}


def _said(found: Found, metric: str, slice_: str) -> str:
    figure = found.get((metric, slice_))
    return "-" if figure is None else f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f}, n {figure.n})"


if __name__ == "__main__":
    main()
