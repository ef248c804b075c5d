-- What makes a label one that can be believed: what supports it, how its probability was made, and how good its annotator is.

ALTER TABLE labels ADD COLUMN also VARCHAR[] DEFAULT [];
ALTER TABLE labels ADD COLUMN reason VARCHAR;
ALTER TABLE labels ADD COLUMN calibration VARCHAR;
ALTER TABLE labels ADD COLUMN evidence VARCHAR;
ALTER TABLE labels ADD COLUMN evidence_start BIGINT;
ALTER TABLE labels ADD COLUMN rationale VARCHAR;
COMMENT ON COLUMN labels.category_id IS 'Category; null where none is given.';
COMMENT ON COLUMN labels.also IS 'Categories that apply beside the primary one.';
COMMENT ON COLUMN labels.reason IS 'Why there is no category: none_fits or unsure.';
COMMENT ON COLUMN labels.calibration IS 'What made the probability of the scores; uncalibrated where no known label was used.';
COMMENT ON COLUMN labels.evidence IS 'Quote of the text that supports the label.';
COMMENT ON COLUMN labels.evidence_start IS 'Characters of the text before the quote.';
COMMENT ON COLUMN labels.rationale IS 'Why this label, in the annotator''s words.';
COMMENT ON COLUMN annotators.kind IS 'llm, teacher, human, rule, or vote where several were heard.';

CREATE TABLE annotator_quality (
    taxonomy_id  VARCHAR NOT NULL,
    annotator_id VARCHAR NOT NULL,
    accuracy     DOUBLE NOT NULL,
    low          DOUBLE NOT NULL,
    high         DOUBLE NOT NULL,
    n            BIGINT NOT NULL,
    judge        VARCHAR NOT NULL,
    flag         VARCHAR NOT NULL
);
COMMENT ON TABLE annotator_quality IS 'How good an annotator''s labels are under one version of the taxonomy.';
COMMENT ON COLUMN annotator_quality.taxonomy_id IS 'Version of the taxonomy.';
COMMENT ON COLUMN annotator_quality.annotator_id IS 'Whose labels.';
COMMENT ON COLUMN annotator_quality.accuracy IS 'Share of its labels that are right, 0 to 1.';
COMMENT ON COLUMN annotator_quality.low IS 'Lower end of the 95 % interval.';
COMMENT ON COLUMN annotator_quality.high IS 'Upper end of the 95 % interval.';
COMMENT ON COLUMN annotator_quality.n IS 'Labels that were held against the judge.';
COMMENT ON COLUMN annotator_quality.judge IS 'Who or what decided right and wrong.';
COMMENT ON COLUMN annotator_quality.flag IS 'What is wrong with the annotator; empty where nothing is.';

CREATE TABLE thresholds (
    taxonomy_id  VARCHAR NOT NULL,
    annotator_id VARCHAR NOT NULL,
    threshold    DOUBLE NOT NULL,
    promised     DOUBLE NOT NULL,
    delta        DOUBLE NOT NULL,
    checked      BIGINT NOT NULL,
    correct      BIGINT NOT NULL,
    share        DOUBLE NOT NULL
);
COMMENT ON TABLE thresholds IS 'The probability from which an annotator''s labels are taken as they are.';
COMMENT ON COLUMN thresholds.taxonomy_id IS 'Version of the taxonomy.';
COMMENT ON COLUMN thresholds.annotator_id IS 'Annotator or student whose probabilities are meant.';
COMMENT ON COLUMN thresholds.threshold IS 'Least probability of a label that is taken; above 1 where none keeps the promise.';
COMMENT ON COLUMN thresholds.promised IS 'Accuracy that was promised of the labels taken.';
COMMENT ON COLUMN thresholds.delta IS 'Chance at most that the promise is broken.';
COMMENT ON COLUMN thresholds.checked IS 'Labels taken that were checked.';
COMMENT ON COLUMN thresholds.correct IS 'Those of them that were right.';
COMMENT ON COLUMN thresholds.share IS 'Share of all documents whose label is taken, 0 to 1.';

CREATE TABLE curves (
    subject_id VARCHAR NOT NULL,
    curve      VARCHAR NOT NULL,
    position   BIGINT NOT NULL,
    x          DOUBLE NOT NULL,
    y          DOUBLE NOT NULL,
    low        DOUBLE,
    high       DOUBLE,
    n          BIGINT NOT NULL
);
COMMENT ON TABLE curves IS 'Points of the reliability and risk-coverage curves.';
COMMENT ON COLUMN curves.subject_id IS 'Annotator, student or evaluation it is about.';
COMMENT ON COLUMN curves.curve IS 'reliability (probability, accuracy) or risk_coverage (share kept, errors among them), with a slice where it has one.';
COMMENT ON COLUMN curves.position IS 'Place of the point, from 0.';
COMMENT ON COLUMN curves.x IS 'Mean probability, or share of the documents kept.';
COMMENT ON COLUMN curves.y IS 'Share that is right, or share of errors among those kept.';
COMMENT ON COLUMN curves.low IS 'Lower end of the 95 % interval of y.';
COMMENT ON COLUMN curves.high IS 'Upper end of the 95 % interval of y.';
COMMENT ON COLUMN curves.n IS 'Documents behind the point.';
