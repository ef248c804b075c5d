"""What to do next, in order of effect, each with what it would change; every advice comes of a row."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.records import Evaluation
from pipeline.report.contents import Contents
from pipeline.report.faults import errors_of, mixtures, part_name, worst_slice
from pipeline.report.quality import Quality
from pipeline.report.words import cut, per_cent

__all__ = ["WIDTH", "Action", "actions", "needed"]

Z = 1.959964
WIDTH = 0.05  # half of the interval that is aimed at
AIM = f"±{100 * WIDTH:.0f} points"
NAME, NAMED = 40, 5
MANY_FAILED, MANY_NONE = 0.02, 0.1
LEAST = 0.02  # share of the labels that two confused categories cost before they are named


@dataclass(frozen=True)
class Action:
    """One advice: in a few words, in full, and its effect as a share of documents or as a width, 0 to 1; larger goes first."""

    short: str
    full: str
    effect: float
    command: str = ""


def needed(share: float, width: float = WIDTH) -> int:
    """Say how many documents people have to label, so that the 95 % interval of a share has this half width."""
    return math.ceil(Z**2 * share * (1 - share) / width**2)


def actions(contents: Contents, found: Quality | None) -> list[Action]:
    """List what the rows call for, what changes most first; nothing where they call for nothing."""
    if not sum(contents.labelled_by.values()):
        command = f"linnaeus run {contents.project}"
        return [Action("run the project to its end", "No document has a label: run the project, and look at what stops it.", 2.0, command)]
    every = [
        *_people(contents, found),
        *_baseline(found),
        *_failures(contents),
        *_pairs(contents),
        *_parts(contents),
        *_student(contents, found),
        *_drift(contents),
    ]
    return sorted(every, key=lambda action: -action.effect)


def _people(contents: Contents, found: Quality | None) -> Iterator[Action]:
    command = f"linnaeus review export {contents.project}"
    if found is None or found.by in {"judge", "estimate"}:
        share = 0.5 if found is None else found.figure.value
        count = min(max(needed(share), 50), contents.nutrition.texts)
        said = f"have people label {count:,} documents"
        full = f"Have people label {count:,} documents drawn at random: nobody has checked the labels, and so many give an interval of {AIM}."
        yield Action(said, full, 1.0, command)
        return
    figure = found.figure
    half = 0.0 if figure.low is None or figure.high is None else (figure.high - figure.low) / 2
    more = needed(figure.value) - figure.n
    if half > WIDTH and more > 0 and figure.n < contents.nutrition.texts:
        full = f"Have people label {more:,} more documents: the interval of {figure.n:,} is ±{100 * half:.1f} points, and would be {AIM}."
        yield Action(f"have people label {more:,} more documents", full, half, command)


def _baseline(found: Quality | None) -> Iterator[Action]:
    if found is not None and found.better is False and found.baseline is not None:
        full = (
            "Take a larger model for the labels, or keep the baseline: nothing shows that the labels are better than it,"
            f" {per_cent((found.beside or found.figure).value)} against {per_cent(found.baseline.value)}."
        )
        yield Action("try a larger model, since a baseline does as well", full, 0.5)


def _failures(contents: Contents) -> Iterator[Action]:
    documents = max(1, contents.nutrition.documents)
    failed, none_fits = contents.unlabelled.get("failed", 0) / documents, contents.unlabelled.get("none_fits", 0) / documents
    waiting = contents.unlabelled.get("waiting", 0) / documents
    if waiting > MANY_FAILED:
        full = f"{per_cent(waiting)} of the documents wait for a label; a run labels them."
        yield Action("run the project to its end", full, waiting, f"linnaeus run {contents.project}")
    if failed > MANY_FAILED:
        full = f"The model gave no valid answer for {per_cent(failed)} of the documents; the next run asks again (linnaeus exam: is the model fit?)."
        yield Action("ask again where the model failed", full, failed, f"linnaeus run {contents.project}")
    if none_fits > MANY_NONE:
        full = f"{per_cent(none_fits)} of the documents fit no category; a proposal shows what is missing, and changes nothing."
        yield Action("have a new taxonomy proposed", full, none_fits, f"linnaeus taxonomy propose {contents.project}")


def _pairs(contents: Contents) -> Iterator[Action]:
    n = sum(one.n for one in contents.confusions)
    sentences = {frozenset((one.category, one.other)): one.sentence for one in contents.tie_breakers}
    if contents.same_names:
        pairs: dict[frozenset[str], int] = {}
        for one in errors_of(contents):
            if one.label and one.label != one.truth:
                pairs[frozenset((one.truth, one.label))] = pairs.get(frozenset((one.truth, one.label)), 0) + one.n
        for pair, count in sorted(pairs.items(), key=lambda item: -item[1])[:2]:
            if count / n >= LEAST:
                first, second = sorted(f"“{cut(name, NAME)}”" for name in pair)
                told = f" A sentence that tells them apart: {sentences[pair]}" if pair in sentences else ""
                full = f"Merge {first} and {second}, or say what tells them apart: at most {per_cent(count / n)} of all labels would be mended.{told}"
                yield Action(
                    f"merge or clarify {first} and {second}", full, count / n, f"linnaeus taxonomy export {contents.project} categories.yaml"
                )
    else:
        for mixture in [one for one in mixtures(contents)[:1] if one.beside / n >= LEAST]:
            label, count = f"“{cut(mixture.label, NAME)}”", mixture.beside
            held = ", ".join(f"“{cut(part.truth, NAME)}” ({part.n:,})" for part in mixture.parts[:NAMED])
            full = (
                f"Split {label} if you need apart what it holds, {held}: that would set {per_cent(count / n)} of all documents right by these names."
            )
            yield Action(
                f"split {label}, which is broader than the known labels",
                full,
                count / n,
                f"linnaeus taxonomy export {contents.project} categories.yaml",
            )


def _parts(contents: Contents) -> Iterator[Action]:
    worst = worst_slice(contents)
    if worst is not None:
        part, whole = worst
        where = part_name(part.slice)
        lost = (whole.value - part.value) * part.n / max(1, whole.n)
        yield Action(
            f"read the documents where {where}", f"Read documents where {where}, and label some by hand: they are clearly worse than the rest.", lost
        )


def _student(contents: Contents, found: Quality | None) -> Iterator[Action]:
    """Compare student and teacher where both were measured alike."""
    if found is None or found.figure.subject != "student":
        return
    taught = [one for one in contents.figures if _same(one, found.figure, "teacher")]
    for teacher in taught:
        if teacher.low is not None and found.figure.high is not None and teacher.low > found.figure.high:
            better = f"{per_cent(teacher.value)} against {per_cent(found.figure.value)}"
            full = f"Let the model label more documents (annotation.sample): its labels are clearly better than the student's, {better}."
            yield Action("let the model label more documents for the student", full, teacher.value - found.figure.value)
            return
    if found.by in {"gold", "people"} and found.low < 0.8 and found.better is not False:
        yield Action("try a larger model", "Try a larger model behind engine: the student cannot be better than the labels it learns from.", 0.01)


def _same(one: Evaluation, figure: Evaluation, subject: str) -> bool:
    return one.subject == subject and (one.metric, one.slice, one.judge) == (figure.metric, figure.slice, figure.judge)


def _drift(contents: Contents) -> Iterator[Action]:
    changed = [part.part for part in contents.drift if _beyond(part.distance, part.distance_by_chance)]
    if changed and contents.drift and contents.drift[-1].part in changed:
        full = f"Look at {changed[-1]}: its labels differ from those before by more than chance."
        yield Action(f"look at what changed on {changed[-1]}", full, 0.02, f"linnaeus taxonomy propose {contents.project}")


def _beyond(value: float | None, by_chance: float | None) -> bool:
    return value is not None and by_chance is not None and value > by_chance
