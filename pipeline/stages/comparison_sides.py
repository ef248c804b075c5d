"""What may be compared: a run, an evaluation, a student, a version of a taxonomy, a model or a prompt, found by what a person types."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pipeline.errors import ProjectError
from pipeline.store import Store

__all__ = ["Side", "find_side"]

SHOWN = 12  # of what there is, in a message
SHORTEST = 4  # characters of a beginning of an id, so that a word is not taken for one
RUNS = """
select evaluation_id, run_id, taxonomy_id, teacher_annotator_id, classifier_id, models, prompts, created_at from evaluation_runs
where facet = ? order by created_at, rowid
"""
STARTED = "select run_id, started_at, ended_at from runs order by started_at"
EVALUATED = "select evaluation_id, min(created_at) as first from evaluations group by evaluation_id order by first"
ANNOTATORS = """
select labels.taxonomy_id, labels.annotator_id, annotators.model, annotators.prompt, max(labels.created_at) as latest
from labels join annotators using (annotator_id) join taxonomies using (taxonomy_id)
where annotators.kind = 'llm' and taxonomies.facet = ? group by all order by latest
"""


@dataclass(frozen=True)
class Side:
    """One of the two: what was typed, what it is, and what is known of it; empty ids where it has none."""

    asked: str
    what: str
    evaluation_id: str = ""
    run_id: str = ""
    taxonomy_id: str = ""
    annotator_id: str = ""
    classifier_id: str = ""
    models: Mapping[str, str] | None = None
    prompts: Mapping[str, str] | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """Say what it comes down to, so that one thing found twice is one."""
        return self.evaluation_id, self.taxonomy_id, self.annotator_id, self.classifier_id


def find_side(store: Store, asked: str) -> Side:
    """Find what was typed: current, previous, #N for a student, vN for a taxonomy, or the beginning of an id, or a model or prompt.

    :raises ProjectError: where there is nothing of the kind, or several things.
    """
    found = {side.key: side for side in _candidates(store, asked.strip())}
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        listed = "; ".join(f"{side.what} {_id_of(side)}" for side in list(found.values())[:SHOWN])
        raise ProjectError(f"{asked!r} may be any of {len(found)} things: {listed}. Type more of the one that is meant.")
    raise ProjectError(f"There is no run, evaluation, student, taxonomy, model or prompt {asked!r}. There are: {_listed(store)}.")


def _candidates(store: Store, asked: str) -> Iterator[Side]:
    """Give all that may be meant; words and numbers are only what they are."""
    measured = _measured(store)
    if asked in {"current", "previous"}:
        yield from _by_time(store, measured, asked)
        return
    if asked[:1] in {"#", "v"} and asked[1:].isdigit():
        yield from _by_number(store, measured, asked)
        return
    if asked and len(asked) >= SHORTEST:
        yield from _evaluations(store, measured, asked)
        yield from _students_and_taxonomies(store, measured, asked)
        yield from _annotators(store, asked)


def _measured(store: Store) -> list[Side]:
    """List what runs have measured, the latest last; evaluations of before runs were noted have nothing but their id."""
    known = [
        Side(run_id, "evaluation", evaluation_id, run_id, taxonomy or "", annotator or "", student or "", json.loads(models), json.loads(prompts))
        for evaluation_id, run_id, taxonomy, annotator, student, models, prompts, _ in store.rows(RUNS, [store.facet or "main"])
    ]
    noted = {side.evaluation_id for side in known}
    older = [Side(key, "evaluation", key) for key, _ in store.rows(EVALUATED) if key not in noted]
    return [*older, *known]


def _by_time(store: Store, measured: list[Side], asked: str) -> Iterator[Side]:
    present = store.current("evaluation_id")
    if asked == "current":
        latest = [side for side in measured if side.evaluation_id == present][-1:]
    else:
        before = [place for place, side in enumerate(measured) if side.evaluation_id == present]
        latest = [side for side in measured[: before[-1]] if side.evaluation_id != present][-1:] if before else measured[-1:]
    for side in latest:
        yield replace(side, asked=asked, what=f"{asked} evaluation")


def _by_number(store: Store, measured: list[Side], asked: str) -> Iterator[Side]:
    number = int(asked[1:])
    if asked[0] == "#":
        students = store.students()[::-1]
        yield from (
            _of_student(measured, one.classifier_id, one.taxonomy_id, one.annotator_id, asked) for one in students[number - 1 : number] if number
        )
        return
    rows = store.rows("select taxonomy_id from taxonomy_versions where version = ? and facet = ?", [number, store.facet or "main"])
    for (taxonomy_id,) in rows:
        yield _of_taxonomy(store, measured, taxonomy_id, asked)


def _evaluations(store: Store, measured: list[Side], asked: str) -> Iterator[Side]:
    for side in measured:
        if _begins(side.evaluation_id, "eval:", asked):
            yield replace(side, asked=asked)
    spans = list(store.rows(STARTED))
    for place, (run_id, _, _) in enumerate(spans):
        if run_id.startswith(asked):
            earlier = {one[0] for one in spans[: place + 1]}
            of_run = [side for side in measured if side.run_id in earlier][-1:]  # one that changed nothing stands for what was there
            yield from (replace(side, asked=asked, what="run", run_id=run_id) for side in of_run)


def _students_and_taxonomies(store: Store, measured: list[Side], asked: str) -> Iterator[Side]:
    for student in store.students():
        if _begins(student.classifier_id, "student:", asked):
            yield _of_student(measured, student.classifier_id, student.taxonomy_id, student.annotator_id, asked)
    for version in store.versions():
        if _begins(version.taxonomy_id, "tax:", asked):
            yield _of_taxonomy(store, measured, version.taxonomy_id, asked)


def _annotators(store: Store, asked: str) -> Iterator[Side]:
    """Find the latest labels by a model or a prompt, each by the beginning of its name."""
    latest: dict[str, Side] = {}
    for taxonomy_id, annotator_id, model, prompt, _ in store.rows(ANNOTATORS, [store.facet or "main"]):
        for kind, name in (("model", model or ""), ("prompt", (prompt or "").partition("@")[2] or prompt or "")):
            if name.startswith(asked) or (kind == "prompt" and (prompt or "").startswith(asked)):
                latest[f"{kind} {name}"] = Side(
                    asked, kind, taxonomy_id=taxonomy_id, annotator_id=annotator_id, models={"annotator": model or ""},
                    prompts={"annotate": prompt or ""},
                )  # fmt: skip
    yield from latest.values()


def _of_student(measured: list[Side], classifier_id: str, taxonomy_id: str, annotator_id: str, asked: str) -> Side:
    known = [side for side in measured if side.classifier_id == classifier_id][-1:]
    side = known[0] if known else Side(asked, "student", taxonomy_id=taxonomy_id, annotator_id=annotator_id, classifier_id=classifier_id)
    return replace(side, asked=asked, what="student")


def _of_taxonomy(store: Store, measured: list[Side], taxonomy_id: str, asked: str) -> Side:
    """Take what was measured of a version last, or whose labels there are of it."""
    known = [side for side in measured if side.taxonomy_id == taxonomy_id][-1:]
    if known:
        return replace(known[0], asked=asked, what="taxonomy")
    rows = [row for row in store.rows(ANNOTATORS, [store.facet or "main"]) if row[0] == taxonomy_id][-1:]
    students = store.students(taxonomy_id)
    return Side(
        asked,
        "taxonomy",
        taxonomy_id=taxonomy_id,
        annotator_id=rows[0][1] if rows else "",
        classifier_id=students[0].classifier_id if students else "",
    )


def _begins(whole: str, prefix: str, asked: str) -> bool:
    return whole.removeprefix(prefix).startswith(asked.removeprefix(prefix))


def _id_of(side: Side) -> str:
    return {
        "student": side.classifier_id,
        "taxonomy": side.taxonomy_id,
        "run": side.run_id,
        "model": side.annotator_id,
        "prompt": side.annotator_id,
    }.get(side.what, side.evaluation_id)


def _listed(store: Store) -> str:
    """Name some of what there is."""
    measured = _measured(store)
    parts = {
        "evaluations": [f"{side.evaluation_id[:13]} (run {side.run_id})" if side.run_id else side.evaluation_id[:13] for side in measured],
        "students": [f"#{place} {one.classifier_id[:16]}" for place, one in enumerate(store.students()[::-1], start=1)],
        "models": sorted({row[2] for row in store.rows(ANNOTATORS, [store.facet or "main"]) if row[2]}),
    }
    told = [f"{kind} {', '.join(names[-SHOWN:])}" for kind, names in parts.items() if names]
    return "; ".join([*told, "current and previous"]) if told else "nothing that was measured yet; run the project"
