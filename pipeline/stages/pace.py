"""How long and how many tokens questions take: from what calls took before, as near to the case as there are any.

A server computes the part of a prompt that all questions of a stage share once, then each question's own part and its
answer. What calls took is divided by what they would take at nominal speeds of prompts and answers: this one factor is
all that one kind of question tells of the speed of another.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from pipeline.settings import JudgeSettings
from pipeline.stages.probe import Probe
from pipeline.stages.session import ROLE_OF, Session
from pipeline.store import Throughput

__all__ = ["TURN", "Estimate", "Pace", "Shape", "characters_a_token"]

TURN = 5.0  # tokens that a chat template adds to a turn
ENGLISH = 4.0  # characters a token, where no call has told
# Tokens a second, of a prompt's own part and of an answer, where nothing is known of the model.
NOMINAL = {"embedded": (80.0, 16.0), "vllm": (5000.0, 1000.0), "url": (1000.0, 200.0)}
STAGES_OF = {
    "facet": "facets", "summarise": "summaries", "generate": "generated_taxonomy", "update": "updated_taxonomy", "review": "reviewed_taxonomy",
    "select": "selected_taxonomy", "describe": "taxonomy", "annotate": "annotations", "write": "written_examples", "baseline": "baseline",
    "judgement": "judgements",
    "tie_break": "mistakes",
    "definition": "definition_checks",
}  # fmt: skip
FEWEST = 5  # calls from which they say anything of others


@dataclass(frozen=True)
class Shape:
    """The tokens of a question: of the part that all of its kind share, of its own part, and of its answer."""

    fixed: float
    own: float
    answer: float


@dataclass(frozen=True)
class Estimate:
    """What the questions of one stage take, and what that rests on."""

    tokens_in: int
    tokens_cached: int
    tokens_out: int
    seconds: float
    note: str


@dataclass(frozen=True)
class Basis:
    """Calls of one stage that were made, and where they are known from; with `settled` the shared part was computed before."""

    stage: str
    took: Throughput
    said: str
    settled: bool = False


def characters_a_token(probe: Probe | None) -> float:
    """Give the characters of a prompt that are one token, as the probe found it."""
    if probe is None or not probe.answers.tokens_in or not probe.documents:
        return ENGLISH
    tokens = probe.answers.tokens_in / probe.answers.calls - TURN * probe.turns / probe.documents
    return max(1.0, probe.characters / probe.documents / max(1.0, tokens))


class Pace:
    """Estimates for the stages of one project."""

    def __init__(self, session: Session, probe: Probe | None, shapes: Mapping[str, Shape]) -> None:
        """Take the shapes that the questions of each stage have as far as the prompts tell."""
        self._session = session
        self._probe = probe
        self._shapes = shapes
        self._bases = cache(lambda model: list(self._known(model)))

    def of(self, stage: str, calls: int, judge: JudgeSettings | None = None) -> Estimate:
        """Estimate so many questions of a stage: from calls of the same stage, else from others to the same model, else from nominal speeds.

        :param judge: who is asked in place of the model of the stage's role.
        """
        if not calls:
            return Estimate(0, 0, 0, 0.0, "nothing left to ask")
        kind = (judge or self._session.project.engine_of(ROLE_OF[stage])).kind
        bases = [basis for basis in self._bases(self._model(stage, judge)) if basis.took.seconds > 0]
        basis = next((basis for basis in bases if basis.stage == stage), next(iter(bases), None))
        if basis is None:
            shape, factor, note = self._shapes[stage], 1.0, "speed assumed: no calls to this model yet"
        else:
            shape = self._seen(basis) if basis.stage == stage else self._shapes[stage]
            factor = basis.took.seconds / self._work(kind, self._seen(basis), basis.took.calls, basis, again=basis.settled)
            prompts, answers = (speed / factor for speed in NOMINAL[kind])
            scaled = f"scaled from {basis.said} of {basis.stage}, as {prompts:.0f} prompt and {answers:.0f} answer tokens a second"
            note = f"speed of {basis.said}" if basis.stage == stage else scaled
        cached = round((calls - 1) * shape.fixed) if basis is not None and basis.took.tokens_cached else 0
        seconds = factor * self._work(kind, shape, calls, basis)
        return Estimate(round(calls * (shape.fixed + shape.own)), cached, round(calls * shape.answer), seconds, note)

    def _known(self, model: str) -> Iterator[Basis]:
        """List what is known of a model, the surest first."""
        probe, store = self._probe, self._session.store
        probed = probe if probe is not None and self._session.model_of(ROLE_OF[probe.stage]) == model and probe.settled.calls >= FEWEST else None
        if probed is not None and probed.now.calls:
            yield Basis(probed.stage, probed.settled, f"{probed.now.calls} questions asked just now", settled=probed.settled is not probed.now)
        earlier = {stage: took for stage, took in store.stage_throughput(model).items() if took.calls >= FEWEST}
        for stage in sorted(earlier, key=lambda stage: -earlier[stage].calls):
            if stage in self._shapes:
                yield Basis(stage, earlier[stage], f"{earlier[stage].calls} calls of earlier runs")
        if probed is not None and not probed.now.calls:
            yield Basis(probed.stage, probed.settled, f"{probed.answers.calls} answers in the ledger, by their times", settled=True)
        for purpose, took in store.call_throughput(model).items():
            if purpose in STAGES_OF and took.calls >= FEWEST:
                yield Basis(STAGES_OF[purpose], took, f"{took.calls} calls in the ledger, by their times")

    def _seen(self, basis: Basis) -> Shape:
        """Give the shape that calls had; how much of it is shared is what the prompts tell."""
        took, fixed = basis.took, self._shapes[basis.stage].fixed
        prompt = took.tokens_in / took.calls
        computed = took.tokens_in - took.tokens_cached - (0.0 if basis.settled else fixed)
        own = max(0.0, computed) / took.calls if took.tokens_cached else max(0.0, prompt - fixed)
        return Shape(max(0.0, prompt - own), own, took.tokens_out / took.calls)

    def _work(self, kind: str, shape: Shape, calls: int, basis: Basis | None, *, again: bool = False) -> float:
        """Give the seconds that calls take at nominal speeds, the shared part counted once where the server keeps it, and not `again`."""
        prompts, answers = NOMINAL[kind]
        keeps = (basis is not None and basis.took.tokens_cached > 0) or kind != "url"
        computed = (0.0 if again else shape.fixed) + calls * shape.own if keeps else calls * (shape.fixed + shape.own)
        return max(1e-9, computed / prompts + calls * shape.answer / answers)

    def _model(self, stage: str, judge: JudgeSettings | None) -> str:
        return self._session.model_of(ROLE_OF[stage]) if judge is None else self._session.model_of_judge(judge)
