-- A row is one stage of one plan beside what the first run after it did.
CREATE OR REPLACE VIEW plan_against_run AS
WITH planned AS (
    SELECT
        plans.*,
        (SELECT arg_min(runs.run_id, runs.started_at) FROM runs WHERE runs.started_at >= plans.created_at) AS run_id,
        dense_rank() OVER (ORDER BY plans.created_at DESC) AS age
    FROM plans
)
SELECT
    planned.plan_id,
    planned.run_id,
    planned.stage,
    planned.calls AS planned_calls,
    (stage_runs.counts ->> 'calls')::BIGINT AS calls,
    planned.tokens_in + planned.tokens_out AS planned_tokens,
    (stage_runs.counts ->> 'tokens_in')::BIGINT + (stage_runs.counts ->> 'tokens_out')::BIGINT AS tokens,
    planned.seconds AS planned_seconds,
    stage_runs.seconds,
    planned.age = 1 AS latest,
    planned.note
FROM planned
LEFT JOIN stage_runs ON stage_runs.run_id = planned.run_id AND stage_runs.stage = planned.stage
ORDER BY planned.created_at, planned.plan_id, planned.seconds DESC;

COMMENT ON VIEW plan_against_run IS 'What plans predicted, beside what the first run after each of them did.';
COMMENT ON COLUMN plan_against_run.plan_id IS 'Plan.';
COMMENT ON COLUMN plan_against_run.run_id IS 'First run that began after it; null where none has.';
COMMENT ON COLUMN plan_against_run.stage IS 'Stage.';
COMMENT ON COLUMN plan_against_run.planned_calls IS 'Calls that were predicted.';
COMMENT ON COLUMN plan_against_run.calls IS 'Calls that were made.';
COMMENT ON COLUMN plan_against_run.planned_tokens IS 'Tokens that were predicted, of prompts and answers.';
COMMENT ON COLUMN plan_against_run.tokens IS 'Tokens that were used.';
COMMENT ON COLUMN plan_against_run.planned_seconds IS 'Wall time that was predicted.';
COMMENT ON COLUMN plan_against_run.seconds IS 'Wall time that it took.';
COMMENT ON COLUMN plan_against_run.latest IS 'Whether it is the newest plan.';
COMMENT ON COLUMN plan_against_run.note IS 'What the prediction rests on.';
