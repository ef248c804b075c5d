-- What was measured when: which run measured what, and which labels were confused.

CREATE TABLE evaluation_runs (
    evaluation_id        VARCHAR NOT NULL,
    run_id               VARCHAR NOT NULL,
    facet                VARCHAR NOT NULL,
    taxonomy_id          VARCHAR,
    teacher_annotator_id VARCHAR,
    classifier_id        VARCHAR,
    baseline_id          VARCHAR,
    models               VARCHAR NOT NULL,
    prompts              VARCHAR NOT NULL,
    created_at           TIMESTAMP NOT NULL
);
COMMENT ON TABLE evaluation_runs IS 'What each run measured, where it measured anything new: the labels, the student, the models and the prompts that an evaluation is about.';
COMMENT ON COLUMN evaluation_runs.evaluation_id IS 'Evaluation, as in evaluations.';
COMMENT ON COLUMN evaluation_runs.run_id IS 'Run that measured.';
COMMENT ON COLUMN evaluation_runs.facet IS 'Facet that was measured; main for the project''s own use case.';
COMMENT ON COLUMN evaluation_runs.taxonomy_id IS 'Version of the taxonomy that labels were given under.';
COMMENT ON COLUMN evaluation_runs.teacher_annotator_id IS 'Teacher whose labels were measured.';
COMMENT ON COLUMN evaluation_runs.classifier_id IS 'Student that was measured; null where there was none.';
COMMENT ON COLUMN evaluation_runs.baseline_id IS 'Baseline that was measured; null where there was none.';
COMMENT ON COLUMN evaluation_runs.models IS 'Models by what they are for, as JSON: generator, annotator, embedder.';
COMMENT ON COLUMN evaluation_runs.prompts IS 'Fingerprints of the prompts by name, as JSON.';
COMMENT ON COLUMN evaluation_runs.created_at IS 'Time of measuring, UTC.';

CREATE TABLE confusions (
    evaluation_id VARCHAR NOT NULL,
    subject       VARCHAR NOT NULL,
    judge         VARCHAR NOT NULL,
    truth         VARCHAR NOT NULL,
    label         VARCHAR NOT NULL,
    n             BIGINT NOT NULL
);
COMMENT ON TABLE confusions IS 'How many texts that the judge calls one thing bear which label.';
COMMENT ON COLUMN confusions.evaluation_id IS 'Evaluation that they belong to.';
COMMENT ON COLUMN confusions.subject IS 'Whose label it is: teacher or student.';
COMMENT ON COLUMN confusions.judge IS 'Who says what it is: gold labels, or the teacher where the student is held against it.';
COMMENT ON COLUMN confusions.truth IS 'What the judge says: a gold label, or the name of the teacher''s category.';
COMMENT ON COLUMN confusions.label IS 'Name of the category that it bears; empty where it has none.';
COMMENT ON COLUMN confusions.n IS 'Number of distinct texts.';

CREATE TABLE reports (
    path          VARCHAR NOT NULL,
    evaluation_id VARCHAR NOT NULL,
    sha256        VARCHAR NOT NULL,
    bytes         BIGINT NOT NULL,
    created_at    TIMESTAMP NOT NULL
);
COMMENT ON TABLE reports IS 'The report that a run wrote last: one page that tells what these tables say.';
COMMENT ON COLUMN reports.path IS 'Its file, below the folder of the project''s state.';
COMMENT ON COLUMN reports.evaluation_id IS 'Evaluation that it tells of; empty where nothing had been measured.';
COMMENT ON COLUMN reports.sha256 IS 'Checksum of the page.';
COMMENT ON COLUMN reports.bytes IS 'Size of the page.';
COMMENT ON COLUMN reports.created_at IS 'Time of writing, UTC.';
