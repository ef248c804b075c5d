"""Asking a judge about labels: which texts, which questions, and what came of them.

A label is held against wrong labels of its own taxonomy, and, to see whether it is of use for the use case, against a placebo, which
says nothing but how a text is written. The two stand in both places, since models lean to a place. No question is answered by yes
or no, which small models say from habit.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from pipeline.batches import in_batches
from pipeline.dictation import undictated
from pipeline.duels import Duel, Side, alike, posed_duels, side_of
from pipeline.fitting import ask_posed
from pipeline.ids import content_id, order_key
from pipeline.judgement_records import Judgement, JudgementQuestion
from pipeline.prompts import load_prompt
from pipeline.records import Category, Taxonomy
from pipeline.serving.contract import Answer, Chat
from pipeline.settings import Project

__all__ = ["METHOD", "PLACEBO", "PLACEBOS", "PROMPTS", "PURPOSE", "Bench", "Placed", "ask_judge", "planned_judgements", "stratified"]

METHOD = 1  # raise it whenever a judgement would come out otherwise from the same question
PURPOSE = "judgement"
PAIR, RELEVANCE = PROMPTS = ("judge_label", "judge_relevance")
PLACEBO = "placebo:"  # stands before the name of a placebo in place of the id of a category
# What is true of a text, or not, and says nothing of what it is about.
PLACEBOS = (
    Side("Short text", "The text has only a few words."),
    Side("Written in capitals", "The text is written in capital letters."),
    Side("Many commas", "The text has several commas."),
)
BATCH = 64  # judgements that are kept at once
Placed = tuple[str, str]  # ids of a taxonomy and of a category of it
Matrix = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Bench:
    """A taxonomy whose labels are judged, with the likeness of its leaves: the cosine of name and description (n, n)."""

    taxonomy: Taxonomy
    likeness: Matrix

    def category(self, category_id: str) -> Category:
        """Give a leaf by its id."""
        return next(leaf for leaf in self.taxonomy.leaves if leaf.category_id == category_id)

    def nearest(self, category_id: str) -> list[str]:
        """Give the ids of the leaves that are not alike by name, the most alike by meaning first."""
        leaves = self.taxonomy.leaves
        place = next(number for number, leaf in enumerate(leaves) if leaf.category_id == category_id)
        others = [number for number, leaf in enumerate(leaves) if not alike(leaf, leaves[place])]
        return [leaves[number].category_id for number in sorted(others, key=lambda number: (-float(self.likeness[place, number]), number))]


def stratified(labels: Mapping[str, Sequence[str | None]], *, size: int, seed: int) -> list[str]:
    """Choose texts in proportion to the labels that they have by all subjects together; a larger sample holds every smaller one.

    Each stratum spreads its texts evenly over the order of choosing, from a start of its own.
    """
    strata: dict[str, list[str]] = {}
    for text in sorted(labels, key=lambda text: order_key(text, seed)):
        strata.setdefault(content_id("stratum", [*labels[text]]), []).append(text)
    place = {
        text: (number + _fraction(stratum, seed)) / len(texts)
        for stratum, texts in strata.items()
        for number, text in enumerate(texts)
    }  # fmt: skip
    return sorted(place, key=lambda text: (place[text], text))[:size]


def planned_judgements(
    asked: Mapping[str, Sequence[Placed]], controls: Mapping[str, Sequence[Placed]], benches: Mapping[str, Bench], *, model: str, project: Project
) -> list[Judgement]:
    """Say what one judge is to be asked: for each text about each of its labels once, whoever gave it, text by text.

    :param controls: labels, by text, that are only held against the nearest wrong one.
    """
    drafts: list[Judgement] = []
    for text, labels in asked.items():
        drafts += [draft for label in dict.fromkeys(labels) for draft in _about(text, label, benches[label[0]], project)]
    for text, labels in controls.items():
        drafts += [draft for label in labels for draft in _pairs(text, label, "against_hard", benches[label[0]].nearest(label[1]), project)]
    prompts = {name: load_prompt(name).fingerprint for name in PROMPTS}
    made = (_identified(draft, benches, model, prompts, project) for draft in drafts)
    return list({one.judgement_id: one for one in made}.values())


def ask_judge(
    planned: Iterable[Judgement], texts: Mapping[str, str], benches: Mapping[str, Bench], *, chat: Chat, project: Project
) -> Iterator[list[Judgement]]:
    """Ask what was planned and give it answered, batch by batch; a text that dictates its label is shown without the names in it."""
    names = sorted({leaf.name for bench in benches.values() for leaf in bench.taxonomy.leaves})
    for batch in in_batches(planned, BATCH):
        hashes = list(dict.fromkeys(one.text_hash for one in batch))
        shown = dict(zip(hashes, undictated([texts[text] for text in hashes], names, chat=chat, project=project), strict=True))
        duels = {prompt: _duels([one for one in batch if _prompt(one) == prompt], shown, benches) for prompt in PROMPTS}
        posed = {name: posed_duels(found, prompt=name, purpose=PURPOSE, chat=chat, project=project) for name, found in duels.items()}
        in_turn = (next(posed[_prompt(one)]) for one in batch)
        yield [_answered(one, answer, benches) for one, (answer, _) in zip(batch, ask_posed(in_turn, chat), strict=True)]


def _about(text: str, label: Placed, bench: Bench, project: Project) -> Iterator[Judgement]:
    """List the questions about one label: against wrong labels drawn from those that are not near, against the nearest, and whether it is of use."""
    near, repeats = bench.nearest(label[1]), project.evaluation.judge_repeats
    far = sorted(near[repeats:] or near, key=lambda other: order_key(f"{text} {label[1]} {other}", project.seed))
    yield from _pairs(text, label, "against_random", far, project)
    yield from _pairs(text, label, "against_hard", near, project)
    yield from _pairs(text, label, "relevance", [f"{PLACEBO}{side.name}" for side in PLACEBOS], project)


def _pairs(text: str, label: Placed, question: JudgementQuestion, others: Iterable[str], project: Project) -> Iterator[Judgement]:
    for repeat, other in enumerate(islice(others, project.evaluation.judge_repeats)):
        for place in (0, 1):
            yield Judgement("", "", "", text, label[0], label[1], question, other, place, repeat)


def _identified(draft: Judgement, benches: Mapping[str, Bench], model: str, prompts: Mapping[str, str], project: Project) -> Judgement:
    """Give a question the hash of all that its answer depends on; by the words of the categories, so that a version that keeps them keeps it."""
    prompt, sides = prompts[_prompt(draft)], _sides(draft, benches)
    asked = [draft.text_hash, draft.taxonomy_id, draft.category_id, draft.question, draft.other_id, draft.place, draft.repeat]
    made_of = [METHOD, model, prompt, project.use_case, *project.annotation.shown, [list(side) for side in sides], asked]
    return replace(draft, judgement_id=content_id("judgement", made_of), model=model, prompt=prompt)


def _side(category_id: str, bench: Bench) -> Side:
    if category_id.startswith(PLACEBO):
        return next(side for side in PLACEBOS if side.name == category_id.removeprefix(PLACEBO))
    return side_of(bench.category(category_id))


def _sides(one: Judgement, benches: Mapping[str, Bench]) -> tuple[Side, Side]:
    bench = benches[one.taxonomy_id]
    return _side(one.category_id, bench), _side(one.other_id, bench)


def _prompt(one: Judgement) -> str:
    return RELEVANCE if one.question == "relevance" else PAIR


def _duels(asked: Sequence[Judgement], shown: Mapping[str, str], benches: Mapping[str, Bench]) -> Iterator[Duel]:
    for one in asked:
        duel = Duel(*_sides(one, benches), shown[one.text_hash])
        yield duel.swapped if one.place else duel


def _answered(one: Judgement, answer: Answer, benches: Mapping[str, Bench]) -> Judgement:
    if answer.outcome != "ok":
        return replace(one, reason=f"{answer.outcome}: {answer.error}" if answer.error else answer.outcome)
    wanted = _side(one.category_id, benches[one.taxonomy_id]).name
    probability = None if answer.scores is None else math.exp(answer.scores[wanted])
    return replace(one, verdict=answer.text == wanted, probability=probability)


def _fraction(stratum: str, seed: int) -> float:
    """Draw a number from 0 to 1 for a stratum."""
    return int(content_id("draw", [stratum, seed]).rpartition(":")[2][:8], 16) / 16**8
