"""The verdict in three sentences, by rules on rows: how good labels are, where they fail, what to do next. It claims no more than rows say."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.records import Evaluation
from pipeline.report.actions import Action, actions
from pipeline.report.contents import Contents
from pipeline.report.faults import documents_of, faults
from pipeline.report.metric_names import metric, subject_name
from pipeline.report.quality import Quality, quality
from pipeline.report.words import interval, per_cent

__all__ = ["RULE", "Light", "Verdict", "verdict"]

RULE = (
    "By the lower end of the 95 % interval of the accuracy that known labels or people give: exploring from 50 %, with care from 30 %;"
    " counting from 80 %, with care from 60 %; decisions on single documents from 90 %, with care from 80 %. Nothing is a yes where a baseline"
    " is as good, and what a model judged or estimated is with care at the most. Where nobody has checked, only exploring is open, with care."
)
# What one may want of the labels, with the lower end from which it is a yes, and from which it is with care.
PURPOSES = (("Exploring", 0.5, 0.3), ("Counting", 0.8, 0.6), ("Single decisions", 0.9, 0.8))
GOES_BY = {"gold": "known labels", "people": "people", "judge": "a model as the judge", "estimate": "an estimate without known labels"}
MEASURED = {
    "accuracy": "agree with the known labels on {value} of {n} documents once each category is paired with one known label at most",
    "judged_accuracy_hard": "were preferred by the judge to the nearest wrong one on {value} of {n} documents",
    "judged_accuracy_random": "were preferred by the judge to a wrong one drawn at random on {value} of {n} documents",
    "estimated_accuracy": "are estimated to be right on {value} of {n} documents",
}


@dataclass(frozen=True)
class Light:
    """How far labels can be trusted for one purpose: yes, with care, or no."""

    purpose: str
    word: str
    why: str


@dataclass(frozen=True)
class Verdict:
    """Three sentences, a word for each purpose, and what to do in order of effect."""

    quality: str
    failure: str
    advice: str
    lights: Sequence[Light]
    actions: Sequence[Action]

    @property
    def sentences(self) -> Sequence[str]:
        """List the sentences in order."""
        return self.quality, self.failure, self.advice


def verdict(contents: Contents) -> Verdict:
    """Say how good the labels are, where they fail and what to do next."""
    found = quality(contents)
    to_do = actions(contents, found)
    return Verdict(_quality(contents, found), _failure(contents), _advice(to_do), [_light(found, *purpose) for purpose in PURPOSES], to_do)


def _quality(contents: Contents, found: Quality | None) -> str:
    labelled, leaves = sum(contents.labelled_by.values()), sum(branch.is_leaf for branch in contents.branches)
    if not labelled:
        return f"No document has a label yet: of {documents_of(contents.nutrition.documents)}, none has been labelled."
    opening = f"{documents_of(labelled)} bear one of {leaves} {'category' if leaves == 1 else 'categories'}"
    if found is None:
        agreement = _of(contents.figures, "student", "agreement")
        more = (
            f"; the student agrees with the model that taught it on {_measured(agreement)}, which does not say that either is right"
            if agreement
            else ""
        )
        return f"{opening}, and nobody has checked whether the labels are right{more}."
    figure = found.figure
    said = MEASURED.get(figure.metric, "are right on {value} of {n} documents").format(value=interval(figure), n=f"{figure.n:,}")
    if figure.n > labelled and contents.unlabelled.get("waiting"):
        said += ", those that wait for a label counted as wrong,"
    judge = "" if figure.metric == "accuracy" and found.by == "gold" else f" by {_judge(found)}"
    unchecked = "" if found.by in {"gold", "people"} else ", which nobody has checked"
    return f"{opening}; the labels{_whose(figure.subject)} {said}{judge}{unchecked}, {_against(found)}."


def _judge(found: Quality) -> str:
    if found.by == "judge":
        return "a model that judged its own labels" if "self" in found.figure.judge.lower() else f"the judge {found.figure.judge}"
    return GOES_BY[found.by]


def _against(found: Quality) -> str:
    if found.baseline is None:
        return "with no baseline beside it"
    told = f"{subject_name(found.baseline.subject)}: {interval(found.baseline)}"
    if found.beside is not None and found.beside.metric != found.figure.metric:
        told += f" against {interval(found.beside)} by {metric(found.beside.metric).title.lower()}"
    shown = "better than" if found.better else "worse than" if found.worse else "not shown to be better than"
    return f"{shown} the best baseline ({told})"


def _failure(contents: Contents) -> str:
    worst = faults(contents)
    said = [fault.sentence for fault in worst[:2]]
    uncovered = _uncovered(contents)
    if not said:
        known = (
            "No pair of categories stands out among the errors"
            if contents.confusions
            else "Where they fail is not known: nothing was held against them"
        )
        return f"{known}; {uncovered}."
    return f"They fail most {' and '.join(said)}; {uncovered}."


def _uncovered(contents: Contents) -> str:
    """Tell failures of the model apart from documents that fit no category."""
    failed, none_fits = contents.unlabelled.get("failed", 0), contents.unlabelled.get("none_fits", 0)
    unsure, waiting = contents.unlabelled.get("unsure", 0), contents.unlabelled.get("waiting", 0)
    parts = [
        (failed, "got no valid answer"), (none_fits, "fit no category by whoever looked"), (unsure, "were left open as unsure"),
        (waiting, "wait for a label"),
    ]  # fmt: skip
    told = [f"{documents_of(count)} {what}" for count, what in parts if count]
    return " and ".join(told) if told else "no document was left without a label"


def _advice(to_do: Sequence[Action]) -> str:
    if not to_do:
        return "Next, nothing is called for by the figures."
    first, *more = [action.short for action in to_do[:3]]
    return f"Next, {first}" + (f"; then {', and '.join(more)}" if more else "") + "."


def _light(found: Quality | None, purpose: str, yes: float, care: float) -> Light:
    if found is None:
        word = "with care" if purpose == PURPOSES[0][0] else "no"
        return Light(purpose, word, "nobody has checked the labels")
    low, checked = found.low, found.by in {"gold", "people"}
    at_least = f"at least {per_cent(low)} right with 95 % confidence"
    if low >= yes and checked and found.better is not False:
        return Light(purpose, "yes", at_least)
    if low >= care:
        reason = f"only {GOES_BY[found.by]} says so" if not checked else "a baseline may be as good" if low >= yes else f"{per_cent(yes)} is wanted"
        return Light(purpose, "with care", f"{at_least}; {reason}")
    return Light(purpose, "no", f"the lower end is {per_cent(low)}; from {per_cent(care)} on it would be with care")


def _whose(subject: str) -> str:
    return {"teacher": " of the model", "labels": ""}.get(subject, f" of the {subject_name(subject).lower()}")


def _of(figures: Sequence[Evaluation], subject: str, metric: str) -> Evaluation | None:
    return next((one for one in figures if one.subject == subject and one.metric == metric and one.slice in {"all", "held_out"}), None)


def _measured(figure: Evaluation) -> str:
    return f"{interval(figure)} of {figure.n:,} documents"
