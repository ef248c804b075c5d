-- A row is one document under one facet, with the category that the facet's student gives it.
CREATE OR REPLACE VIEW facet_labels AS
SELECT
    documents.doc_id,
    documents.text_hash,
    CASE WHEN current.key = 'classifier_id' THEN 'main' ELSE split_part(current.key, '/', 1) END AS facet,
    categories.name AS category,
    predictions.category_id,
    predictions.probability
FROM current
JOIN classifiers ON current.value = classifiers.classifier_id
JOIN predictions ON classifiers.classifier_id = predictions.classifier_id
JOIN documents ON predictions.text_hash = documents.text_hash AND documents.active
JOIN categories ON classifiers.taxonomy_id = categories.taxonomy_id AND predictions.category_id = categories.category_id
WHERE current.key = 'classifier_id' OR current.key LIKE '%/classifier_id'
ORDER BY documents.doc_id, facet;

COMMENT ON VIEW facet_labels IS 'Each document under each facet of the project, as the facet''s student labels it.';
COMMENT ON COLUMN facet_labels.doc_id IS 'Id of the document.';
COMMENT ON COLUMN facet_labels.text_hash IS 'Hash of its text.';
COMMENT ON COLUMN facet_labels.facet IS 'Name of the facet; main for the project''s own use case.';
COMMENT ON COLUMN facet_labels.category IS 'Name of the category.';
COMMENT ON COLUMN facet_labels.category_id IS 'Stable id of the category.';
COMMENT ON COLUMN facet_labels.probability IS 'Calibrated probability, 0 to 1.';
