"""The stages that measure: baseline, evaluation."""

from pipeline.errors import BudgetReachedError
from pipeline.evaluation import baseline_id, cluster_baseline, curves, evaluate, evaluation_id
from pipeline.stages.asking import current_taxonomy
from pipeline.stages.estimates import estimated
from pipeline.stages.history import note_evaluation
from pipeline.stages.judged import gather_judged
from pipeline.stages.rivals import learn_from_words, tell_names
from pipeline.stages.session import Session

__all__ = ["baseline", "evaluation"]

MOST = 20_000  # documents that the baseline clusters


def baseline(session: Session) -> tuple[int, int]:
    """Make what labels are held against: named k-means clusters at the taxonomy's size, a student of words alone, labels with the gold names.

    Without gold labels there are neither clusters nor told names, and no model is asked.
    """
    parts = [learn_from_words(session), _clusters(session), tell_names(session)]
    return sum(made for made, _ in parts), sum(total for _, total in parts)


def _clusters(session: Session) -> tuple[int, int]:
    """Cluster the documents with gold labels by k-means and name the clusters."""
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
    judged, project = gather_judged(session), session.project
    key = evaluation_id(judged, resamples=project.evaluation.resamples, seed=project.seed)
    made = 0
    if session.store.current("evaluation_id") != key:
        figures = [*evaluate(judged, resamples=project.evaluation.resamples, seed=project.seed), *estimated(session, judged, key)]
        session.store.save(figures)
        session.store.save(curves(judged, key))
        note_evaluation(session, judged, key)
        session.store.mark_current(evaluation_id=key)
        made = len(figures)
    return made, len(session.store.evaluations_of(key))
