"""What judges say of labels, as figures, and how far each judge is to be believed.

Two labels are put to a judge in both places. Small models lean to a place, so that what decides is the mean of the log-odds of the two
answers, in which a constant leaning cancels out; where a server gives no probabilities, a label that wins in one place alone counts
half. So 0.5 is what no opinion gives, as that of a judge that always takes the first place.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.evaluation.agreement import agreement_figures
from pipeline.evaluation.judged import Finding
from pipeline.evaluation.judging import Placed
from pipeline.evaluation.metrics import Figure, share
from pipeline.intervals import wilson
from pipeline.judgement_records import Judgement, JudgementQuestion
from pipeline.records import Evaluation

__all__ = ["FEWEST", "JUDGES", "UNCALIBRATED", "Verdicts", "judge_findings", "majority_findings", "trust_findings", "trust_level", "trust_words"]

JUDGES = "judges"  # the subject of figures about the judges themselves
UNCALIBRATED = "uncalibrated"
FEWEST = 30  # known labels from which an agreement says anything
LEVELS = ((0.61, "substantial"), (0.41, "moderate"), (0.0, "weak"))  # by the lower end of the interval (words of Landis and Koch, 1977)
TIE, LEAST = 1e-6, 1e-9  # log-odds that are none, and the least probability of an answer
ALWAYS = 0.98  # share of one answer from which a judge is said to give no other
AGREEMENT = {"raw_agreement", "cohen_kappa", "fleiss_kappa", "gwet_ac1"}
METRIC: Mapping[JudgementQuestion, str] = {
    "against_random": "judged_accuracy_random",
    "against_hard": "judged_accuracy_hard",
    "relevance": "relevance",
}
Key = tuple[str, Placed]  # a text hash and its label
Hits = Mapping[str, float]  # by text hash: 1 for right, 0 for wrong, between where orders or judges contradict one another


@dataclass(frozen=True)
class Verdicts:
    """What one judge said, by question and label: how far it won, and whether both places had one outcome, each the mean over repeats.

    `first` are a text's answers, whether each took the first place; `failed` and `asked` count the questions. A pair counts where both
    places have a usable answer.
    """

    judge: str
    won: Mapping[JudgementQuestion, Mapping[Key, float]]
    consistent: Mapping[Key, float]
    first: Mapping[str, Sequence[bool]]
    failed: int
    asked: int

    @classmethod
    def from_judgements(cls, judge: str, judgements: Iterable[Judgement]) -> "Verdicts":
        """Put together the answers of one judge."""
        rows = list(judgements)
        pairs: dict[tuple[JudgementQuestion, Key, str], dict[int, Judgement]] = {}
        for row in rows:
            if row.verdict is not None:
                pairs.setdefault((row.question, (row.text_hash, (row.taxonomy_id, row.category_id)), row.other_id), {})[row.place] = row
        won: dict[JudgementQuestion, dict[Key, list[float]]] = {question: {} for question in METRIC}
        consistent: dict[Key, list[float]] = {}
        first: dict[str, list[bool]] = {}
        for (question, key, _), answers in pairs.items():
            if len(answers) == 2:
                won[question].setdefault(key, []).append(_won(answers[0], answers[1]))
                consistent.setdefault(key, []).append(float(answers[0].verdict == answers[1].verdict))
                first.setdefault(key[0], []).extend((bool(answers[0].verdict), not answers[1].verdict))
        means = {question: {key: _mean(values) for key, values in found.items()} for question, found in won.items()}
        failed = sum(row.verdict is None for row in rows)
        return cls(judge, means, {key: _mean(values) for key, values in consistent.items()}, first, failed, len(rows))

    def hits(self, question: JudgementQuestion, labels: Mapping[str, Placed]) -> Hits:
        """Give how far each text's label won."""
        found = self.won[question]
        return {text: found[text, label] for text, label in labels.items() if (text, label) in found}

    def right(self, labels: Iterable[Key]) -> dict[Key, bool]:
        """Say of each label that was held against the nearest wrong ones whether it won against all."""
        found = self.won["against_hard"]
        return {key: found[key] == 1.0 for key in labels if key in found}


def judge_findings(subjects: Mapping[str, Mapping[str, Placed]], verdicts: Verdicts) -> list[Finding]:
    """Measure what one judge says of each subject's labels, and how the judge answers; n is documents, intervals are Wilson's.

    `judged_accuracy_random`, `judged_accuracy_hard` and `relevance` are how far labels win against a drawn wrong one, the nearest wrong
    one and a placebo, `position_consistency` how often both places have one outcome. Of the judge: `position_bias`, the share of answers
    that took the first place (0.5 is none), and `judgements_failed`, of which n is questions.
    """
    found: list[Finding] = []
    for subject, labels in subjects.items():
        for question, metric in METRIC.items():
            found += _told(subject, metric, verdicts.hits(question, labels), verdicts.judge)
        consistent = {text: verdicts.consistent[text, label] for text, label in labels.items() if (text, label) in verdicts.consistent}
        found += _told(subject, "position_consistency", consistent, verdicts.judge)
    found += _told(JUDGES, "position_bias", {text: _mean(list(map(float, taken))) for text, taken in verdicts.first.items()}, verdicts.judge)
    if verdicts.failed:
        value = verdicts.failed / verdicts.asked
        figure = Figure(value, *wilson(value, verdicts.asked), verdicts.asked)
        found.append(Finding(JUDGES, "judgements_failed", "sample", figure, verdicts.judge))
    return found


def majority_findings(subjects: Mapping[str, Mapping[str, Placed]], several: Sequence[Verdicts], *, resamples: int, seed: int) -> list[Finding]:
    """Measure what most of several judges say of each subject's labels, where all have an answer, and how far the judges agree with one another."""
    if len(several) < 2:
        return []
    named = f"majority of {len(several)} judges"
    found: list[Finding] = []
    for subject, labels in subjects.items():
        for question, metric in METRIC.items():
            each = [verdicts.hits(question, labels) for verdicts in several]
            texts = set(each[0]).intersection(*each[1:])
            found += _told(subject, metric, {text: _most([hits[text] for hits in each]) for text in texts}, named)
    keys = dict.fromkeys(key for given in subjects.values() for key in given.items())
    ratings = {one.judge: _answers(one.right(keys)) for one in several}
    agreed = agreement_figures(ratings, resamples=resamples, seed=seed)
    return found + [Finding(JUDGES, f"agreement_{one.metric}", "sample", one.figure, named) for one in agreed if one.metric in AGREEMENT]


def trust_findings(
    verdicts: Verdicts, given: Mapping[str, Sequence[Placed]], truth: Mapping[str, Mapping[str, Placed | None]], *, resamples: int, seed: int
) -> list[Finding]:
    """Hold one judge against what is known of labels; the slice says by whom it is known.

    `judge_kappa` is Cohen's kappa of "this label is right", by the judge and by what is known, over the labels that models gave: by
    the judge a label is right where it wins against the nearest wrong one. `judge_says_right` is the share of them that
    the judge finds right; n is labels. `judge_accuracy` is how far known labels win against the nearest wrong one; n is documents.

    :param given: the labels that models gave, by text.
    """
    found: list[Finding] = []
    for known_by, known in truth.items():
        labels = [(text, label) for text in sorted(given.keys() & known.keys()) for label in dict.fromkeys(given[text])]
        said = verdicts.right(labels)
        if said:
            ratings = {"known": _answers({key: known[key[0]] == key[1] for key in said}), "judge": _answers(said)}
            agreed = agreement_figures(ratings, resamples=resamples, seed=seed)
            nothing = Figure(0.0, 0.0, 0.0, len(said))  # all labels are right and all are found right: this shows nothing
            kappa = next((one.figure for one in agreed if one.metric == "cohen_kappa"), nothing)
            found.append(Finding(JUDGES, "judge_kappa", known_by, kappa, verdicts.judge))
            found.append(Finding(JUDGES, "judge_says_right", known_by, share(list(said.values())), verdicts.judge))
        won = {text: label for text, label in known.items() if label is not None and text in given}
        found += _told(JUDGES, "judge_accuracy", verdicts.hits("against_hard", won), verdicts.judge, slice_=known_by)
    return found


def trust_level(figure: Figure | None, n: int | None = None) -> str:
    """Say in a word how far a judge is to be believed, by the lower end of the interval of its kappa with people's labels.

    :param figure: None where nobody has said what is right.
    :param n: labels behind it; those of the figure when absent.
    :return: uncalibrated, too few, no better than chance, weak, moderate or substantial.
    """
    if figure is None:
        return UNCALIBRATED
    if (figure.n if n is None else n) < FEWEST:
        return "too few"
    return next((word for least, word in LEVELS if figure.low >= least and figure.low > 0), "no better than chance")


def trust_words(evaluations: Iterable[Evaluation], judge: str) -> str:
    """Say in a sentence how far one judge is to be believed, by people and by gold labels apart, and what is odd in its answers."""
    rows = {(one.metric, one.slice): one for one in evaluations if one.subject == JUDGES and one.judge == judge}
    people, gold = (rows.get(("judge_kappa", known_by)) for known_by in ("people", "gold labels"))
    said = [f"{judge}: {_word(people)}{_spelled(people, 'people')}"]
    said += [f"{_word(gold)} by gold labels{_spelled(gold, 'gold labels')}"] if gold else []
    right = rows.get(("judge_says_right", "people")) or rows.get(("judge_says_right", "gold labels"))
    said += ["always says yes: it finds every label right"] if right and right.value >= ALWAYS else []
    bias = rows.get(("position_bias", "sample"))
    if bias and not (bias.low or 0.0) <= 0.5 <= (bias.high or 1.0):
        said.append(f"takes the {'first' if bias.value > 0.5 else 'second'} place too often")
    return "; ".join(said) + "."


def _word(one: Evaluation | None) -> str:
    return trust_level(None if one is None else Figure(one.value, one.low or 0.0, one.high or 0.0, one.n))


def _spelled(one: Evaluation | None, known_by: str) -> str:
    return "" if one is None else f" (kappa {one.value:.2f} with {known_by}, {one.low:.2f} to {one.high:.2f}, n {one.n})"


def _told(subject: str, metric: str, hits: Hits, judge: str, *, slice_: str = "sample") -> list[Finding]:
    """Tell the mean of what lies between 0 and 1 with Wilson's interval, which is no narrower than for halves it has to be; nothing of nothing."""
    if not hits:
        return []
    value = _mean([hits[text] for text in sorted(hits)])
    return [Finding(subject, metric, slice_, Figure(value, *wilson(value, len(hits)), len(hits)), judge)]


def _won(one: Judgement, swapped: Judgement) -> float:
    """Say how far the label of a pair won: 1, 0, or 0.5 for a tie."""
    if one.probability is None or swapped.probability is None:
        return (bool(one.verdict) + bool(swapped.verdict)) / 2
    odds = _log_odds(one.probability) + _log_odds(swapped.probability)
    return 0.5 if abs(odds) < TIE else float(odds > 0)


def _log_odds(probability: float) -> float:
    kept = min(max(probability, LEAST), 1 - LEAST)
    return math.log(kept / (1 - kept))


def _answers(right: Mapping[Key, bool]) -> dict[str, str]:
    return {f"{text} {label[0]} {label[1]}": "right" if said else "wrong" for (text, label), said in right.items()}


def _most(hits: Sequence[float]) -> float:
    """Give 1 where most lean to right, 0 where most lean to wrong, and a half between."""
    leaning = sum((hit > 0.5) - (hit < 0.5) for hit in hits)
    return 0.5 if leaning == 0 else float(leaning > 0)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
