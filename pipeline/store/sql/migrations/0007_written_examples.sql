-- What a model wrote for rare categories. These are no documents: they have a table of their own, and nothing is ever measured on them.

CREATE TABLE written_examples (
    example_id   VARCHAR NOT NULL,
    taxonomy_id  VARCHAR NOT NULL,
    category_id  VARCHAR NOT NULL,
    attempt      BIGINT NOT NULL,
    model        VARCHAR NOT NULL,
    prompt       VARCHAR NOT NULL,
    text         VARCHAR,
    text_hash    VARCHAR,
    shown        VARCHAR[],
    annotator_id VARCHAR,
    annotated_id VARCHAR,
    reason       VARCHAR,
    created_at   TIMESTAMP NOT NULL
);
COMMENT ON TABLE written_examples IS 'Texts that a model wrote for categories with few labels. They are synthetic: no documents, without labels, never judged on.';
COMMENT ON COLUMN written_examples.example_id IS 'Hash of taxonomy, category, prompt, model, settings and attempt.';
COMMENT ON COLUMN written_examples.taxonomy_id IS 'Taxonomy of the category.';
COMMENT ON COLUMN written_examples.category_id IS 'Category that it was written for.';
COMMENT ON COLUMN written_examples.attempt IS 'Number of the attempt for this category, from 0.';
COMMENT ON COLUMN written_examples.model IS 'Model that wrote it.';
COMMENT ON COLUMN written_examples.prompt IS 'Fingerprint of the prompt.';
COMMENT ON COLUMN written_examples.text IS 'What was written; null where that failed.';
COMMENT ON COLUMN written_examples.text_hash IS 'Hash of the text.';
COMMENT ON COLUMN written_examples.shown IS 'Text hashes of the documents of the category that the model was shown; they do not judge whether examples help.';
COMMENT ON COLUMN written_examples.annotator_id IS 'Annotator that was asked what it is; null before that.';
COMMENT ON COLUMN written_examples.annotated_id IS 'Category by the annotator; it teaches a student only where this is the category that it was written for.';
COMMENT ON COLUMN written_examples.reason IS 'Why there is no text, or no category by the annotator; null where there are both.';
COMMENT ON COLUMN written_examples.created_at IS 'Time of writing the row, UTC.';
