"""What a number of labelling calls would buy: documents, votes, and the student to be expected of them."""

from pipeline.annotation import BudgetOption, LearningPoint, Offer, fit_curve, plan_budget
from pipeline.annotation.learning_curve import CORRELATION
from pipeline.stages.asking import current_taxonomy, first_annotator
from pipeline.stages.session import Session

__all__ = ["label_budget"]

ASSUMED = (0.7, 0.5, 0.9)  # accuracy of an annotator that nothing measured, and how far off that may be
PERSON = (0.95, 0.9, 0.99)  # of a person, likewise
PERSON_COST = 50.0  # calls that a label by a person is taken to cost


def label_budget(session: Session, calls: int) -> list[BudgetOption]:
    """List ways to spend so many calls on labels, the best expected student first, with the grounds of each."""
    present = current_taxonomy(session)
    annotator, _ = first_annotator(session, present)
    accuracy, low, high, ground = _accuracy(session, annotator.annotator_id)
    offers = [
        Offer("the model", 1.0, accuracy, low, high, ground),
        Offer("a person", PERSON_COST, *PERSON, f"assumed, at {PERSON_COST:g} calls a label"),
    ]
    categories, points = len(present.leaves), _points(session)
    curve = fit_curve(points, accuracy=accuracy, categories=categories, correlation=CORRELATION) if points else None
    return plan_budget(offers, budget=calls, documents=session.store.counts()["texts"], categories=categories, curve=curve, unit="calls")


def _accuracy(session: Session, annotator_id: str) -> tuple[float, float, float, str]:
    """Give the model's accuracy with its interval and ground: against gold, else against other annotators, else assumed."""
    gold = session.store.rows(
        "select value, low, high, n from evaluations where subject = 'teacher' and metric = 'exact_accuracy' and slice = 'all'"
        " and judge = 'gold labels'"
        " and evaluation_id = (select value from current where key = 'evaluation_id')"
    )
    if gold:
        value, low, high, n = gold[0]
        return value, low, high, f"gold labels, n = {n}"
    rows = session.store.rows("select accuracy, low, high, judge, n from annotator_quality where annotator_id = ? and flag = ''", [annotator_id])
    if rows:
        value, low, high, judge, n = rows[0]
        return value, low, high, f"{judge}, n = {n}"
    return *ASSUMED, "assumed: nothing measured it yet"


def _points(session: Session) -> list[LearningPoint]:
    """Give what is known of how students learn here: the present one's size and how often it agrees with its teacher."""
    current = session.store.current("classifier_id")
    if current is None:
        return []
    student = session.store.student(current)
    return [LearningPoint(student.trained_on, student.metrics["agreement"])]
