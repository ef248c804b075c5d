"""The questions that measuring takes: of judges, of single definitions, of labels asked again, of confused pairs."""

from dataclasses import dataclass

from pipeline.settings import Project
from pipeline.stages.definition_checks import expected_checks, missing_checks
from pipeline.stages.judgements import expected_questions, missing_judgements
from pipeline.stages.mistakes import confusions_to_ask
from pipeline.stages.repeated_labels import missing_repeats
from pipeline.stages.session import Session

__all__ = ["Count", "expected_alone", "judged_counts", "missing_alone", "ties"]

JUDGED = "about {} questions a document and judge; "


@dataclass(frozen=True)
class Count:
    """The rows that a stage is to make, the questions that this takes, and how that is known."""

    rows: int
    calls: int
    note: str = ""


def missing_alone(session: Session) -> dict[str, Count]:
    """Count what is missing of what is asked of the taxonomy and of labelling by themselves."""
    return _alone(missing_checks(session), missing_repeats(session))


def expected_alone(project: Project, size: int, *, documents: int, labelled: int, facets: int) -> dict[str, Count]:
    """Estimate the same where the taxonomy is still to be made, by the number of its categories."""
    wanted = project.evaluation
    return _alone(expected_checks(min(documents, wanted.definition_sample), size) * facets, 2 * min(labelled, wanted.repeat_sample) * facets)


def ties(session: Session) -> Count:
    """Count the confused pairs that a tie-breaker may be asked for."""
    pairs = confusions_to_ask(session)
    return Count(pairs, pairs, "one question a confused pair at most; ") if pairs else Count(0, 0)


def judged_counts(session: Session, documents: int, *, unlabelled: int) -> Count:
    """Count the questions to judges: exactly where all labels are there, else those about as many documents as are to be judged."""
    if not unlabelled and session.store.current("teacher_annotator_id"):
        missing = sum(missing_judgements(session).values())
        return Count(missing, missing)
    wanted, each = session.project.evaluation, expected_questions(session.project)
    count = min(documents, wanted.judge_sample) * each * max(1, len(wanted.judges))
    return Count(count, count, JUDGED.format(each)) if count else Count(0, 0)


def _alone(checks: int, repeats: int) -> dict[str, Count]:
    return {
        "definition_checks": Count(checks, checks, "yes or no to one definition at a time; " if checks else ""),
        "repeated_labels": Count(repeats, repeats, "the same asked otherwise; " if repeats else ""),
    }
