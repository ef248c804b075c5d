"""Reading what runs did and what was measured."""

from pipeline.records import Evaluation, ExamResult
from pipeline.store.reads import Reads

__all__ = ["RunReads"]


class RunReads(Reads):
    """Read figures, calls and stages."""

    def evaluations(self, subject: str | None = None) -> list[Evaluation]:
        """Give the figures, of any subject or of one, oldest first."""
        return [Evaluation(*row) for row in self.rows(EVALUATIONS, [subject, subject])]

    def evaluations_of(self, evaluation_id: str) -> list[Evaluation]:
        """Give the figures of one evaluation."""
        return [figure for figure in self.evaluations() if figure.evaluation_id == evaluation_id]

    def spent(self, run_id: str) -> tuple[int, int, int, float]:
        """Sum up a run so far: calls, failed ones included, tokens in, tokens out, and money where engines have prices."""
        calls, tokens_in, tokens_out, cost = self.rows(SPENT, [run_id])[0]
        return int(calls), int(tokens_in), int(tokens_out), float(cost)

    def failed_stages(self, run_id: str) -> int:
        """Count the stages of a run that failed."""
        return int(self.rows("select count(*) from stage_runs where run_id = ? and status = 'failed'", [run_id])[0][0])

    def exam_results(self, exam_id: str, model: str) -> dict[str, ExamResult]:
        """Give how a model did in one exam, by skill."""
        found = [ExamResult(*row) for row in self.rows(EXAM_RESULTS, [exam_id, model])]
        return {result.skill: result for result in found}

    def call_speed(self, model: str, purpose: str) -> tuple[int, float]:
        """Count the successful calls to a model for one purpose in all runs, and sum their milliseconds."""
        calls, milliseconds = self.rows(CALL_SPEED, [model, purpose])[0]
        return int(calls), float(milliseconds)


SPENT = """
select count(*), coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0), coalesce(sum(cost), 0) from llm_calls where run_id = ?
"""
CALL_SPEED = "select count(*), coalesce(sum(milliseconds), 0) from llm_calls where model = ? and purpose = ? and outcome = 'ok'"
EXAM_RESULTS = """
select exam_id, model, skill, passed, asked, needed, tokens_per_second from exams where exam_id = ? and model = ?
"""
EVALUATIONS = """
select evaluation_id, subject, metric, slice, value, low, high, n, judge
from evaluations where ? is null or subject = ? order by created_at, subject, metric, slice
"""
