-- A row is what one run asked one model for one purpose.
CREATE OR REPLACE VIEW cost AS
SELECT
    run_id,
    purpose,
    model,
    count(*) AS calls,
    count(*) FILTER (WHERE outcome <> 'ok') AS failed_calls,
    sum(tokens_in)::BIGINT AS tokens_in,
    sum(tokens_cached)::BIGINT AS tokens_cached,
    sum(tokens_out)::BIGINT AS tokens_out,
    sum(milliseconds) / 1000 AS seconds,
    sum(cost) AS cost
FROM llm_calls
GROUP BY run_id, purpose, model
ORDER BY min(created_at), purpose;

COMMENT ON VIEW cost IS 'What each run asked each model for each purpose.';
COMMENT ON COLUMN cost.run_id IS 'Run that asked.';
COMMENT ON COLUMN cost.purpose IS 'What the questions were for.';
COMMENT ON COLUMN cost.model IS 'Model that was asked.';
COMMENT ON COLUMN cost.calls IS 'Attempts, failed ones included.';
COMMENT ON COLUMN cost.failed_calls IS 'Attempts without a usable answer.';
COMMENT ON COLUMN cost.tokens_in IS 'Tokens of the prompts.';
COMMENT ON COLUMN cost.tokens_cached IS 'Tokens of the prompts that the server had cached.';
COMMENT ON COLUMN cost.tokens_out IS 'Tokens of the answers.';
COMMENT ON COLUMN cost.seconds IS 'Time of the calls added up; calls in flight at once count each.';
COMMENT ON COLUMN cost.cost IS 'Price of the tokens by engine.prices; null where none are given.';
