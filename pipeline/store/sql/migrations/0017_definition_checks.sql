-- Whether each definition of a taxonomy fits sampled texts, and what an annotator says when it is asked again.

CREATE TABLE definition_checks (
    text_hash    VARCHAR NOT NULL,
    taxonomy_id  VARCHAR NOT NULL,
    category_id  VARCHAR NOT NULL,
    annotator_id VARCHAR NOT NULL,
    answer       VARCHAR,
    probability  DOUBLE,
    reason       VARCHAR,
    message      VARCHAR,
    created_at   TIMESTAMP NOT NULL
);
COMMENT ON TABLE definition_checks IS 'Whether the definition of a category fits a sampled text, by a model that is shown no other category.';
COMMENT ON COLUMN definition_checks.text_hash IS 'Hash of the text.';
COMMENT ON COLUMN definition_checks.taxonomy_id IS 'Version of the taxonomy.';
COMMENT ON COLUMN definition_checks.category_id IS 'Category whose definition is asked about.';
COMMENT ON COLUMN definition_checks.annotator_id IS 'Model with its question, an annotator of the kind checker.';
COMMENT ON COLUMN definition_checks.answer IS 'yes where the definition fits the text, no where it does not; null where there is no usable answer.';
COMMENT ON COLUMN definition_checks.probability IS 'Probability that it fits, 0 to 1, without what the model leans to; null where the model gives no scores.';
COMMENT ON COLUMN definition_checks.reason IS 'Why there is no answer; null where there is one.';
COMMENT ON COLUMN definition_checks.message IS 'What went wrong, in words; null where nothing did.';
COMMENT ON COLUMN definition_checks.created_at IS 'Time of writing, UTC.';
COMMENT ON COLUMN annotators.kind IS 'llm, teacher, human, rule, vote where several were heard, shared where a near copy takes the label of its original, repeat where a model is asked again, or checker where it is asked whether a definition fits.';
