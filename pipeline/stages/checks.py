"""What must hold after each stage, and what a person should be warned of; any shell can run these."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.stages.session import Session
from pipeline.stages.summaries import sampled_summaries, written_facets
from pipeline.taxonomy import relevance_warning
from pipeline.text import name_key

__all__ = ["CHECKS", "Rule"]

Found = tuple[bool, str]
MOSTLY = 0.9


@dataclass(frozen=True)
class Rule:
    """A claim about a stage's rows; a broken blocking rule stops the stages after it."""

    name: str
    claim: str
    blocking: bool
    test: Callable[[Session], Found]


def _one(session: Session, sql: str) -> Any:
    return session.store.rows(sql)[0]


def _ids_unique(session: Session) -> Found:
    total, distinct, rejected = _one(
        session, "select count(*), count(distinct doc_id), (select count(*) from rejects where stage = 'corpus') from documents where active"
    )
    return total == distinct, f"{total} documents with {distinct} ids; {rejected} rows rejected"


def _vectors_complete(session: Session) -> Found:
    missing = len(session.store.pending("embeddings", {"embedder_id": session.embedder.embedder_id}))
    return missing == 0, f"{missing} texts without a vector"


def _summaries_mostly(session: Session) -> Found:
    failed, made = _one(
        session,
        "select (select count(*) from failures where stage = 'summaries'"
        " and spec = (select value from current where key = 'summary_spec')),"
        " (select count(*) from summaries where summary_spec = (select value from current where key = 'summary_spec'))",
    )
    return failed <= (1 - MOSTLY) * (failed + made), f"{made} summaries, {failed} failures"


def _questions_written(session: Session) -> Found:
    facets = written_facets(session)
    said = "; ".join(f"{facet.name}: {facet.question} ({len(facet.examples)} examples, by {facet.source})" for facet in facets)
    return all(facet.examples for facet in facets), said


def _related(session: Session) -> Found:
    found = [measure for measure in session.store.measures(session.store.current("selected_taxonomy_id") or "") if measure.metric == "relevance"]
    if not found:
        return True, "not measured"
    warning = relevance_warning(found[0])
    return warning is None, warning or f"relevance {found[0].value:.2f} (n = {found[0].n})"


def _distinct_names(pointer: str) -> Callable[[Session], Found]:
    def test(session: Session) -> Found:
        names = [name_key(category.name) for category in session.store.taxonomy(session.store.current(pointer) or "").categories]
        return len(names) == len(set(names)) >= 2, f"{len(names)} categories, {len(set(names))} different names"

    return test


def _cites_most(session: Session) -> Found:
    taxonomy = session.store.taxonomy(session.store.current("taxonomy_id") or "")
    cited = len({text for category in taxonomy.categories for text in category.members})
    sampled = len(sampled_summaries(session))
    return cited >= MOSTLY * sampled, f"{cited} of {sampled} sampled documents are cited by a category"


def _labels_exist(session: Session) -> Found:
    strange, total = _one(
        session,
        "select count(*) filter (where l.category_id is not null and c.category_id is null), count(*) from labels l"
        " left join categories c on l.taxonomy_id = c.taxonomy_id and l.category_id = c.category_id",
    )
    return strange == 0, f"{strange} of {total} labels name a category that is not in their taxonomy"


def _covered(session: Session) -> Found:
    covered, total = _one(
        session,
        "select count(*) filter (where category_id is not null), count(*) from labels"
        " where annotator_id = (select value from current where key = 'teacher_annotator_id')"
        " and taxonomy_id = (select value from current where key = 'taxonomy_id')",
    )
    return total > 0 and covered >= MOSTLY * total, f"a category fits {covered} of {total} labelled documents"


def _beats_majority(session: Session) -> Found:
    student = session.store.student(session.store.current("classifier_id") or "")
    given = Counter(label.category_id for label in session.store.labels(student.taxonomy_id, student.annotator_id) if label.category_id)
    majority = max(given.values(), default=0) / max(1, given.total())
    agreement = student.metrics["agreement"]
    said = f"the teacher holds {agreement:.3f} of its predictions of unseen labels right; the most frequent category has {majority:.3f} of the labels"
    return agreement > majority, said


def _everything_predicted(session: Session) -> Found:
    missing = len(session.store.pending("predictions", {"classifier_id": session.store.current("classifier_id") or ""}))
    return missing == 0, f"{missing} documents without a prediction"


def _promise_kept(session: Session) -> Found:
    if session.project.annotation.promise is None:
        return True, "nothing is promised"
    rows = session.store.rows(
        "select threshold, promised, delta, checked, correct, share from thresholds"
        " where annotator_id = (select value from current where key = 'classifier_id')"
    )
    if not rows:
        return False, "no threshold was learnt"
    threshold, promised, delta, checked, correct, share = rows[0]
    said = f"promised {promised:g} with confidence {1 - delta:g}: {share:.1%} taken from probability {threshold:.3f} on; {correct} of {checked} right"
    return share > 0, said


def _same_size(session: Session) -> Found:
    compared = session.store.current("baseline_id")
    if compared is None:
        return True, "no gold labels, so no baseline"
    sizes = [len(session.store.taxonomy(key).leaves) for key in (compared, session.store.current("taxonomy_id") or "")]
    return sizes[0] == sizes[1], f"{sizes[0]} clusters for {sizes[1]} categories"


def _not_below_baseline(session: Session) -> Found:
    rows = session.store.rows(
        "select subject, metric, value from evaluations where slice = 'all' and metric in ('ari', 'nmi')"
        " and evaluation_id = (select value from current where key = 'evaluation_id')"
    )
    values = {(row[0], row[1]): row[2] for row in rows}
    pairs = [(values.get(("student", metric)), values.get(("baseline", metric))) for metric in ("ari", "nmi")]
    known = [(student, compared) for student, compared in pairs if student is not None and compared is not None]
    said = ", ".join(f"{student:.3f} against {compared:.3f}" for student, compared in known) or "no gold labels to compare with"
    return all(student >= compared for student, compared in known), f"student against baseline, ARI and NMI: {said}"


CHECKS: Mapping[str, Rule] = {
    "documents": Rule("ids_are_unique", "No two active documents have one id.", True, _ids_unique),
    "embeddings": Rule("every_text_has_a_vector", "Every distinct text has a vector.", True, _vectors_complete),
    "facets": Rule("questions_are_written", "Each facet has a question with examples.", False, _questions_written),
    "summaries": Rule("most_are_summarised", "At least 90 % of the sample has a summary.", False, _summaries_mostly),
    "generated_taxonomy": Rule("first_names_differ", "No two categories have one name.", True, _distinct_names("generated_taxonomy_id")),
    "updated_taxonomy": Rule("updated_names_differ", "No two categories have one name.", True, _distinct_names("updated_taxonomy_id")),
    "reviewed_taxonomy": Rule("reviewed_names_differ", "No two categories have one name.", True, _distinct_names("reviewed_taxonomy_id")),
    "selected_taxonomy": Rule("fits_the_use_case", "The corpus has to do with the use case.", False, _related),
    "taxonomy": Rule("cites_most_documents", "Categories cite at least 90 % of the sample.", False, _cites_most),
    "annotations": Rule("labels_exist", "Every label is a category of its taxonomy.", True, _labels_exist),
    "labels": Rule("most_are_covered", "A category fits at least 90 % of the labelled documents.", False, _covered),
    "classifier": Rule("beats_the_majority", "The student agrees with its teacher more than one answer for all would.", False, _beats_majority),
    "predictions": Rule("everything_is_predicted", "Every document has a prediction.", True, _everything_predicted),
    "cascade": Rule("promise_is_kept", "Where an accuracy is promised, some of the student's labels keep it.", False, _promise_kept),
    "baseline": Rule("same_size", "The baseline has as many clusters as the taxonomy has categories.", False, _same_size),
    "evaluation": Rule("not_below_the_baseline", "The student's ARI and NMI are not below the baseline's.", False, _not_below_baseline),
}
