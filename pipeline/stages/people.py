"""What people's answers show: how far raters agree, who of them lags behind, and how often labels are what people say."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.choosing import NONE_FITS
from pipeline.evaluation import Finding
from pipeline.evaluation.agreement import Agreement, RaterQuality, Ratings, agreement_figures, label_agreement, rater_quality
from pipeline.evaluation.metrics import Figure, share
from pipeline.evaluation.people import Verdict
from pipeline.evaluation.review_estimate import matched_share, stratified_share
from pipeline.records import Taxonomy
from pipeline.review_records import Rating, ReviewItem, ReviewSheet
from pipeline.settings import Project
from pipeline.stages.review_export import frame_of
from pipeline.stages.reviews import People, people_of, rater_annotator
from pipeline.stages.session import Session
from pipeline.store import Store
from pipeline.trust_records import AnnotatorQuality

__all__ = ["PeopleFound", "flag_of", "keep_rater_quality", "look_at_people", "people_findings"]

NONE = "(none)"  # what agreement calls the rating that no label fits
UNSURE = "unsure"  # of a label that was withheld: neither a category nor the answer that none fits
SLICE = "people"  # of figures on the sheet; those against gold are told of the same subjects
OTHERS = "the other raters"
LEAST_OF_LABEL = 5  # documents without which nothing is said of a category
Said = Mapping[str, str | None]


@dataclass(frozen=True)
class PeopleFound:
    """All that people's answers show."""

    people: People
    sheet: ReviewSheet | None  # the newest sample that measures and has answers
    agreement: Sequence[Agreement]  # labels by name
    by_label: Sequence[Agreement]
    raters: Sequence[RaterQuality]
    findings: Sequence[Finding]


def people_findings(session: Session) -> Sequence[Finding]:
    """Give the figures that people's answers bring to an evaluation; none where there are no answers."""
    taxonomy_id = session.store.current("taxonomy_id")
    if taxonomy_id is None or not session.store.review_sheets():
        return ()
    return look_at_people(session.store, session.project, session.store.taxonomy(taxonomy_id)).findings


def look_at_people(store: Store, project: Project, present: Taxonomy) -> PeopleFound:
    """Measure raters against one another, and labels against what raters agree on."""
    people = people_of(store, present)
    blind = _blind_ratings(people, store)
    names = {one.category_id: one.name for one in present.categories} | {NONE: NONE_FITS.name}
    how = {"resamples": project.evaluation.resamples, "seed": project.seed}
    several = len(blind) > 1
    together = agreement_figures(blind, categories=len(present.leaves) + 1, **how) if several else []
    by_label = [replace(one, label=names.get(one.label or "", one.label)) for one in label_agreement(blind, **how)] if several else []
    quality = rater_quality(blind, **how) if several else []
    sheet = _measuring(people, store)
    judge = _judge(people)
    findings = [Finding("raters", one.metric, "all", one.figure, judge) for one in together]
    findings += [Finding("raters", one.metric, f"label={one.label}", one.figure, judge) for one in by_label]
    if sheet is not None:
        items = {item.text_hash: item for item in store.review_items(sheet.sheet_id)}
        findings += list(_against_people(store, present, people.verdicts, items, judge, how))
    return PeopleFound(people, sheet, together, by_label, quality, findings)


def flag_of(quality: RaterQuality, names: Mapping[str, str]) -> str:
    """Say what is wrong with a rater; empty where nothing is."""
    if quality.always is not None:
        return f"always says {names.get(quality.always, quality.always)!r}"
    if quality.below and quality.with_others and quality.rest:
        return f"agrees with the others less than they do among themselves ({quality.with_others.value:.2f} against {quality.rest.value:.2f})"
    return ""


def keep_rater_quality(store: Store, project: Project, present: Taxonomy) -> None:
    """Keep how good each rater is beside the other annotators."""
    names = {one.category_id: one.name for one in present.categories} | {NONE: NONE_FITS.name}
    rows = [
        AnnotatorQuality(
            present.taxonomy_id, rater_annotator(one.rater).annotator_id, figure.value, figure.low, figure.high, figure.n, OTHERS, flag_of(one, names)
        )
        for one in look_at_people(store, project, present).raters
        if (figure := one.with_majority or one.with_others) is not None
    ]
    store.save(rows)


def _judge(people: People) -> str:
    count = len(people.raters)
    return f"people ({count} rater{'' if count == 1 else 's'})"


def _measuring(people: People, store: Store) -> ReviewSheet | None:
    """Give the newest sample that does not teach and of which something is answered."""
    for sheet in reversed(people.sheets):
        if sheet.design == "sample" and not sheet.teaches and any(item.text_hash in people.verdicts for item in store.review_items(sheet.sheet_id)):
            return sheet
    return None


def _blind_ratings(people: People, store: Store) -> Ratings:
    """Give what each rater said, as sets where anybody named several: on texts drawn at random, if there are any."""
    reserved = store.reserved_texts()
    drawn = [one for one in people.ratings if one.text_hash in reserved]
    counted, found = drawn or people.ratings, dict[str, dict[str, str | frozenset[str] | None]]()
    sets = any(one.also for one in counted)
    for one in counted:
        found.setdefault(one.rater, {})[one.text_hash] = _as_set(one) if sets else one.category_id
    return found


def _as_set(rating: Rating) -> frozenset[str]:
    return frozenset(one for one in (rating.category_id, *rating.also) if one is not None)


def _against_people(
    store: Store, present: Taxonomy, verdicts: Mapping[str, Verdict], items: Mapping[str, ReviewItem], judge: str, how: Mapping[str, int]
) -> Iterator[Finding]:
    """Hold every labeller against what people agree on, weighted by the design of the sample."""
    truth = {text: verdicts[text].category_id for text in sorted(items) if text in verdicts and verdicts[text].decided}
    if not truth:
        return
    said = _said(store, present, list(items))
    for subject, labels in said.items():
        both = [text for text in truth if text in labels]
        if not both:
            continue
        if subject != "baseline":
            yield Finding(
                subject, "exact_accuracy", SLICE, _weighted(truth, labels, items, both, among=[text for text in items if text in labels]), judge
            )
            for one in agreement_figures({"people": {text: truth[text] for text in both}, subject: {text: labels[text] for text in both}}, **how):
                if one.metric in {"cohen_kappa", "gwet_ac1"}:
                    yield Finding(subject, one.metric, SLICE, one.figure, judge)
        weights = np.array([items[text].weight or 1.0 for text in both])
        yield Finding(
            subject, "accuracy", SLICE, matched_share([truth[text] or NONE for text in both], [labels[text] for text in both], weights, **how), judge
        )
    yield from _by_label(present, said.get("labels", {}), truth, items, judge)
    unseen = {text: label for text, label in said.get("student", {}).items() if text not in _taught(store)}
    if both := [text for text in truth if text in unseen]:
        among = [text for text in items if text in unseen]
        yield Finding("student", "exact_accuracy", f"{SLICE} unseen", _weighted(truth, unseen, items, both, among=among), judge)


def _by_label(present: Taxonomy, labels: Said, truth: Said, items: Mapping[str, ReviewItem], judge: str) -> Iterator[Finding]:
    """Measure for each category how many of its documents people put there, and how many of those that people do it has."""
    for category in present.leaves:
        key, slice_ = category.category_id, f"{SLICE} label={category.name}"
        given, meant = ([text for text in truth if said.get(text) == key and text in labels] for said in (labels, truth))
        if len(given) >= LEAST_OF_LABEL:
            yield Finding("labels", "precision", slice_, share([truth[text] == key for text in given]), judge)
        if len(meant) >= LEAST_OF_LABEL:
            yield Finding("labels", "recall", slice_, _weighted(truth, labels, items, meant, among=meant), judge)


def _weighted(truth: Said, labels: Said, items: Mapping[str, ReviewItem], texts: Sequence[str], *, among: Iterable[str]) -> Figure:
    """Estimate the share of right labels among all documents that those on the sheet, answered or not, stand for."""
    sizes: dict[str, float] = {}
    for text in among:
        sizes[items[text].stratum or ""] = sizes.get(items[text].stratum or "", 0.0) + (items[text].weight or 1.0)
    return stratified_share([labels[text] == truth[text] for text in texts], [items[text].stratum or "" for text in texts], sizes)


def _said(store: Store, present: Taxonomy, texts: Sequence[str]) -> dict[str, dict[str, str | None]]:
    """Give what each labeller says of some texts; one that it is unsure of is no answer that people could give."""
    wanted, frame = set(texts), frame_of(store, present)
    teacher, student, compared = (store.current(key) for key in ("teacher_annotator_id", "classifier_id", "baseline_id"))
    given = store.labels(present.taxonomy_id, teacher) if teacher else []
    fits = student is not None and store.student(student).taxonomy_id == present.taxonomy_id
    return {
        "labels": {text: frame[text].category_id for text in texts if text in frame},
        "teacher": {one.text_hash: one.category_id or (UNSURE if one.reason == "unsure" else None) for one in given if one.text_hash in wanted},
        "student": dict(store.predictions_among(student, list(texts))) if student and fits else {},
        "baseline": {text: one.category_id for one in store.taxonomy(compared).categories for text in one.members if text in wanted}
        if compared
        else {},
    }


def _taught(store: Store) -> set[str]:
    """Give the texts that the student in use learnt from with a label."""
    return {
        row[0]
        for row in store.rows("select text_hash from lesson_texts where part = 'taught' and classifier_id = ?", [store.current("classifier_id")])
    }
