-- A row is one part of the corpus (a day or a batch) under one facet, compared with those before it by the student in use.
CREATE OR REPLACE VIEW drift_now AS
SELECT
    CASE WHEN current.key = 'classifier_id' THEN 'main' ELSE split_part(current.key, '/', 1) END AS facet,
    drift.part,
    drift.documents,
    drift.distance,
    drift.distance > drift.distance_by_chance AS labels_changed,
    drift.strangers,
    drift.strangers > drift.strangers_by_chance AS strangers_came,
    drift.probability,
    drift.agreement,
    drift.created_at
FROM drift
JOIN current ON drift.classifier_id = current.value AND (current.key = 'classifier_id' OR current.key LIKE '%/classifier_id')
ORDER BY facet, drift.part;

COMMENT ON VIEW drift_now IS 'Each day or batch against those before it, by the student in use; limits are in the project file (checks).';
COMMENT ON COLUMN drift_now.facet IS 'Name of the facet; main for the project''s own use case.';
COMMENT ON COLUMN drift_now.part IS 'Day or batch.';
COMMENT ON COLUMN drift_now.documents IS 'Distinct texts of the part with a prediction.';
COMMENT ON COLUMN drift_now.distance IS 'Total variation distance of its labels to those before, 0 to 1; null where there are too few before.';
COMMENT ON COLUMN drift_now.labels_changed IS 'Whether the distance is beyond what chance explains.';
COMMENT ON COLUMN drift_now.strangers IS 'Share of texts that look like nothing the student learnt from.';
COMMENT ON COLUMN drift_now.strangers_came IS 'Whether that share is beyond what chance explains.';
COMMENT ON COLUMN drift_now.probability IS 'Mean probability of the predictions.';
COMMENT ON COLUMN drift_now.agreement IS 'Share of the model''s labels that the student did not learn from and agrees with.';
COMMENT ON COLUMN drift_now.created_at IS 'Time of the comparison, UTC.';
