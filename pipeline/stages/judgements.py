"""The stage of judges: models that say of a sample of labels whether each is the right one, and of use."""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.errors import BudgetReachedError, EngineError, WeightsError
from pipeline.evaluation import Finding, Verdicts, ask_judge, judge_findings, majority_findings, planned_judgements, trust_findings
from pipeline.judgement_records import Judgement
from pipeline.serving import Chat
from pipeline.settings import Project
from pipeline.stages.docket import Docket, Seat, docket, seats
from pipeline.stages.session import Session

__all__ = ["expected_questions", "judged_findings", "judgements", "missing_judgements"]


def judgements(session: Session) -> tuple[int, int]:
    """Ask each judge about the labels of a sample: against wrong labels, in both places, and whether they are of use.

    The same texts are judged for teacher, student and baseline. Nothing is asked where `evaluation.judge_sample` is 0.
    """
    found = docket(session)
    if found is None:
        return 0, 0
    made, planned = 0, {seat: _planned(session, found, seat) for seat in seats(session)}
    for seat, questions in planned.items():
        if not session.stopped:
            made += _ask(session, found, seat, questions)
    return made, len(session.store.judgements([one.judgement_id for questions in planned.values() for one in questions]))


def missing_judgements(session: Session) -> dict[Seat, int]:
    """Count the questions that each judge has still to be asked."""
    found = docket(session)
    return {} if found is None else {seat: len(_pending(session, _planned(session, found, seat))) for seat in seats(session)}


def expected_questions(project: Project) -> int:
    """Guess the questions about one document: about the labels of teacher and student, which are often one, and of a baseline."""
    labels = 2 if project.corpus.gold and project.evaluation.baseline else 1
    return 6 * project.evaluation.judge_repeats * labels


def judged_findings(session: Session) -> list[Finding]:
    """Give what the judges said of the labels, each alone and most of them, and how far each is to be believed."""
    found = docket(session)
    if found is None:
        return []
    drawn = {"resamples": session.project.evaluation.resamples, "seed": session.project.seed}
    several, findings = [], list[Finding]()
    for seat in seats(session):
        rows = session.store.judgements([one.judgement_id for one in _planned(session, found, seat)])
        if rows:
            several.append(Verdicts.from_judgements(seat.called, rows))
    for verdicts in several:
        findings += judge_findings(found.subjects, verdicts)
        findings += trust_findings(verdicts, found.given, found.truth, **drawn)
    return findings + majority_findings(found.subjects, several, **drawn)


def _planned(session: Session, found: Docket, seat: Seat) -> list[Judgement]:
    return planned_judgements(found.asked, found.controls, found.benches, model=seat.model, project=session.project)


def _pending(session: Session, planned: Sequence[Judgement]) -> list[Judgement]:
    missing = set(session.store.unjudged([one.judgement_id for one in planned]))
    return [one for one in planned if one.judgement_id in missing]


def _ask(session: Session, found: Docket, seat: Seat, planned: Sequence[Judgement]) -> int:
    """Ask one judge what it has not been asked, and keep each batch; one that cannot be reached leaves rows with the reason."""
    pending, made = _pending(session, planned), 0
    if not pending:
        return 0
    hashes = list(dict.fromkeys(one.text_hash for one in pending))
    texts = {document.text_hash: document.text for document in session.store.texts(hashes)}
    try:
        batches = ask_judge(pending, texts, found.benches, chat=_chat(session, seat), project=session.project)
        for batch in session.progress.track(batches, total=len(pending), what=f"judgements of {seat.called}", size=len):
            session.store.save(batch)
            made += len(batch)
    except BudgetReachedError as reached:  # the rest can be measured without it
        session.stop(f"{reached} Left: {len(pending) - made} of {len(pending)} questions to the judge {seat.called}.")
    except (EngineError, WeightsError) as error:
        session.store.save([replace(one, reason=f"server_error: {error}") for one in pending[made:]])
        session.progress.status(f"The judge {seat.called} cannot be asked, and the evaluation goes on without it: {error}")
    return made


def _chat(session: Session, seat: Seat) -> Chat:
    return session.annotator if seat.settings is None else session.chat_of_judge(seat.settings)
