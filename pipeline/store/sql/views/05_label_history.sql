-- A row is one label that a document ever got from a person, a rule or a model, under any version of the taxonomy; what a model says when
-- it is asked again, to see whether it flips, is no label.
CREATE OR REPLACE VIEW label_history AS
SELECT
    documents.doc_id,
    labels.text_hash,
    labels.taxonomy_id,
    categories.name AS category,
    labels.category_id,
    annotators.kind AS annotator_kind,
    labels.annotator_id,
    labels.probability,
    labels.created_at,
    taxonomies.seq AS version
FROM labels
JOIN documents ON labels.text_hash = documents.text_hash
LEFT JOIN categories ON labels.taxonomy_id = categories.taxonomy_id AND labels.category_id = categories.category_id
LEFT JOIN taxonomies ON labels.taxonomy_id = taxonomies.taxonomy_id
LEFT JOIN annotators ON labels.annotator_id = annotators.annotator_id
WHERE annotators.kind IS DISTINCT FROM 'repeat' AND taxonomies.stage IS DISTINCT FROM 'baseline' -- labels with the gold names are a yardstick, and of no version
ORDER BY documents.doc_id, labels.created_at;

COMMENT ON VIEW label_history IS 'Each label that a document ever got, under any version of the taxonomy.';
COMMENT ON COLUMN label_history.doc_id IS 'Id of the document.';
COMMENT ON COLUMN label_history.text_hash IS 'Hash of the text that was labelled.';
COMMENT ON COLUMN label_history.taxonomy_id IS 'Version of the taxonomy at the time.';
COMMENT ON COLUMN label_history.category IS 'Name of the category in that version; null where none fitted.';
COMMENT ON COLUMN label_history.category_id IS 'Stable id of the category.';
COMMENT ON COLUMN label_history.annotator_kind IS 'llm, teacher, human, rule, vote where several were heard, or shared where it is that of the near copy''s original.';
COMMENT ON COLUMN label_history.annotator_id IS 'Who gave the label.';
COMMENT ON COLUMN label_history.probability IS 'Probability of the label, 0 to 1; null where nothing measured it.';
COMMENT ON COLUMN label_history.created_at IS 'Time of writing, UTC.';
COMMENT ON COLUMN label_history.version IS 'Number of that version, as in taxonomy_versions.';
