-- A row is one active document on which a person, the teacher and the student do not all say the same.
CREATE OR REPLACE VIEW disagreements AS
WITH said AS (
    SELECT
        text_hash,
        max(coalesce(category, '(none)')) FILTER (WHERE labelled_by = 'human') AS human,
        max(coalesce(category, '(none)')) FILTER (WHERE labelled_by = 'llm') AS llm,
        max(coalesce(category, '(none)')) FILTER (WHERE labelled_by = 'student') AS student,
        max(probability) FILTER (WHERE labelled_by = 'llm') AS llm_probability,
        max(probability) FILTER (WHERE labelled_by = 'student') AS student_probability
    FROM current_labels
    WHERE text_hash IN (SELECT labels.text_hash FROM labels) AND labelled_by <> 'shared'
    GROUP BY text_hash
    HAVING count(DISTINCT coalesce(category, '(none)')) > 1
)
SELECT
    documents.doc_id,
    documents.text,
    said.human,
    said.llm,
    said.student,
    said.llm_probability,
    said.student_probability,
    said.text_hash
FROM said
JOIN documents ON said.text_hash = documents.text_hash AND documents.active;

COMMENT ON VIEW disagreements IS 'Documents on which a person, the teacher and the student do not all say the same; null where one says nothing.';
COMMENT ON COLUMN disagreements.doc_id IS 'Id of the document.';
COMMENT ON COLUMN disagreements.text IS 'The text as read.';
COMMENT ON COLUMN disagreements.human IS 'Category by a person; (none) where they said that none fits.';
COMMENT ON COLUMN disagreements.llm IS 'Category by the teacher; (none) where it withheld one.';
COMMENT ON COLUMN disagreements.student IS 'Category by the student.';
COMMENT ON COLUMN disagreements.llm_probability IS 'Probability of the teacher''s label, 0 to 1.';
COMMENT ON COLUMN disagreements.student_probability IS 'Probability of the student''s label, 0 to 1.';
COMMENT ON COLUMN disagreements.text_hash IS 'Hash of the text.';
