"""What was measured when: noted by the run that measured, so that evaluations can be told apart and compared."""

from pipeline.evaluation.confusions import count_confusions
from pipeline.evaluation.judged import Judged
from pipeline.history_records import EvaluationRun
from pipeline.prompts import load_prompt
from pipeline.stages.session import Session
from pipeline.stages.stage_versions import STAGE_PROMPTS

__all__ = ["note_evaluation"]


def note_evaluation(session: Session, judged: Judged, evaluation_id: str) -> None:
    """Keep what an evaluation is about, and which labels were confused."""
    store = session.store
    pointers = {key: store.current(key) for key in ("taxonomy_id", "teacher_annotator_id", "classifier_id", "baseline_id")}
    names = sorted({name for names in STAGE_PROMPTS.values() for name in names})
    store.save(count_confusions(judged, evaluation_id))
    store.save(
        [
            EvaluationRun(
                evaluation_id, session.run_id, session.facet, **pointers, models=_models(session),
                prompts={name: load_prompt(name).fingerprint for name in names},
            )
        ]
    )  # fmt: skip


def _models(session: Session) -> dict[str, str]:
    """Name the models: of the labels the one that gave them, whatever the project names by now."""
    store = session.store
    given, student = store.current("llm_annotator_id"), store.current("classifier_id")
    annotator = store.annotator(given).model if given else None
    embedder = store.student(student).embedder_id if student else session.project.embedder_name
    return {"generator": session.model_of("generator"), "annotator": annotator or session.model_of("annotator"), "embedder": embedder}
