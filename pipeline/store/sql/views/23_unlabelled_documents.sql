-- A row is one active document without a category, with the reason.
CREATE OR REPLACE VIEW unlabelled_documents AS
WITH failed AS (
    SELECT text_hash, arg_max(reason, created_at) AS reason, arg_max(message, created_at) AS message
    FROM failures
    WHERE stage = 'annotations'
    GROUP BY text_hash
)
SELECT
    labelled.doc_id,
    labelled.text,
    CASE
        WHEN labelled.labelled_by = 'human' THEN 'none_fits'
        WHEN withheld.text_hash IS NOT NULL THEN coalesce(withheld.reason, 'none_fits')
        WHEN failed.text_hash IS NOT NULL THEN 'failed'
        ELSE 'waiting'
    END AS reason,
    coalesce(labelled.labelled_by, withheld.labelled_by) AS said_by,
    CASE
        WHEN labelled.labelled_by IS NULL AND withheld.text_hash IS NULL THEN failed.reason || ': ' || failed.message
    END AS message,
    labelled.text_hash
FROM labelled_documents AS labelled
LEFT JOIN current_labels AS withheld
    ON labelled.text_hash = withheld.text_hash AND withheld.labelled_by = 'llm' AND withheld.category_id IS NULL
LEFT JOIN failed ON labelled.text_hash = failed.text_hash
WHERE labelled.category_id IS NULL;

COMMENT ON VIEW unlabelled_documents IS 'Documents without a category under the current taxonomy, and why.';
COMMENT ON COLUMN unlabelled_documents.doc_id IS 'Id of the document.';
COMMENT ON COLUMN unlabelled_documents.text IS 'The text as read.';
COMMENT ON COLUMN unlabelled_documents.reason IS 'none_fits, unsure, failed (the model could not answer), or waiting (nobody and no student has looked at it yet).';
COMMENT ON COLUMN unlabelled_documents.said_by IS 'Who said that none fits, or was unsure: human or llm; null where nobody did.';
COMMENT ON COLUMN unlabelled_documents.message IS 'What went wrong, where the model could not answer.';
COMMENT ON COLUMN unlabelled_documents.text_hash IS 'Hash of the text.';
