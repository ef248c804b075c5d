"""Checks of figures against the thresholds of the project's section `checks`: what a person should be warned of."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.evaluation.slices import say_much_worse
from pipeline.records import Evaluation
from pipeline.stages.check_rules import Finding, percent
from pipeline.stages.session import Session
from pipeline.stages.summaries import sampled_summaries
from pipeline.taxonomy import relevance_warning

__all__ = [
    "agrees_with_the_teacher",
    "beats_the_majority",
    "cites_most_documents",
    "few_abstained",
    "few_answers_fail",
    "few_fit_nothing",
    "fits_the_use_case",
    "most_are_covered",
    "most_are_summarised",
    "no_part_is_much_worse",
    "not_below_the_baseline",
    "probabilities_hold",
    "promise_is_kept",
]

NOT_MEASURED = "not measured"
PROMISING = 100  # labels below which abstaining on everything says more of their number than of the student
SUMMARISED = """
select (select count(*) from summaries where summary_spec = $1), (select count(*) from failures where stage = 'summaries' and spec = $1)
"""
LABELLED = "select count(*) from labels where taxonomy_id = ? and annotator_id = ?"
FAILED = "select reason, count(*) from failures where stage = 'annotations' and spec = ? group by reason order by reason"
TAUGHT = """
select count(*), count(*) filter (where category_id is not null), count(*) filter (where category_id is null and reason = 'none_fits')
from labels where taxonomy_id = ? and annotator_id = ?
"""
ABSTAINED = """
select count(*) filter (where abstained), count(abstained) from predictions
where classifier_id = ? and text_hash in (select text_hash from documents where active)
"""
KEPT = "select threshold, promised, delta, checked, correct, share from thresholds where taxonomy_id = ? and annotator_id = ?"


def most_are_summarised(session: Session) -> Finding:
    """Give the share of the texts asked about that have a summary."""
    made, failed = session.store.rows(SUMMARISED, [session.store.current("summary_spec") or ""])[0]
    share = made / max(1, made + failed)
    return Finding(share >= session.project.checks.summarised, f"{made} summaries, {failed} failures", {"summaries": made, "summarised_share": share})


def fits_the_use_case(session: Session) -> Finding:
    """Give the relevance that was measured with the taxonomy."""
    found = [measure for measure in session.store.measures(session.store.current("selected_taxonomy_id") or "") if measure.metric == "relevance"]
    if not found:
        return Finding(True, NOT_MEASURED)
    warning = relevance_warning(found[0])
    return Finding(warning is None, warning or f"relevance {found[0].value:.2f} (n = {found[0].n})", {"relevance": found[0].value})


def cites_most_documents(session: Session) -> Finding:
    """Give the share of the sample that categories cite."""
    taxonomy = session.store.taxonomy(session.store.current("taxonomy_id") or "")
    cited, sampled = len({text for category in taxonomy.categories for text in category.members}), len(sampled_summaries(session))
    share = cited / max(1, sampled)
    said = f"{cited} of {sampled} sampled documents are cited by a category"
    return Finding(share >= session.project.checks.cited, said, {"cited_share": share, "categories": len(taxonomy.categories)})


def few_answers_fail(session: Session) -> Finding:
    """Give the share of the documents asked about that the model gave no valid answer for, and the kinds of failure."""
    taxonomy, annotator = (session.store.current(key) or "" for key in ("taxonomy_id", "llm_annotator_id"))
    kinds = dict(session.store.rows(FAILED, [f"{taxonomy} {annotator}"]))
    labelled, failed = session.store.rows(LABELLED, [taxonomy, annotator])[0][0], sum(kinds.values())
    share = failed / max(1, labelled + failed)
    said = f"{failed} of {labelled + failed} documents have no valid answer" + (f": {_listed(kinds)}" if kinds else "")
    return Finding(share <= session.project.checks.failed, said, {"failed": failed, "failed_share": share})


def most_are_covered(session: Session) -> Finding:
    """Give the share of the labelled documents that have a category."""
    total, covered, _ = _taught(session)
    share = covered / max(1, total)
    said = f"a category fits {covered} of {total} labelled documents"
    return Finding(total > 0 and share >= session.project.checks.covered, said, {"covered_share": share, "labelled": total})


def few_fit_nothing(session: Session) -> Finding:
    """Give the share of the labelled documents that fit none of the categories."""
    total, _, none = _taught(session)
    share = none / max(1, total)
    return Finding(share <= session.project.checks.other, f"none of the categories fits {none} of {total} labelled documents", {"other_share": share})


def beats_the_majority(session: Session) -> Finding:
    """Compare the agreement of the student in use with the share of the most frequent category."""
    student = session.store.student(session.store.current("classifier_id") or "")
    given = Counter(label.category_id for label in session.store.labels(student.taxonomy_id, student.annotator_id) if label.category_id)
    majority = max(given.values(), default=0) / max(1, given.total())
    agreement = float(student.metrics["agreement"])
    said = f"the teacher holds {agreement:.3f} of its predictions of unseen labels right; the most frequent category has {majority:.3f} of the labels"
    return Finding(agreement > majority, said, {"agreement": agreement, "majority": majority})


def few_abstained(session: Session) -> Finding:
    """Give the share of the documents that the student in use is too unsure of."""
    abstained, decided = session.store.rows(ABSTAINED, [session.store.current("classifier_id") or ""])[0]
    if not decided:
        return Finding(True, NOT_MEASURED)
    share, student = abstained / decided, session.store.find_student(session.store.current("classifier_id") or "")
    if abstained == decided and student is not None and student.trained_on < PROMISING:
        said = f"{student.trained_on} labels are too few to promise anything by, so that the student abstains on all {decided} documents"
        return Finding(True, said, {"abstained_share": share})
    said = f"the student abstains on {abstained} of {decided} documents ({percent(share)})"
    return Finding(share <= session.project.checks.abstained, said, {"abstained_share": share})


def promise_is_kept(session: Session) -> Finding:
    """Say what share of the student's labels keeps the accuracy that is promised, and how many checks were right."""
    if session.project.annotation.promise is None:
        return Finding(True, "nothing is promised")
    rows = session.store.rows(KEPT, [session.store.current("taxonomy_id") or "", session.store.current("classifier_id") or ""])
    if not rows:
        return Finding(False, "no threshold was learnt")
    threshold, promised, delta, checked, correct, share = rows[0]
    said = f"promised {promised:g} with confidence {1 - delta:g}: {share:.1%} taken from probability {threshold:.3f} on; {correct} of {checked} right"
    return Finding(share > 0, said, {"taken_share": share, "threshold": threshold, "checked": checked, "correct": correct})


def not_below_the_baseline(session: Session) -> Finding:
    """Compare the student's ARI and NMI with the baseline's."""
    figures = _figures(session)
    pairs = {metric: (figures.get(("student", metric, "all")), figures.get(("baseline", metric, "all"))) for metric in ("ari", "nmi")}
    known = {metric: (student.value, compared.value) for metric, (student, compared) in pairs.items() if student and compared}
    said = ", ".join(f"{student:.3f} against {compared:.3f}" for student, compared in known.values()) or "no gold labels to compare with"
    shown = {f"{who}_{metric}": value for metric, both in known.items() for who, value in zip(("student", "baseline"), both, strict=True)}
    return Finding(all(one >= other for one, other in known.values()), f"student against baseline, ARI and NMI: {said}", shown)


def agrees_with_the_teacher(session: Session) -> Finding:
    """Give the student's agreement with the teacher on documents that it did not learn from."""
    found = _figures(session).get(("student", "agreement", "held_out"))
    if found is None:
        return Finding(True, NOT_MEASURED)
    said = f"the student agrees with the teacher on {percent(found.value)} of {found.n} held-out documents{_interval(found)}"
    return Finding(found.value >= session.project.checks.agreement, said, {"agreement": found.value, "held_out": found.n})


def no_part_is_much_worse(session: Session) -> Finding:
    """Name the parts of the corpus that are much worse than the rest."""
    found = say_much_worse(session.store.evaluations_of(session.store.current("evaluation_id") or ""))
    return Finding(not found, "; ".join(found) or "no part of the corpus is much worse than the rest", {"warnings": len(found)})


def probabilities_hold(session: Session) -> Finding:
    """Give the student's calibration error; one that as few documents would show by chance alone is no fault."""
    figures = _figures(session)
    found, chance = figures.get(("student", "ece", "all")), figures.get(("student", "ece_by_chance", "all"))
    if found is None:
        return Finding(True, "not measured: there are no gold labels that are names of categories")
    by_chance = chance.high if chance and chance.high is not None else 0.0
    said = f"the student's calibration error is {found.value:.3f} on {found.n} documents{_interval(found)}; up to {by_chance:.3f} is chance"
    return Finding(found.value <= max(session.project.checks.calibration, by_chance), said, {"ece": found.value, "ece_by_chance": by_chance})


def _taught(session: Session) -> tuple[int, int, int]:
    """Count the teacher's labels, those with a category, and those of which it is known that none fits."""
    row = session.store.rows(TAUGHT, [session.store.current("taxonomy_id") or "", session.store.current("teacher_annotator_id") or ""])[0]
    return row[0], row[1], row[2]


def _figures(session: Session) -> dict[tuple[str, str, str], Evaluation]:
    found: Sequence[Evaluation] = session.store.evaluations_of(session.store.current("evaluation_id") or "")
    return {(one.subject, one.metric, one.slice): one for one in found}


def _interval(found: Evaluation) -> str:
    return "" if found.low is None or found.high is None else f" (95 % interval {found.low:.3f} to {found.high:.3f})"


def _listed(kinds: Mapping[str, Any]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items())
