"""Checks of the judges: whether they answered, and whether they say more than where a label stood."""

from pipeline.stages.check_rules import Finding, Rule
from pipeline.stages.judgements import judged_findings
from pipeline.stages.session import Session

__all__ = ["JUDGEMENT_CHECKS"]

LEAST_CONSISTENT = 0.5  # of pairs of places: by chance both have one outcome in half of them


def judges_answer(session: Session) -> Finding:
    """Give the share of each judge's questions that have no usable answer."""
    failed = {one.judge: one.figure.value for one in judged_findings(session) if one.metric == "judgements_failed"}
    said = "; ".join(f"{judge}: {share:.0%} of the questions have no usable answer" for judge, share in failed.items())
    most = max(failed.values(), default=0.0)
    return Finding(most <= session.project.checks.failed, said or "every question has an answer", {"failed_share": most})


def judges_keep_to_their_word(session: Session) -> Finding:
    """Give how often each judge says the same of a pair in both places, of the teacher's labels."""
    found = {one.judge: one.figure for one in judged_findings(session) if (one.subject, one.metric) == ("teacher", "position_consistency")}
    said = "; ".join(f"{judge}: both places have one outcome in {figure.value:.0%} of {figure.n} documents" for judge, figure in found.items())
    least = min((figure.value for figure in found.values()), default=1.0)
    surely_less = any(figure.high < LEAST_CONSISTENT for figure in found.values())
    return Finding(not surely_less, said or "no label was judged", {"position_consistency": least})


JUDGEMENT_CHECKS = (
    Rule(
        "judges_answer", "At most {failed} of a judge's questions have no usable answer.",
        "Look at judgements where reason is not null, and at the judge's server; what failed is asked again by the next run.", judges_answer,
    ),
    Rule(
        "judges_keep_to_their_word", "A judge says the same of a pair, whichever label stands first, in half of the cases at least.",
        "Do not rely on this judge; name a larger model in evaluation.judges.", judges_keep_to_their_word,
    ),
)  # fmt: skip
