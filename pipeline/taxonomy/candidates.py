"""Candidates side by side: what each covers of texts that made no category, how distinct it is, and which one is kept."""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.embedding import Embedder
from pipeline.records import Measure, Taxonomy
from pipeline.serving.contract import Chat
from pipeline.settings import Project
from pipeline.taxonomy.agreement import stability
from pipeline.taxonomy.figures import mean_of, share_of
from pipeline.taxonomy.judge import judge
from pipeline.taxonomy.placing import Placed, place
from pipeline.taxonomy.sample import Sample

__all__ = ["distances", "measure", "measure_candidates", "saturated", "select"]

FITS_TWO = 0.5  # share of the best category's probability from which the second best fits as well
ENOUGH = 0.95  # of a minibatch already covered
CALM, STUCK = 2, 3  # minibatches in a row that added nothing, after which updates end
GAIN = 0.02  # rise of the rating below which nothing was gained: less than the sampling error of a minibatch of 200


def measure(candidate: Taxonomy, texts: Sequence[str], *, sample: Sample, chat: Chat, embedder: Embedder, project: Project) -> list[Measure]:
    """Measure a candidate on texts that made no category, one question a text; what no text or answer stands behind is left out.

    `coverage` is the share of answered texts that a category fits, `overlap` that of scored ones that two fit, `unanswered`
    that of all texts without a usable answer, `citation_coverage` that of the sample that is cited. `distinctness` is 1 less
    the mean likeness of each category to its nearest other one, and 0 where there is no other one. All lie from 0 to 1.
    """
    return _measures(candidate, place(candidate, texts, chat=chat, project=project), sample=sample, embedder=embedder, model=chat.model)


def measure_candidates(
    candidates: Sequence[Taxonomy], texts: Sequence[str], *, sample: Sample, chat: Chat, embedder: Embedder, project: Project
) -> list[list[Measure]]:
    """Measure each candidate for itself, and against the others by the judge and by their common documents."""
    placed = [place(candidate, texts, chat=chat, project=project) for candidate in candidates]
    alone = [
        _measures(candidate, found, sample=sample, embedder=embedder, model=chat.model) for candidate, found in zip(candidates, placed, strict=True)
    ]
    judged = judge(candidates, texts, placed, chat=chat, project=project)
    return [[*own, *won, *stable] for own, won, stable in zip(alone, judged, stability(candidates), strict=True)]


def select(candidates: Sequence[Taxonomy], measures: Sequence[Sequence[Measure]]) -> tuple[int, str]:
    """Choose a candidate by its measures, and say why in words; ties go to the first.

    A candidate with fewer than two categories is left out where another has more, and so is one whose coverage interval ends
    below that of the best covering one: it leaves texts without a category, which nothing later mends. Of the others the one
    with the highest score is kept: coverage - overlap + distinctness + stability + consistency * (judge wins - 1/2). All parts
    are shares that differ between candidates by about as much, so that no weight is set; the judge's part shrinks with how
    often it contradicts itself when the places are swapped. What was not measured counts as 0, an absent judge as a draw; where
    no text was asked about, coverage is that by citations.
    """
    found = [{one.metric: one for one in of_one} for of_one in measures]
    count = len(candidates)
    if count == 1:
        return 0, f"the only candidate: {_figures(found[0])}"
    left_out = _left_out(candidates, found)
    scores = {number: _score(found[number]) for number in range(count) if number not in left_out}
    best = max(scores, key=lambda number: scores[number])
    words = [f"candidate {best + 1} of {count}: {_figures(found[best])}; score {scores[best]:.2f}"]
    others = [f"{score:.2f} of candidate {number + 1}" for number, score in scores.items() if number != best]
    if others:
        words[0] += f" against {', '.join(others)}"
    words += [f"candidate {number + 1} was left out: {why}" for number, why in left_out.items()]
    return best, "; ".join(words)


def saturated(ratings: Sequence[float], added: Sequence[int]) -> bool:
    """Say whether updates may end: nothing new is being seen, or nothing more is being gained.

    Either the last two minibatches added no category and were covered to 0.95 each. Or the last three added none and none of
    them was covered by 0.02 more than the best before: what is left uncovered is what updates do not cover.

    :param ratings: share of each minibatch that was already covered, 0 to 1, in order.
    :param added: categories that each minibatch added or split off.
    """
    if len(ratings) != len(added):
        raise ValueError(f"There are {len(ratings)} ratings and {len(added)} counts of added categories; each minibatch has one of both.")
    if len(ratings) >= CALM and not any(added[-CALM:]) and min(ratings[-CALM:]) >= ENOUGH:
        return True
    return len(ratings) > STUCK and not any(added[-STUCK:]) and max(ratings[-STUCK:]) < max(ratings[:-STUCK]) + GAIN


def _measures(candidate: Taxonomy, placed: Sequence[Placed | None], *, sample: Sample, embedder: Embedder, model: str) -> list[Measure]:
    key = candidate.taxonomy_id
    answered = [one for one in placed if one is not None]
    scored = [one.second for one in answered if one.second is not None]
    cited = {text for category in candidate.categories for text in category.members}
    return [
        *share_of(key, "coverage", sum(one.best is not None for one in answered), len(answered), judge=model),
        *share_of(key, "overlap", sum(second >= FITS_TWO for second in scored), len(scored), judge=model),
        *share_of(key, "unanswered", len(placed) - len(answered), len(placed), judge=model),
        *mean_of(key, "distinctness", distances(candidate, embedder), judge=embedder.embedder_id),
        *share_of(key, "citation_coverage", sum(text in cited for text in sample.hashes), len(sample), judge="citations"),
    ]


def distances(candidate: Taxonomy, embedder: Embedder) -> list[float]:
    """Give 1 less the likeness of each category, by name and description, to its nearest other one; 0 where there is none."""
    leaves = candidate.leaves
    if len(leaves) < 2:
        return [0.0] * len(leaves)
    vectors = embedder.embed([f"{category.name}: {category.description}" for category in leaves])
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -1.0)
    return [float(value) for value in np.clip(1 - likeness.max(axis=1), 0, 1)]


def _left_out(candidates: Sequence[Taxonomy], found: Sequence[Mapping[str, Measure]]) -> dict[int, str]:
    """Say of each candidate that cannot be kept why."""
    few = {number: f"it has {len(one.leaves)} category" for number, one in enumerate(candidates) if len(one.leaves) < 2}
    out = few if len(few) < len(candidates) else {}
    coverages = {number: one for number, measures in enumerate(found) if number not in out and (one := _coverage(measures))}
    best = max(coverages.values(), key=lambda one: one.value, default=None)
    for number, one in coverages.items():
        if best is not None and _high(one) < _low(best):
            out[number] = f"its {_figure(one)} is below {_low(best):.2f}, the lower end of the best"
    return dict(sorted(out.items()))


def _score(measures: Mapping[str, Measure]) -> float:
    value = {metric: one.value for metric, one in measures.items()}
    coverage = _coverage(measures)
    judged = value.get("judge_consistency", 0.0) * (value.get("judge_wins", 0.5) - 0.5)
    alone = (coverage.value if coverage else 0.0) - value.get("overlap", 0.0) + value.get("distinctness", 0.0)
    return round(alone + value.get("stability", 0.0) + judged, 9)  # so that ties are ties whatever the order of summing


def _coverage(measures: Mapping[str, Measure]) -> Measure | None:
    return measures.get("coverage") or measures.get("citation_coverage")


def _low(one: Measure) -> float:
    return one.value if one.low is None else one.low


def _high(one: Measure) -> float:
    return one.value if one.high is None else one.high


def _figure(one: Measure) -> str:
    return f"{one.metric.replace('_', ' ')} {one.value:.2f} ({_low(one):.2f} to {_high(one):.2f}, n {one.n})"


def _figures(measures: Mapping[str, Measure]) -> str:
    shown = [
        one for metric in ("coverage", "overlap", "distinctness", "stability", "judge_wins", "judge_consistency") if (one := measures.get(metric))
    ]
    if "coverage" not in measures and "citation_coverage" in measures:
        shown.insert(0, measures["citation_coverage"])
    return ", ".join(_figure(one) for one in shown) or "nothing was measured"
