"""The exam of a role's model: taking it, what came of it, and what a run does about that."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from weakref import WeakKeyDictionary

from pipeline.call_records import ExamResult
from pipeline.errors import EngineError, ExamFailedError
from pipeline.evaluation import Figure, share
from pipeline.exam import NEEDS, SKILLS, Task, carries, exam_id, in_turn, marks, tasks_of
from pipeline.ids import content_id
from pipeline.serving import Answer
from pipeline.settings import ROLES, Project, Role
from pipeline.stages.session import Session

__all__ = ["Verdict", "carried", "check_role", "explain", "is_enough", "rate", "take_exam", "take_exams", "verdict"]


@dataclass(frozen=True)
class Verdict:
    """What the exam says of a role's model: all its results, and those that are less than the role needs."""

    role: Role
    model: str
    state: Literal["not examined", "passed", "failed"]
    results: tuple[ExamResult, ...]
    failed: tuple[ExamResult, ...] = ()


def take_exam(session: Session, role: Role, *, again: bool = False) -> list[ExamResult]:
    """Examine the model of a role in every skill that has no result yet, and store each result as it comes.

    :param again: ask everything anew, with another seed.
    :raises EngineError: where the server failed, so that nothing can be said of the model.
    """
    paper, model = _paper(session, role), session.model_of(role)
    known = session.store.exam_results(paper, model)
    seed = int(content_id("seed", session.run_id)[-7:], 16) if again else 0
    for skill in SKILLS:
        if again or skill not in known:
            known[skill] = _examined(session, role, skill, seed, known.get(skill))
            session.store.save([known[skill]])
    return [known[skill] for skill in SKILLS]


def take_exams(session: Session, *, again: bool = False) -> list[Verdict]:
    """Examine the models of all roles, a model that has two roles once."""
    examined: set[tuple[str, str]] = set()
    for role in ROLES:
        sitting = (_paper(session, role), session.model_of(role))
        take_exam(session, role, again=again and sitting not in examined)
        examined.add(sitting)
    session.store.publish()
    return [verdict(session, role) for role in ROLES]


def verdict(session: Session, role: Role) -> Verdict:
    """Say what the stored results mean for a role; no model is asked, and no server started."""
    model = session.model_of(role)
    known = session.store.exam_results(_paper(session, role), model)
    results = tuple(known[skill] for skill in SKILLS if skill in known)
    if not set(NEEDS[role]) <= set(known):
        return Verdict(role, model, "not examined", results)
    failed = tuple(known[skill] for skill in NEEDS[role] if not is_enough(known[skill]))
    return Verdict(role, model, "failed" if failed else "passed", results, failed)


def carried(session: Session) -> int:
    """Say how many phrases the generator can group at once, by its exam; 0 where it cannot, or was not examined."""
    return carries(session.store.exam_results(_paper(session, "generator"), session.model_of("generator")).values())


def is_enough(result: ExamResult) -> bool:
    """Say whether a skill was passed."""
    return result.passed / result.asked >= result.needed


def rate(result: ExamResult) -> Figure:
    """Give the share of questions passed, with its Wilson interval."""
    return share([True] * result.passed + [False] * (result.asked - result.passed))


_CHECKED: WeakKeyDictionary[Session, set[Role]] = WeakKeyDictionary()


def check_role(session: Session, role: Role | None) -> None:
    """Do what the project's key `exam` says about a role's model, once in a session: nothing, a message, or an end.

    :param role: None for a stage that asks no model.
    :raises ExamFailedError: where the project refuses a model that failed, or was not examined.
    """
    setting, checked = session.project.exam, _CHECKED.setdefault(session, set())
    if role is None or setting == "off" or role in checked:
        return
    found = verdict(session, role)
    if setting == "refuse" and found.state != "passed":
        raise ExamFailedError(f"{explain(found, project=session.project)} The project file says exam: refuse.")
    checked.add(role)
    if found.state != "passed":
        session.progress.status(explain(found, project=session.project))


def explain(found: Verdict, *, project: Project) -> str:
    """Say in one line what was found, what it means and what to do."""
    command = f"`linnaeus exam {project.name}`"
    if found.state == "not examined":
        return f"The {found.role} {found.model} has not been examined; {command} takes some minutes and says what it is fit for."
    if found.state == "passed":
        return f"{found.model} is fit: it passed {', '.join(NEEDS[found.role])}."
    skills = "; ".join(
        f"{result.skill}, {result.passed} of {result.asked} with {result.needed:.0%} needed: {SKILLS[result.skill].suffers}"
        for result in found.failed
    )
    key = f"{found.role}.model" if getattr(project, found.role) else "engine.model"
    return f"The {found.role} {found.model} failed the exam in {skills}. Set another {key}, and examine it with {command}."


def _paper(session: Session, role: Role) -> str:
    return exam_id(session.project.engine_of(role).context_tokens)


def _examined(session: Session, role: Role, skill: str, seed: int, before: ExamResult | None) -> ExamResult:
    chat, context = session.chat_of(role), session.project.engine_of(role).context_tokens
    passed: list[bool] = []
    for tasks in in_turn(tasks_of(skill, context_tokens=context, seed=seed)):
        if not all(passed):  # what is harder than what a model has failed is not asked, and counts as failed
            passed += [False] * len(tasks)
            continue
        questions = [question for task in tasks for question in task.questions]
        answers = list(session.progress.track(chat.ask(questions), total=len(questions), what=skill, size=lambda _: 1))
        passed += _marked(skill, tasks, answers)
    speed = _tokens_per_second(session) or (before.tokens_per_second if before else None)
    return ExamResult(_paper(session, role), chat.model, skill, sum(passed), len(passed), SKILLS[skill].needed, speed)


def _tokens_per_second(session: Session) -> float | None:
    """Give the speed since the last time, the start of the server left out; None where the ledger had all answers."""
    served = session.served("exam")
    tokens, busy = sum(part.tokens_out for part in served), sum(part.busy_seconds for part in served)
    return tokens / busy if tokens and busy else None


def _marked(skill: str, tasks: Sequence[Task], answers: Sequence[Answer]) -> list[bool]:
    errors = [answer.error or answer.outcome for answer in answers if answer.outcome == "server_error"]
    if errors:
        raise EngineError(f"The server failed {len(errors)} of {len(answers)} questions on {skill}, as: {errors[0]} Run the exam again.")
    return marks(tasks, answers)
