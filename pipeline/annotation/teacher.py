"""The teacher: labels with probabilities, made of a model's own scores and of all else that is known of the documents.

In this order, each on log-probabilities over the categories: the scores of one or several votes, without what each leans
to (batch calibration; Zhou et al., ICLR 2024); how like the text is to each category's card, by as much as that and the
votes agree on texts like it; what rules said, by how often each is right; what a student predicts that did not see the label. The sum is
calibrated on known labels where there are enough, else on the student's agreement.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp
from sklearn.neighbors import NearestNeighbors

from pipeline.annotation.confidence import Confidence, accuracy_from_agreement, fit_confidence, fit_to_accuracy
from pipeline.choosing import LEANING, NONE_AT, NONE_FITS, mean_scores
from pipeline.ids import content_id
from pipeline.records import Annotator, Label
from pipeline.set_thresholds import fit_set_thresholds

__all__ = ["METHOD", "Grounds", "Judgement", "Taught", "batch_labels", "scored_probabilities", "teach", "teacher_annotator", "unsure_texts"]

Floats = npt.NDArray[np.float64]
METHOD = 4  # raise it whenever labels would come out otherwise from the same grounds
SHARPNESS = 40.0  # how fast the odds fall with the cosine to a card, where cards and votes always agree
NEAR, NEAR_PRIOR = 200, 100.0  # texts with like cosines that say whether they agree, and how many of all texts stand beside these
CROSS = 0.5  # of the student's log-probabilities: it learnt from the same labels, so that it is no second witness
LEAST = 1e-4  # probability that the student leaves to a category it never saw


@dataclass(frozen=True)
class Grounds:
    """What is known beside the plain labels, each for some texts, by hash.

    `votes` are further labels of the same texts, one list an annotator; `cards` (k,) cosines of the text with the categories' cards,
    for all texts or none; `hints` (k,) log-likelihoods of what rules said;
    `cross` (k,) log-probabilities by a student that did not see the label; `known` the right categories, none where none fits.
    """

    votes: Sequence[Sequence[Label]] = ()
    cards: Mapping[str, Floats] = field(default_factory=dict)
    hints: Mapping[str, Floats] = field(default_factory=dict)
    cross: Mapping[str, Floats] = field(default_factory=dict)
    known: Mapping[str, Sequence[str]] = field(default_factory=dict)
    crossed_by: str = ""  # hash of what beside these labels makes the student
    cards_by: str = ""  # hash of what makes the cosines


@dataclass(frozen=True)
class Judgement:
    """How labels are given: below which probability none is, and whether others that apply are given as well."""

    abstain: float | None = None
    several: bool = False


@dataclass(frozen=True)
class Taught:
    """The teacher's labels in the order of those they were made of, and what made their probabilities."""

    labels: Sequence[Label]
    confidence: Confidence
    judged_by_known: int


def scored_probabilities(labels: Sequence[Label], grounds: Grounds, categories: Sequence[str]) -> dict[str, Floats]:
    """Give each scored label's probabilities (k,) over the categories, by votes and cards alone; uncalibrated.

    Texts that no category fits, by the model's own word, are left out.
    """
    scored = _fitting(labels)
    rows = _heard(scored, grounds, categories, scored) if scored else ()
    return {label.text_hash: np.exp(row - logsumexp(row)) for label, row in zip(scored, rows, strict=True)}


def batch_labels(labels: Sequence[Label], sample: Sequence[Label], *, categories: Sequence[str], grounds: Grounds | None = None) -> list[Label]:
    """Choose labels anew without what the annotator leans to over a sample; their probabilities are uncalibrated.

    Labels without scores, and those that the model says nothing fits, stay as they are.

    :param grounds: the cards' cosines for labels and sample, where they are known; nothing else of it is used.
    """
    scored, usual = (_fitting(some) for some in (labels, sample or labels))
    cards = Grounds(cards=grounds.cards if grounds else {})
    rows = _heard(scored, cards, categories, usual) if scored else ()
    chosen = {}
    for label, row in zip(scored, rows, strict=True):
        shares = np.exp(row - logsumexp(row)) * (1 - _none(label))
        best = int(shares.argmax())
        new = replace(label, category_id=categories[best], probability=float(shares[best]), reason=None, calibration="uncalibrated")
        chosen[label.text_hash] = new
    return [chosen.get(label.text_hash, label) for label in labels]


def unsure_texts(labels: Sequence[Label], *, categories: Sequence[str], below: float) -> list[str]:
    """Give the texts whose best category is less probable than `below`, the least sure first; those without scores are not known to be."""
    best = {text: float(row.max()) for text, row in scored_probabilities(labels, Grounds(), categories).items()}
    return sorted((text for text, probability in best.items() if probability < below), key=lambda text: (best[text], text))


def teacher_annotator(llm: Annotator, labels: Sequence[Label], grounds: Grounds, *, manner: Judgement, seed: int) -> Annotator:
    """Describe the teacher as an annotator; its id hashes everything that its labels are made of.

    The student in cross-validation is made of these labels and of what `crossed_by` names, and need not be trained to know the id.
    """
    settings: dict[str, Any] = {
        "method": METHOD, "weight": LEANING, "cards": SHARPNESS, "cross": CROSS, "none_at": NONE_AT, "abstain": manner.abstain,
        "several": manner.several, "from": llm.annotator_id, "seed": seed,
    }  # fmt: skip
    made_of = [
        [_spelled(label) for label in labels], [[_spelled(label) for label in vote] for vote in grounds.votes],
        [[key, np.round(row, 6).tolist()] for key, row in sorted(grounds.hints.items())], grounds.crossed_by, grounds.cards_by,
        [[key, list(names)] for key, names in sorted(grounds.known.items())],
    ]  # fmt: skip
    return Annotator(content_id("annotator", ["teacher", settings, made_of]), "teacher", llm.model, llm.prompt, settings)


def teach(labels: Sequence[Label], grounds: Grounds, *, categories: Sequence[str], annotator: Annotator, manner: Judgement, seed: int) -> Taught:
    """Choose each label anew from all that is known, with the probability that it is right.

    A label without scores keeps its category and has no probability. The probability that no category fits is left as
    the model gave it; no category is given where it reaches one half, nor where the best one's is below `manner.abstain`.
    """
    scored = [label for label in labels if label.scores is not None]
    if not scored:
        return Taught([replace(label, annotator_id=annotator.annotator_id, probability=None) for label in labels], Confidence("none"), 0)
    heard = _heard(scored, grounds, categories, scored)
    scores = heard.copy()
    for rows, weight in ((grounds.hints, 1.0), (grounds.cross, CROSS)):
        for place, label in enumerate(scored):
            if label.text_hash in rows:
                scores[place] += weight * np.maximum(rows[label.text_hash], math.log(LEAST))
    scores -= logsumexp(scores, axis=1, keepdims=True)
    none = np.array([_none(label) for label in scored])
    confidence, judged = _confidence(scored, scores, heard, none < NONE_AT, grounds, categories, seed)
    probabilities = confidence.apply(scores)
    if confidence.calibration.endswith("uncalibrated"):
        probabilities *= 1 - none[:, None]
    else:  # known labels say themselves how often no category is right: only what the others have makes room for it
        others = probabilities < probabilities.max(axis=1, keepdims=True)
        left = 1 - probabilities.max(axis=1)
        probabilities = np.where(others, probabilities * (np.maximum(left - none, LEAST * left) / left)[:, None], probabilities)
    also = _also(scored, probabilities, grounds, categories) if manner.several else [()] * len(scored)
    made = {}
    for label, others, row, rest in zip(scored, also, probabilities, none, strict=True):
        bare = replace(label, annotator_id=annotator.annotator_id, calibration=confidence.calibration, also=others)
        made[label.text_hash] = _label(bare, row, float(rest), categories, manner.abstain)
    plain = {label.text_hash: replace(label, annotator_id=annotator.annotator_id, probability=None) for label in labels if label.scores is None}
    return Taught([(made | plain)[label.text_hash] for label in labels], confidence, judged)


def _fitting(labels: Sequence[Label]) -> list[Label]:
    """Keep the labels with scores that do not say that nothing fits."""
    return [label for label in labels if label.scores is not None and _none(label) < NONE_AT]


def _heard(labels: Sequence[Label], grounds: Grounds, categories: Sequence[str], sample: Sequence[Label]) -> Floats:
    """Add up votes and cards, each without what is usual over a sample; (n, k), minus infinity where not offered.

    A card is as good a witness as its cosines tell texts apart, which depends on corpus and language, and on the text: where the embedder
    does not know the language, the cards know nothing. How often they and the votes name the same category is what is known of that.
    """
    scores = _without_leaning(labels, grounds.votes, categories, sample)
    if not sample or any(label.text_hash not in grounds.cards for label in [*labels, *sample]):
        return scores
    of_labels, of_sample = (np.array([grounds.cards[label.text_hash] for label in some]) for some in (labels, sample))
    usual = LEANING * of_sample.mean(axis=0)
    chosen = scores if sample is labels else _without_leaning(sample, grounds.votes, categories, sample)
    agrees = (of_sample - usual).argmax(axis=1) == chosen.argmax(axis=1)
    return np.asarray(scores + SHARPNESS * _witness(of_labels, of_sample, agrees)[:, None] * (of_labels - usual))


def _witness(of_labels: Floats, of_sample: Floats, agrees: npt.NDArray[np.bool_]) -> Floats:
    """Say how good a witness the cards are of each text, 0 to 1: how much more than by chance they agree with the votes on texts like it."""
    near = min(NEAR, len(of_sample))
    places = NearestNeighbors(n_neighbors=near).fit(of_sample).kneighbors(of_labels, return_distance=False)
    shares = (agrees[places].sum(axis=1) + NEAR_PRIOR * agrees.mean()) / (near + NEAR_PRIOR)
    chance = 1 / of_sample.shape[1]
    return np.asarray(np.maximum(shares - chance, 0.0) / (1 - chance))


def _without_leaning(labels: Sequence[Label], votes: Sequence[Sequence[Label]], categories: Sequence[str], sample: Sequence[Label]) -> Floats:
    """Average the scores of all votes on a text, each without what its annotator leans to over a sample; (n, k), minus infinity where not offered.

    A vote is heard on the unsure texts alone, whose mean is not that of all. So it is held to lean as the plain labels do,
    and beyond by as much as it differs from them on the texts that both have.
    """
    plain = {label.text_hash: _row(label, categories) for label in labels}
    means = mean_scores(label.scores for label in sample if label.scores is not None)
    usual = np.array([means.get(category, 0.0) for category in categories])
    total = {key: row - LEANING * usual for key, row in plain.items()}
    count = dict.fromkeys(plain, 1)
    for vote in votes:
        rows = {label.text_hash: _row(label, categories) for label in vote if label.scores is not None and label.text_hash in plain}
        if not rows:
            continue
        with np.errstate(invalid="ignore"):
            differences = np.array([row - plain[key] for key, row in rows.items()])
        differences[~np.isfinite(differences)] = 0.0
        own = usual + differences.mean(axis=0)
        for key, row in rows.items():
            total[key] = total[key] + (row - LEANING * own)
            count[key] += 1
    return np.array([total[label.text_hash] / count[label.text_hash] for label in labels])


def _confidence(
    labels: Sequence[Label], scores: Floats, heard: Floats, fits: npt.NDArray[np.bool_], grounds: Grounds, categories: Sequence[str], seed: int
) -> tuple[Confidence, int]:
    places = {category: place for place, category in enumerate(categories)}
    judged = [n for n, label in enumerate(labels) if label.text_hash in grounds.known and fits[n]]
    if judged:
        truth = [_right(grounds.known[labels[n].text_hash], categories[int(scores[n].argmax())], places) for n in judged]
        confidence = fit_confidence(scores[judged], truth, seed=seed)
        if confidence.method != "none":
            return confidence, len(judged)
    checked = [n for n, label in enumerate(labels) if label.text_hash in grounds.cross and fits[n]]
    if not checked or len(categories) < 2:
        return Confidence("none"), 0
    alone = heard[checked]  # without the student, which is the judge here
    judge = np.array([grounds.cross[labels[n].text_hash].argmax() for n in checked])
    accuracy = accuracy_from_agreement(float((alone.argmax(axis=1) == judge).mean()), options=len(categories))
    return fit_to_accuracy(scores[checked], accuracy), 0


def _right(known: Sequence[str], chosen: str, places: Mapping[str, int]) -> int:
    """Give the place of what is right: the chosen one where it is among several, else the first; -1 where nothing is."""
    return places[chosen] if chosen in known else next((places[one] for one in known if one in places), -1)


def _also(labels: Sequence[Label], probabilities: Floats, grounds: Grounds, categories: Sequence[str]) -> list[tuple[str, ...]]:
    """Give the categories that apply beside the best one, by thresholds learnt where all labels of documents are known."""
    known = [n for n, label in enumerate(labels) if label.text_hash in grounds.known]
    truth = np.array([[category in grounds.known[labels[n].text_hash] for category in categories] for n in known]).reshape(-1, len(categories))
    flags = fit_set_thresholds(probabilities[known], truth).applies(probabilities)
    flags[np.arange(len(flags)), probabilities.argmax(axis=1)] = False
    return [tuple(categories[int(place)] for place in np.flatnonzero(row)) for row in flags]


def _label(label: Label, row: Floats, none: float, categories: Sequence[str], abstain: float | None) -> Label:
    best = int(row.argmax())
    scores = {category: math.log(max(float(value), 1e-300)) for category, value in zip(categories, row, strict=True)}
    made = replace(
        label, category_id=categories[best], probability=float(row[best]), reason=None,
        scores={**scores, NONE_FITS.category_id: math.log(max(none, 1e-300))},
    )  # fmt: skip
    if none >= NONE_AT:
        return replace(made, category_id=None, probability=none, reason="none_fits", calibration="uncalibrated", also=())
    return replace(made, category_id=None, probability=None, reason="unsure", also=()) if abstain is not None and row[best] < abstain else made


def _none(label: Label) -> float:
    return math.exp(min((label.scores or {}).get(NONE_FITS.category_id, -math.inf), -1e-12))


def _row(label: Label, categories: Sequence[str]) -> Floats:
    return np.array([(label.scores or {}).get(category, -math.inf) for category in categories])


def _spelled(label: Label) -> list[Any]:
    scores = None if label.scores is None else [[key, round(value, 6)] for key, value in sorted(label.scores.items())]
    return [label.text_hash, label.annotator_id, label.category_id, scores]
