"""The stages that measure: baseline, evaluation."""

from collections.abc import Set

from pipeline.errors import BudgetReachedError
from pipeline.evaluation import Judged, baseline_id, cluster_baseline, curves, evaluate, evaluation_id
from pipeline.stages.asking import annotation_sample, current_taxonomy, is_held_out
from pipeline.stages.known import known_labels
from pipeline.stages.session import Session
from pipeline.stages.summaries import sampled_summaries

__all__ = ["baseline", "evaluation"]

MOST = 20_000  # documents that the baseline clusters
LEAST_IN_SLICE = 10  # documents that a slice needs, so that its figures say anything
MOST_SLICES = 20  # values of one column, the most frequent ones


def baseline(session: Session) -> tuple[int, int]:
    """Cluster the documents with gold labels by k-means and name the clusters, at the taxonomy's number of categories.

    Without gold labels there is nothing to compare, and nothing is made.
    """
    gold, project = session.store.gold(), session.project
    if not gold or not project.evaluation.baseline:
        session.store.mark_current(baseline_id=None)
        return 0, 0
    documents = [document for document in session.store.sample_texts(first=MOST) if document.text_hash in gold]
    size = len(current_taxonomy(session).leaves)
    key = baseline_id(documents, size, project=project, model=session.model_of("generator"))
    made = 0
    if session.store.find_taxonomy(key) is None:
        session.progress.status(f"baseline: k-means with {size} clusters")
        vectors = session.store.vectors(session.embedder.embedder_id, [document.text_hash for document in documents])
        try:
            session.store.save([cluster_baseline(documents, vectors, size=size, chat=session.generator, project=project)])
        except BudgetReachedError as reached:  # the rest can be measured without it
            session.stop(f"{reached} Left: the names of the baseline's {size} clusters.")
            session.store.mark_current(baseline_id=None)
            return 0, 0
        made = 1
    session.store.mark_current(baseline_id=key)
    return made, size


def evaluation(session: Session) -> tuple[int, int]:
    """Measure the run, unless these very results have been measured."""
    judged, project = _judged(session), session.project
    key = evaluation_id(judged, resamples=project.evaluation.resamples, seed=project.seed)
    made = 0
    if session.store.current("evaluation_id") != key:
        figures = evaluate(judged, resamples=project.evaluation.resamples, seed=project.seed)
        session.store.save(figures)
        session.store.save(curves(judged, key))
        session.store.mark_current(evaluation_id=key)
        made = len(figures)
    return made, len(session.store.evaluations_of(key))


def _judged(session: Session) -> Judged:
    store, present = session.store, current_taxonomy(session)
    teacher, student, compared = (store.current(key) for key in ("teacher_annotator_id", "classifier_id", "baseline_id"))
    asked = {document.text_hash for document in annotation_sample(session)}
    given = store.labels(present.taxonomy_id, teacher) if teacher else []
    cited = {text for category in present.categories for text in category.members}
    sampled = [summary.text_hash for summary in sampled_summaries(session)]
    clusters = store.taxonomy(compared).categories if compared else ()
    known = known_labels(session, present)  # what the teacher was calibrated on proves nothing of it
    sure = {label.text_hash: label.probability for label in given if label.probability is not None}
    several = session.project.annotation.mode == "all"
    gold = {text: label for text, label in store.gold().items() if text not in known}
    measured = sorted(asked | gold.keys())  # of all other predictions nothing is known
    return Judged(
        asked=asked,
        taught={label.text_hash: label.category_id for label in given if label.text_hash in asked},
        held_out={text for text in asked if is_held_out(session, text)},
        predicted=dict(store.predictions_among(student, measured)) if student else {},
        baseline={text: cluster.category_id for cluster in clusters for text in cluster.members},
        cited={text: text in cited for text in sampled},
        gold=gold,
        names={category.category_id: category.name for category in present.leaves},
        probabilities={"teacher": sure, "student": store.prediction_probabilities(student, measured) if student else {}},
        also={label.text_hash: label.also for label in given} if several else {},
        slices=_slices(session, asked | gold.keys()),
    )


def _slices(session: Session, texts: Set[str]) -> dict[str, set[str]]:
    """Part the texts that anything is measured on by the values of the project's columns."""
    parts: dict[str, set[str]] = {}
    for column in session.project.evaluation.slices:
        by_value: dict[str, set[str]] = {}
        kept = column in session.project.corpus.metadata
        values = session.store.metadata_values(column, sorted(texts)) if kept else session.store.languages(sorted(texts))
        for text, value in values.items():
            by_value.setdefault(f"{column}={value}", set()).add(text)
        frequent = sorted(by_value, key=lambda name: (-len(by_value[name]), name))[:MOST_SLICES]
        parts |= {name: by_value[name] for name in frequent if len(by_value[name]) >= LEAST_IN_SLICE}
    return parts
