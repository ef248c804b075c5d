"""Reading what runs did and what was measured."""

from pipeline.records import Evaluation
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

    def spent(self, run_id: str) -> tuple[int, int, int]:
        """Sum up a run so far: calls, failed ones included, tokens in and tokens out."""
        calls, tokens_in, tokens_out = self.rows(SPENT, [run_id])[0]
        return int(calls), int(tokens_in), int(tokens_out)

    def failed_stages(self, run_id: str) -> int:
        """Count the stages of a run that failed."""
        return int(self.rows("select count(*) from stage_runs where run_id = ? and status = 'failed'", [run_id])[0][0])

    def call_speed(self, model: str, purpose: str) -> tuple[int, float]:
        """Count the successful calls to a model for one purpose in all runs, and sum their milliseconds."""
        calls, milliseconds = self.rows(CALL_SPEED, [model, purpose])[0]
        return int(calls), float(milliseconds)


SPENT = "select count(*), coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0) from llm_calls where run_id = ?"
CALL_SPEED = "select count(*), coalesce(sum(milliseconds), 0) from llm_calls where model = ? and purpose = ? and outcome = 'ok'"
EVALUATIONS = """
select evaluation_id, subject, metric, slice, value, low, high, n, judge
from evaluations where ? is null or subject = ? order by created_at, subject, metric, slice
"""
