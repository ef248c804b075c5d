-- How far each day or batch of documents differs from those before it.

CREATE TABLE drift (
    classifier_id       VARCHAR NOT NULL,
    part                VARCHAR NOT NULL,
    documents           BIGINT NOT NULL,
    before              BIGINT NOT NULL,
    distance            DOUBLE,
    distance_by_chance  DOUBLE,
    changes             VARCHAR NOT NULL,
    strangers           DOUBLE,
    strangers_before    DOUBLE,
    strangers_by_chance DOUBLE,
    probability         DOUBLE NOT NULL,
    probability_before  DOUBLE,
    agreement           DOUBLE,
    judged              BIGINT NOT NULL,
    inputs              VARCHAR NOT NULL,
    created_at          TIMESTAMP NOT NULL
);
COMMENT ON TABLE drift IS 'How far each part of the corpus differs from those before it, by the labels of a student.';
COMMENT ON COLUMN drift.classifier_id IS 'Student whose labels are compared.';
COMMENT ON COLUMN drift.part IS 'Day or batch; where the project has no partitions, the day on which documents were first seen (UTC).';
COMMENT ON COLUMN drift.documents IS 'Distinct texts of the part with a prediction.';
COMMENT ON COLUMN drift.before IS 'Distinct texts of each part before it, added up.';
COMMENT ON COLUMN drift.distance IS 'Total variation distance of the labels to those before, 0 to 1; null where there are too few before.';
COMMENT ON COLUMN drift.distance_by_chance IS 'Distance that a part without any change passes once in a thousand, by its size.';
COMMENT ON COLUMN drift.changes IS 'The categories that changed most, as JSON: category id to its share before and in the part.';
COMMENT ON COLUMN drift.strangers IS 'Share of texts whose novelty is at least 0.95, which 1 in 20 documents like the training documents reaches; null where novelty is not known.';
COMMENT ON COLUMN drift.strangers_before IS 'The same share of the parts before.';
COMMENT ON COLUMN drift.strangers_by_chance IS 'Share that a part without any change passes once in a thousand, by its size.';
COMMENT ON COLUMN drift.probability IS 'Mean probability of the predictions.';
COMMENT ON COLUMN drift.probability_before IS 'The same mean of the parts before.';
COMMENT ON COLUMN drift.agreement IS 'Share of the model''s labels of the part, of those the student did not learn from, that the student agrees with; null where there are none.';
COMMENT ON COLUMN drift.judged IS 'Number of these labels.';
COMMENT ON COLUMN drift.inputs IS 'Hash of the counts that this was computed from.';
COMMENT ON COLUMN drift.created_at IS 'Time of the comparison, UTC.';
