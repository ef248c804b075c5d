-- A row is one figure of one run that measured anything new, beside the same figure of the run before it that did.
CREATE OR REPLACE VIEW evaluation_history AS
SELECT
    evaluation_runs.created_at AS measured_at,
    evaluation_runs.run_id,
    evaluation_runs.facet,
    evaluations.subject,
    evaluations.metric,
    evaluations.slice,
    evaluations.value,
    evaluations.low,
    evaluations.high,
    evaluations.n,
    evaluations.judge,
    lag(evaluations.value) OVER figures AS value_before,
    evaluations.value - lag(evaluations.value) OVER figures AS change,
    evaluation_runs.taxonomy_id,
    evaluation_runs.classifier_id,
    evaluation_runs.evaluation_id
FROM evaluation_runs
JOIN evaluations ON evaluation_runs.evaluation_id = evaluations.evaluation_id
WINDOW figures AS (
    PARTITION BY evaluation_runs.facet, evaluations.subject, evaluations.metric, evaluations.slice, evaluations.judge
    ORDER BY evaluation_runs.created_at
)
ORDER BY measured_at, evaluations.subject, evaluations.metric, evaluations.slice;

COMMENT ON VIEW evaluation_history IS 'Each figure over time: as each run measured it that measured anything new, beside the one before.';
COMMENT ON COLUMN evaluation_history.measured_at IS 'Time of measuring, UTC.';
COMMENT ON COLUMN evaluation_history.run_id IS 'Run that measured.';
COMMENT ON COLUMN evaluation_history.facet IS 'Facet that was measured; main for the project''s own use case.';
COMMENT ON COLUMN evaluation_history.subject IS 'What was measured: teacher, student, baseline or taxonomy, and others.';
COMMENT ON COLUMN evaluation_history.metric IS 'Name of the metric.';
COMMENT ON COLUMN evaluation_history.slice IS 'Part of the data it was measured on.';
COMMENT ON COLUMN evaluation_history.value IS 'The figure.';
COMMENT ON COLUMN evaluation_history.low IS 'Lower end of the 95 % interval.';
COMMENT ON COLUMN evaluation_history.high IS 'Upper end of the 95 % interval.';
COMMENT ON COLUMN evaluation_history.n IS 'Number of cases behind the figure.';
COMMENT ON COLUMN evaluation_history.judge IS 'Who or what decided right and wrong.';
COMMENT ON COLUMN evaluation_history.value_before IS 'The same figure as measured before that; null where it was not.';
COMMENT ON COLUMN evaluation_history.change IS 'By how much it has risen since; the two may be about different labels and documents, see linnaeus compare.';
COMMENT ON COLUMN evaluation_history.taxonomy_id IS 'Version of the taxonomy that labels were given under.';
COMMENT ON COLUMN evaluation_history.classifier_id IS 'Student that was measured.';
COMMENT ON COLUMN evaluation_history.evaluation_id IS 'Evaluation, as in evaluations.';
