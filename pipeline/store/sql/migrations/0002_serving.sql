-- What serving asks, costs, predicts and achieves.

ALTER TABLE llm_calls ADD COLUMN server VARCHAR;
ALTER TABLE llm_calls ADD COLUMN answer_form VARCHAR;
ALTER TABLE llm_calls ADD COLUMN parameters JSON;
ALTER TABLE llm_calls ADD COLUMN seed BIGINT;
ALTER TABLE llm_calls ADD COLUMN cost DOUBLE;
COMMENT ON COLUMN llm_calls.prompt IS 'Name of the prompt file, @, and the hash of all that is in it.';
COMMENT ON COLUMN llm_calls.server IS 'Software that answered, with its version; null where it did not say.';
COMMENT ON COLUMN llm_calls.answer_form IS 'Kind of answer that was allowed, @, and the hash of its options or its JSON schema.';
COMMENT ON COLUMN llm_calls.parameters IS 'What was asked of decoding: max_tokens, temperature.';
COMMENT ON COLUMN llm_calls.seed IS 'Seed of the decoding.';
COMMENT ON COLUMN llm_calls.cost IS 'Price of its tokens by engine.prices; null where none are given.';

CREATE TABLE plans (
    plan_id    VARCHAR NOT NULL,
    stage      VARCHAR NOT NULL,
    rows       BIGINT NOT NULL,
    calls      BIGINT NOT NULL,
    tokens_in  BIGINT NOT NULL,
    tokens_out BIGINT NOT NULL,
    seconds    DOUBLE NOT NULL,
    cost       DOUBLE,
    note       VARCHAR NOT NULL,
    created_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE plans IS 'What a plan predicted of one stage of the run that follows.';
COMMENT ON COLUMN plans.plan_id IS 'Plan it belongs to.';
COMMENT ON COLUMN plans.stage IS 'Name of the stage.';
COMMENT ON COLUMN plans.rows IS 'Rows it is to make.';
COMMENT ON COLUMN plans.calls IS 'Calls to models.';
COMMENT ON COLUMN plans.tokens_in IS 'Tokens of the prompts.';
COMMENT ON COLUMN plans.tokens_out IS 'Tokens of the answers.';
COMMENT ON COLUMN plans.seconds IS 'Wall time.';
COMMENT ON COLUMN plans.cost IS 'Price of the tokens by engine.prices; null where none are given.';
COMMENT ON COLUMN plans.note IS 'What the prediction rests on.';
COMMENT ON COLUMN plans.created_at IS 'Time of planning, UTC.';

CREATE TABLE exams (
    exam_id           VARCHAR NOT NULL,
    model             VARCHAR NOT NULL,
    skill             VARCHAR NOT NULL,
    passed            INTEGER NOT NULL,
    asked             INTEGER NOT NULL,
    needed            DOUBLE NOT NULL,
    tokens_per_second DOUBLE,
    created_at        TIMESTAMP NOT NULL
);
COMMENT ON TABLE exams IS 'How a model did in one skill of the exam.';
COMMENT ON COLUMN exams.exam_id IS 'Hash of the questions and of how they are marked.';
COMMENT ON COLUMN exams.model IS 'Model that was examined.';
COMMENT ON COLUMN exams.skill IS 'What was examined, as format, cap, language, choice, long_prompt or stability.';
COMMENT ON COLUMN exams.passed IS 'Questions passed.';
COMMENT ON COLUMN exams.asked IS 'Questions asked.';
COMMENT ON COLUMN exams.needed IS 'Share of questions from which the skill counts as passed, 0 to 1.';
COMMENT ON COLUMN exams.tokens_per_second IS 'Answer tokens a second over the questions of this skill, all in flight together; null where none was asked anew.';
COMMENT ON COLUMN exams.created_at IS 'Time of the exam, UTC.';

CREATE TABLE stage_serving (
    run_id          VARCHAR NOT NULL,
    stage           VARCHAR NOT NULL,
    model           VARCHAR NOT NULL,
    server          VARCHAR,
    questions       BIGINT NOT NULL,
    from_ledger     BIGINT NOT NULL,
    calls           BIGINT NOT NULL,
    failed_calls    BIGINT NOT NULL,
    tokens_in       BIGINT NOT NULL,
    tokens_cached   BIGINT NOT NULL,
    tokens_out      BIGINT NOT NULL,
    cost            DOUBLE,
    seconds         DOUBLE NOT NULL,
    busy_seconds    DOUBLE NOT NULL,
    in_flight       DOUBLE NOT NULL,
    most_in_flight  INTEGER NOT NULL,
    queued          DOUBLE,
    most_queued     DOUBLE,
    created_at      TIMESTAMP NOT NULL
);
COMMENT ON TABLE stage_serving IS 'What one stage of one run asked of one model, and how busy it kept the server.';
COMMENT ON COLUMN stage_serving.run_id IS 'Run it belongs to.';
COMMENT ON COLUMN stage_serving.stage IS 'Name of the stage.';
COMMENT ON COLUMN stage_serving.model IS 'Model that was asked.';
COMMENT ON COLUMN stage_serving.server IS 'Software that answered, with its version; null where it did not say.';
COMMENT ON COLUMN stage_serving.questions IS 'Questions that the stage had.';
COMMENT ON COLUMN stage_serving.from_ledger IS 'Questions that the ledger answered.';
COMMENT ON COLUMN stage_serving.calls IS 'Calls made, failed ones included.';
COMMENT ON COLUMN stage_serving.failed_calls IS 'Calls without a usable answer.';
COMMENT ON COLUMN stage_serving.tokens_in IS 'Tokens of the prompts.';
COMMENT ON COLUMN stage_serving.tokens_cached IS 'Tokens of the prompts that the server had cached.';
COMMENT ON COLUMN stage_serving.tokens_out IS 'Tokens of the answers.';
COMMENT ON COLUMN stage_serving.cost IS 'Price of the tokens by engine.prices; null where none are given.';
COMMENT ON COLUMN stage_serving.seconds IS 'Time from the first question to the last answer.';
COMMENT ON COLUMN stage_serving.busy_seconds IS 'Part of it in which at least one call was in flight.';
COMMENT ON COLUMN stage_serving.in_flight IS 'Calls in flight, mean over the busy time.';
COMMENT ON COLUMN stage_serving.most_in_flight IS 'Calls in flight, at most.';
COMMENT ON COLUMN stage_serving.queued IS 'Calls that waited in the server''s own queue, mean over its reports; null where it reports none.';
COMMENT ON COLUMN stage_serving.most_queued IS 'Calls that waited in the server''s own queue, at most.';
COMMENT ON COLUMN stage_serving.created_at IS 'Time of recording, UTC.';
