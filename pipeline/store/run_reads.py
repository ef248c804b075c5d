"""Reading what runs did and what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from pipeline.call_records import ExamResult
from pipeline.records import Evaluation
from pipeline.store.student_reads import StudentReads

__all__ = ["RunReads", "Throughput"]


@dataclass(frozen=True)
class Throughput:
    """What calls of one kind took together; `seconds` is wall time with calls in flight."""

    calls: int
    seconds: float
    tokens_in: int
    tokens_cached: int
    tokens_out: int


class RunReads(StudentReads):
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

    def stage_throughput(self, model: str) -> dict[str, Throughput]:
        """Sum up, by stage, what was asked of a model in the last three runs that asked it anything there."""
        return {stage: Throughput(*sums) for stage, *sums in self.rows(STAGE_THROUGHPUT, [model])}

    def call_throughput(self, model: str) -> dict[str, Throughput]:
        """Sum up, by purpose, the calls to a model; their time is that from the first to the last of a run, pauses included."""
        return {purpose: Throughput(*sums) for purpose, *sums in self.rows(CALL_THROUGHPUT, [model])}

    def answered(self, keys: Sequence[str]) -> Throughput:
        """Sum up the calls that gave the answers to some questions, by the keys of the ledger; their time is not known."""
        found = self.rows(ANSWERED, wanted=pa.table({"call_key": pa.array(list(keys), pa.string())}))
        return Throughput(*found[0])

    def settled(self, keys: Sequence[str]) -> Throughput:
        """Sum up the answers to some questions that came after the first quarter, when the server was at its pace.

        Only those that one run asked are taken, the run with the most; no seconds where most calls were written several at a time.
        """
        found = self.rows(SETTLED, wanted=pa.table({"call_key": pa.array(list(keys), pa.string())}))
        return Throughput(*found[0]) if found else Throughput(0, 0.0, 0, 0, 0)

    def stage_rate(self, stage: str) -> float | None:
        """Give the rows a second that a stage made in the last three runs that made any; None where none has."""
        seconds, made = self.rows(STAGE_RATE, [stage])[0]
        return float(made) / float(seconds) if made and seconds else None


SPENT = """
select count(*), coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0), coalesce(sum(cost), 0) from llm_calls where run_id = ?
"""
STAGE_THROUGHPUT = """
select stage, sum(calls)::bigint, sum(busy_seconds), sum(tokens_in)::bigint, sum(tokens_cached)::bigint, sum(tokens_out)::bigint
from (
    select * from stage_serving where model = ? and calls > 0
    qualify row_number() over (partition by stage order by created_at desc) <= 3
)
group by stage
"""
CALL_THROUGHPUT = """
with spans as (
    select purpose, count(*) as calls, max(epoch(created_at)) - min(epoch(created_at) - milliseconds / 1000) as seconds,
        sum(tokens_in) as tokens_in, sum(tokens_cached) as tokens_cached, sum(tokens_out) as tokens_out
    from llm_calls where model = ? group by purpose, run_id
)
select purpose, sum(calls)::bigint, sum(seconds), sum(tokens_in)::bigint, sum(tokens_cached)::bigint, sum(tokens_out)::bigint
from spans group by purpose
"""
ANSWERED = """
select count(*), 0.0, coalesce(sum(tokens_in), 0)::bigint, coalesce(sum(tokens_cached), 0)::bigint, coalesce(sum(tokens_out), 0)::bigint
from (
    select * from llm_calls where outcome = 'ok' and call_key in (select call_key from wanted)
    qualify row_number() over (partition by call_key order by created_at desc) = 1
)
"""
SETTLED = """
with placed as (
    select *, row_number() over (partition by run_id order by created_at) as place, count(*) over (partition by run_id) as asked
    from llm_calls where outcome = 'ok' and call_key in (select call_key from wanted)
)
select
    count(*) filter (where place > asked // 4),
    case when 2 * count(distinct created_at) >= count(*)
        then epoch(max(created_at)) - epoch(max(created_at) filter (where place <= greatest(1, asked // 4))) else 0.0 end,
    coalesce(sum(tokens_in) filter (where place > asked // 4), 0)::bigint,
    coalesce(sum(tokens_cached) filter (where place > asked // 4), 0)::bigint,
    coalesce(sum(tokens_out) filter (where place > asked // 4), 0)::bigint
from placed group by run_id order by count(*) desc, max(created_at) desc limit 1
"""
STAGE_RATE = """
select sum(seconds), sum(made) from (
    select seconds, (counts ->> 'made')::bigint as made from stage_runs
    where stage = ? and status = 'done' and (counts ->> 'made')::bigint > 0 order by started_at desc limit 3
)
"""
EXAM_RESULTS = """
select exam_id, model, skill, passed, asked, needed, tokens_per_second from exams where exam_id = ? and model = ?
"""
EVALUATIONS = """
select evaluation_id, subject, metric, slice, value, low, high, n, judge
from evaluations where ? is null or subject = ? order by created_at, subject, metric, slice
"""
