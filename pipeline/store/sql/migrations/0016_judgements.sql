-- What models said of labels that others gave: each against wrong labels in both places, and whether it is of use.

CREATE TABLE judgements (
    judgement_id VARCHAR NOT NULL,
    model        VARCHAR NOT NULL,
    prompt       VARCHAR NOT NULL,
    text_hash    VARCHAR NOT NULL,
    taxonomy_id  VARCHAR NOT NULL,
    category_id  VARCHAR NOT NULL,
    question     VARCHAR NOT NULL,
    other_id     VARCHAR NOT NULL,
    place        BIGINT NOT NULL,
    repeat       BIGINT NOT NULL,
    verdict      BOOLEAN,
    probability  DOUBLE,
    reason       VARCHAR,
    created_at   TIMESTAMP NOT NULL
);
COMMENT ON TABLE judgements IS 'One answer of a judge about the label of one text; a row for each place of the label and each repeat.';
COMMENT ON COLUMN judgements.judgement_id IS 'Hash of what was asked of which model: text, label, wrong label, place, prompt, use case.';
COMMENT ON COLUMN judgements.model IS 'Model that judges.';
COMMENT ON COLUMN judgements.prompt IS 'Fingerprint of the prompt.';
COMMENT ON COLUMN judgements.text_hash IS 'Text with the label.';
COMMENT ON COLUMN judgements.taxonomy_id IS 'Taxonomy of the label; that of the baseline for its labels.';
COMMENT ON COLUMN judgements.category_id IS 'The label that is judged, whoever gave it.';
COMMENT ON COLUMN judgements.question IS 'against_random, against_hard: which of two labels fits the text better; relevance: which tells more of what the use case asks.';
COMMENT ON COLUMN judgements.other_id IS 'The label beside it: a wrong one, drawn or nearest by meaning, or placebo: and a name, one that says nothing of what a text is about.';
COMMENT ON COLUMN judgements.place IS 'Place of the label among the two: 0 first, 1 second.';
COMMENT ON COLUMN judgements.repeat IS 'Number of the label beside it, from 0.';
COMMENT ON COLUMN judgements.verdict IS 'Whether the label won; null where there was no usable answer.';
COMMENT ON COLUMN judgements.probability IS 'Probability of the label by the model''s token probabilities, 0 to 1; null where the server gives none.';
COMMENT ON COLUMN judgements.reason IS 'Why there is no usable answer; asked again by the next run. Null where there is one.';
COMMENT ON COLUMN judgements.created_at IS 'Time of writing the row, UTC.';
COMMENT ON COLUMN evaluations.subject IS 'What was measured: teacher, student, baseline, taxonomy, or the judges themselves.';
