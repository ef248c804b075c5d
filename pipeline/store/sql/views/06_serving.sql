-- A row is what one stage of one run asked of one model, with its rates.
CREATE OR REPLACE VIEW serving AS
SELECT
    run_id,
    stage,
    model,
    server,
    questions,
    calls,
    failed_calls,
    from_ledger / nullif(questions, 0) AS ledger_share,
    tokens_cached / nullif(tokens_in, 0) AS prefix_cache_share,
    (calls - failed_calls) / nullif(seconds, 0) AS answers_per_second,
    (tokens_in + tokens_out) / nullif(seconds, 0) AS tokens_per_second,
    busy_seconds / nullif(seconds, 0) AS busy_share,
    in_flight,
    queued,
    cost,
    seconds
FROM stage_serving
ORDER BY created_at;

COMMENT ON VIEW serving IS 'What each stage of each run asked of each model, and at which rates.';
COMMENT ON COLUMN serving.run_id IS 'Run that asked.';
COMMENT ON COLUMN serving.stage IS 'Stage that asked.';
COMMENT ON COLUMN serving.model IS 'Model that was asked.';
COMMENT ON COLUMN serving.server IS 'Software that answered, with its version; null where it did not say.';
COMMENT ON COLUMN serving.questions IS 'Questions that the stage had.';
COMMENT ON COLUMN serving.calls IS 'Calls made, failed ones included.';
COMMENT ON COLUMN serving.failed_calls IS 'Calls without a usable answer.';
COMMENT ON COLUMN serving.ledger_share IS 'Share of the questions that the ledger answered, 0 to 1.';
COMMENT ON COLUMN serving.prefix_cache_share IS 'Share of the prompt tokens that the server had cached, 0 to 1.';
COMMENT ON COLUMN serving.answers_per_second IS 'Usable answers a second.';
COMMENT ON COLUMN serving.tokens_per_second IS 'Tokens of prompts and answers a second.';
COMMENT ON COLUMN serving.busy_share IS 'Share of the time in which at least one call was in flight, 0 to 1.';
COMMENT ON COLUMN serving.in_flight IS 'Calls in flight, mean over the busy time.';
COMMENT ON COLUMN serving.queued IS 'Calls that waited in the server''s own queue, mean over its reports; null where it reports none.';
COMMENT ON COLUMN serving.cost IS 'Price of the tokens by engine.prices; null where none are given.';
COMMENT ON COLUMN serving.seconds IS 'Time from the first question to the last answer.';
