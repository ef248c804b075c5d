"""Votes: what several annotators, whether models, rules or people, make of a text together.

From 3 annotators and 20 texts with more than one vote on, Dawid and Skene's model weighs each vote by what its annotator
confuses; below that the majority decides. "None of these" is an option like any other, an abstention is no vote. The label is
always an option that somebody voted for. A posterior is a score and no probability to rely on: the model takes
annotators to err independently, which prompts of one model do not, and is then far too sure; with many categories it is so in any
case (simulated, 3 annotators, 400 texts, 20 categories: 0.98 claimed, 0.86 right). Calibrate it on known labels.

What a majority of the annotators gets wrong in the same way, no count of votes sets right; only `trusted` annotators do.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import log

from pipeline.annotation.dawid_skene import dawid_skene
from pipeline.annotation.panel import Panel, pairwise_kappas, panel_of
from pipeline.choosing import NONE_FITS
from pipeline.ids import content_id
from pipeline.records import Annotator, Label

__all__ = ["METHOD", "ONE_ANNOTATOR", "Consensus", "ConsensusLabel", "consensus", "consensus_of", "vote_annotator", "vote_labels"]

METHOD = "dawid-skene 1"  # raise the number whenever the same votes would come out otherwise
ONE_ANNOTATOR = "one annotator"
LEAST_ANNOTATORS = 3  # two who differ do not show which of them is wrong
LEAST_TEXTS = 20
LEAST_SCORE = 1e-6
Posteriors = Mapping[str, Mapping[int, float]]


@dataclass(frozen=True)
class ConsensusLabel:
    """What the annotators make of one text; `probability` is the posterior of its option, None where one annotator alone was heard."""

    text_hash: str
    option: str  # a category's id, or that of `NONE_FITS`
    probability: float | None
    posterior: Mapping[str, float]  # by option; what is missing has less than 0.0001
    votes: int


@dataclass(frozen=True)
class Consensus:
    """What a panel of annotators agrees on, text by text, and what each of them makes of it.

    `confusions` holds by annotator, for an option agreed on and an option said, the share of the former's texts on which it
    says the latter. `method` says how the votes were counted and, where it is not Dawid-Skene, why.
    """

    categories: tuple[str, ...]
    labels: Mapping[str, ConsensusLabel]
    confusions: Mapping[str, Mapping[tuple[str, str], float]]
    method: str
    trusted: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()


def consensus(votes: Sequence[Label], *, categories: Sequence[str], trusted: Collection[str] = (), rules: Collection[str] = ()) -> Consensus:
    """Count the votes on each text; the order in which they come does not matter.

    :param categories: ids of all categories that may be given, in the taxonomy's order.
    :param trusted: annotators, people as a rule, whose label is taken to be the truth from the start, so that the others
        are measured by it, save where two of them differ. Left empty, a person's label is a vote like any other.
    :param rules: annotators that were asked about every text, so that saying nothing says something.
    :raises ValueError: for a category that is none of the categories, or two votes of one annotator on one text.
    """
    return consensus_of(panel_of(votes, categories), trusted=frozenset(trusted), rules=frozenset(rules))


def consensus_of(panel: Panel, *, trusted: frozenset[str], rules: frozenset[str]) -> Consensus:
    """Count the votes of a panel."""
    truth = _truth(panel, trusted)
    posteriors, method = _posteriors(panel, truth, rules)
    posteriors = {**posteriors, **{text: {option: 1.0} for text, option in truth.items()}}
    standing = _standing(panel)
    labels: dict[str, ConsensusLabel] = {}
    for text, votes in panel.votes().items():
        chosen = truth[text] if text in truth else _chosen(text, votes, posteriors[text], standing)
        by_option = {panel.options[option]: value for option, value in posteriors[text].items()}
        probability = None if method == ONE_ANNOTATOR else by_option.get(panel.options[chosen], 0.0)
        labels[text] = ConsensusLabel(text, panel.options[chosen], probability, by_option, len(votes))
    return Consensus(panel.options[:-1], labels, _confusions(panel, labels), method, trusted, rules)


def vote_annotator(annotators: Sequence[Annotator], *, taxonomy_id: str, trusted: Collection[str] = (), rules: Collection[str] = ()) -> Annotator:
    """Describe the annotators together as one; its id is the hash of who they are, the taxonomy and how votes are counted."""
    members = sorted({annotator.annotator_id for annotator in annotators})
    settings = {"members": members, "taxonomy": taxonomy_id, "method": METHOD, "trusted": sorted(set(trusted)), "rules": sorted(set(rules))}
    return Annotator(content_id("annotator", ["vote", settings]), "vote", None, None, settings)


def vote_labels(found: Consensus, *, taxonomy_id: str, annotator: Annotator) -> list[Label]:
    """Give the consensus as labels whose scores are the logarithms of the posteriors; a probability is left to calibration."""
    return [
        Label(
            text_hash=label.text_hash,
            taxonomy_id=taxonomy_id,
            annotator_id=annotator.annotator_id,
            category_id=None if label.option == NONE_FITS.category_id else label.option,
            probability=None,
            scores={option: log(max(value, LEAST_SCORE)) for option, value in label.posterior.items()} or None,
            reason="none_fits" if label.option == NONE_FITS.category_id else None,
        )
        for label in found.labels.values()
    ]


def _posteriors(panel: Panel, truth: Mapping[str, int], rules: frozenset[str]) -> tuple[Posteriors, str]:
    votes = panel.votes()
    if len(panel.said) <= 1:
        return {text: {} for text in votes}, ONE_ANNOTATOR
    shared = sum(len(row) > 1 for row in votes.values())
    why = ""
    if len(panel.said) < LEAST_ANNOTATORS:
        why = f"{len(panel.said)} annotators are fewer than {LEAST_ANNOTATORS}"
    elif shared < LEAST_TEXTS:
        why = f"{shared} texts with more than one vote are fewer than {LEAST_TEXTS}"
    else:
        found = dawid_skene(panel, truth=truth, rules=rules)
        if not found.exchanged:
            return found.posteriors, "dawid-skene" if found.fitted_on == len(
                votes
            ) else f"dawid-skene fitted on {found.fitted_on} of {len(votes)} texts"
        why = "dawid-skene exchanged categories"
    return {text: {option: count / len(row) for option, count in Counter(row.values()).items()} for text, row in votes.items()}, f"majority: {why}"


def _truth(panel: Panel, trusted: frozenset[str]) -> dict[str, int]:
    said: dict[str, set[int]] = defaultdict(set)
    for annotator in sorted(trusted & set(panel.said)):
        for text, option in panel.said[annotator].items():
            said[text].add(option)
    return {text: min(options) for text, options in said.items() if len(options) == 1}


def _standing(panel: Panel) -> dict[str, float]:
    """Give each annotator's mean kappa with the others: whose vote decides between options that are otherwise equal."""
    found: dict[str, list[float]] = {annotator: [] for annotator in panel.said}
    for pair, kappa in pairwise_kappas(panel).items():
        for annotator in pair:
            found[annotator].append(kappa.value)
    return {annotator: round(sum(values) / len(values), 9) if values else 0.0 for annotator, values in found.items()}


def _chosen(text: str, votes: Mapping[str, int], posterior: Mapping[int, float], standing: Mapping[str, float]) -> int:
    """Choose among the options voted for; what ties to the end is decided by hash, so that no category or annotator gains by its place."""
    counts = Counter(votes.values())

    def rank(vote: tuple[str, int]) -> tuple[float, int, float, str]:
        annotator, option = vote
        return round(posterior.get(option, 0.0), 9), counts[option], standing[annotator], content_id("tie", [text, annotator])

    return max(votes.items(), key=rank)[1]


def _confusions(panel: Panel, labels: Mapping[str, ConsensusLabel]) -> dict[str, dict[tuple[str, str], float]]:
    """Share out each annotator's votes by what was agreed on, weighted by the posterior where there is one."""
    found: dict[str, dict[tuple[str, str], float]] = {}
    for annotator, row in panel.said.items():
        weights: dict[tuple[str, str], float] = defaultdict(float)
        totals: dict[str, float] = defaultdict(float)
        for text, said in row.items():
            for agreed, weight in (labels[text].posterior or {labels[text].option: 1.0}).items():
                weights[agreed, panel.options[said]] += weight
                totals[agreed] += weight
        found[annotator] = {pair: weight / totals[pair[0]] for pair, weight in weights.items() if totals[pair[0]] > 0}
    return found
