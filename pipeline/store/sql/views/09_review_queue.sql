-- A row is one active document that no person has labelled, with the label it has, those that are worth a look first: failed
-- and withheld ones, then labels that students doubt, then those below the learnt threshold, then the least probable.
CREATE OR REPLACE VIEW review_queue AS
WITH taken AS (
    SELECT max(thresholds.threshold) AS threshold
    FROM thresholds
    JOIN current ON current.key = 'classifier_id' AND current.value = thresholds.annotator_id
),
withheld AS (
    SELECT labels.text_hash, any_value(labels.reason) AS reason
    FROM labels
    JOIN current ON current.key = 'teacher_annotator_id' AND current.value = labels.annotator_id
    WHERE labels.category_id IS NULL
    GROUP BY labels.text_hash
),
doubted AS (
    SELECT doubts.text_hash
    FROM doubts
    JOIN current ON current.key = 'classifier_id' AND current.value = doubts.classifier_id
)
SELECT
    labelled.doc_id,
    labelled.text,
    labelled.category,
    labelled.probability,
    labelled.labelled_by,
    coalesce(
        withheld.reason,
        CASE
            WHEN labelled.category_id IS NULL THEN 'no label'
            WHEN labelled.text_hash IN (SELECT doubted.text_hash FROM doubted) THEN 'doubtful label'
            WHEN labelled.labelled_by = 'student' AND labelled.probability < taken.threshold THEN 'below the threshold'
        END
    ) AS reason,
    labelled.text_hash
FROM labelled_documents AS labelled
CROSS JOIN taken
LEFT JOIN withheld ON labelled.text_hash = withheld.text_hash
WHERE labelled.labelled_by IS DISTINCT FROM 'human'
ORDER BY reason IS NULL, labelled.probability NULLS FIRST, labelled.doc_id;

COMMENT ON VIEW review_queue IS 'Documents that no person has labelled, those most worth a look first.';
COMMENT ON COLUMN review_queue.doc_id IS 'Id of the document.';
COMMENT ON COLUMN review_queue.text IS 'The text as read.';
COMMENT ON COLUMN review_queue.category IS 'Category that it has now; null where it has none.';
COMMENT ON COLUMN review_queue.probability IS 'Probability of the label, 0 to 1; null where nothing measured it.';
COMMENT ON COLUMN review_queue.labelled_by IS 'llm, shared or student; null where there is no label.';
COMMENT ON COLUMN review_queue.reason IS 'Why it is worth a look: none_fits, unsure, no label, doubtful label, below the threshold; null where only its probability says so.';
COMMENT ON COLUMN review_queue.text_hash IS 'Hash of the text.';
