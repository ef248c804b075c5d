-- A row is one active document that is a near copy of another text, beside that text, the least alike first.
CREATE OR REPLACE VIEW near_copies AS
SELECT
    documents.doc_id,
    documents.text,
    near_duplicates.similarity,
    originals.text AS original,
    near_duplicates.cluster_hash,
    near_duplicates.original_hash,
    documents.text_hash
FROM near_duplicates
JOIN documents ON near_duplicates.text_hash = documents.text_hash AND documents.active
JOIN (
    SELECT text_hash, any_value(text) AS text FROM documents GROUP BY text_hash
) AS originals ON near_duplicates.original_hash = originals.text_hash
WHERE
    near_duplicates.spec = (SELECT current.value FROM current WHERE current.key = 'near_spec')
    AND near_duplicates.original_hash <> near_duplicates.text_hash
ORDER BY near_duplicates.similarity, documents.doc_id;

COMMENT ON VIEW near_copies IS 'Documents that are near copies of another text, beside that text, the least alike first.';
COMMENT ON COLUMN near_copies.doc_id IS 'Id of the document.';
COMMENT ON COLUMN near_copies.text IS 'The text as read.';
COMMENT ON COLUMN near_copies.similarity IS 'Share of the pieces of five characters of both texts that they have in common, 0 to 1.';
COMMENT ON COLUMN near_copies.original IS 'The text that it is a copy of.';
COMMENT ON COLUMN near_copies.cluster_hash IS 'First text of all that are linked by near copies.';
COMMENT ON COLUMN near_copies.original_hash IS 'Hash of the text that it is a copy of.';
COMMENT ON COLUMN near_copies.text_hash IS 'Hash of the text.';
