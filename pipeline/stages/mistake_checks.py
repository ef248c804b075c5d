"""The warning about gold itself: where labels that differ from it are suspected of being right, every figure against gold is too low."""

from pipeline.stages.check_rules import Finding, Rule
from pipeline.stages.session import Session

__all__ = ["MISTAKE_CHECKS", "gold_holds"]

ALLOWED = 0.1  # of the mistakes of a labeller
LEAST = 5  # suspected gold labels that are worth a warning
COUNTS = """
select subject, count(*) filter (where kind = 'gold wrong'), count(*) from mistakes
where evaluation_id = (select max(value) from current where key = 'evaluation_id') group by subject order by subject
"""


def gold_holds(session: Session) -> Finding:
    """Say whether few of the labels that differ from gold are gold's own mistakes, as far as can be seen."""
    found = session.store.rows(COUNTS)
    if not found:
        return Finding(True, "no label differs from gold, or there is no gold")
    subject, wrong, total = max(found, key=lambda row: row[1] / row[2])
    said = f"{wrong} of {total} labels of the {subject} that differ from gold are suspected to be right"
    return Finding(wrong < LEAST or wrong <= ALLOWED * total, said, {"suspected": wrong, "mistakes": total})


MISTAKE_CHECKS = (
    Rule(
        "gold_holds", "At most a tenth of the labels that differ from gold are suspected to be right.",
        "Look at them (linnaeus mistakes NAME --kind 'gold wrong'), and correct the gold labels of the corpus.", gold_holds,
    ),
)  # fmt: skip
