-- A row is one active document with its language: as the corpus names it, else as the project's detector found it.
CREATE OR REPLACE VIEW document_languages AS
SELECT
    documents.doc_id,
    coalesce(documents.language, languages.language) AS language,
    CASE WHEN documents.language IS NOT NULL THEN 'corpus' WHEN languages.language IS NOT NULL THEN 'detector' END AS named_by,
    languages.probability,
    documents.text_hash
FROM documents
LEFT JOIN languages
    ON documents.text_hash = languages.text_hash
    AND languages.detector = (SELECT current.value FROM current WHERE current.key = 'language_detector')
WHERE documents.active;

COMMENT ON VIEW document_languages IS 'Each active document with its language, as the corpus names it or as it was detected.';
COMMENT ON COLUMN document_languages.doc_id IS 'Id of the document.';
COMMENT ON COLUMN document_languages.language IS 'Its language; a code as en where it was detected; null where nobody is sure.';
COMMENT ON COLUMN document_languages.named_by IS 'corpus or detector; null where the language is not known.';
COMMENT ON COLUMN document_languages.probability IS 'How sure the detector is of the likeliest language, 0 to 1; null where it was not asked.';
COMMENT ON COLUMN document_languages.text_hash IS 'Hash of the text.';
