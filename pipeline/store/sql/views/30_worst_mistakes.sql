-- A row is one of the twenty worst mistakes of the teacher and of the student, by the present evaluation, with its evidence.
CREATE OR REPLACE VIEW worst_mistakes AS
WITH names AS (
    SELECT category_id, name
    FROM categories
    WHERE taxonomy_id = (SELECT max(value) FROM current WHERE key = 'taxonomy_id')
),
texts AS (
    SELECT text_hash, arg_min(doc_id, doc_id) AS doc_id, arg_min(text, doc_id) AS text
    FROM documents
    WHERE active AND text_hash IN (SELECT mistakes.text_hash FROM mistakes)
    GROUP BY text_hash
)
SELECT
    mistakes.subject,
    mistakes.rank,
    texts.text,
    given.name AS given,
    mistakes.gold,
    mistakes.kind,
    mistakes.probability,
    mistakes.suspicion,
    mistakes.evidence,
    texts.doc_id,
    mistakes.text_hash
FROM mistakes
JOIN current ON current.key = 'evaluation_id' AND current.value = mistakes.evaluation_id
JOIN texts ON mistakes.text_hash = texts.text_hash
LEFT JOIN names AS given ON mistakes.category_id = given.category_id
WHERE mistakes.rank <= 20
ORDER BY mistakes.subject DESC, mistakes.rank;

COMMENT ON VIEW worst_mistakes IS 'The twenty worst labels that differ from gold, of the teacher and of the student, each with what is at fault.';
COMMENT ON COLUMN worst_mistakes.subject IS 'Whose label it is: teacher or student.';
COMMENT ON COLUMN worst_mistakes.rank IS '1 is the worst of the subject.';
COMMENT ON COLUMN worst_mistakes.text IS 'The text as read.';
COMMENT ON COLUMN worst_mistakes.given IS 'Name of the category that was given; null where none was.';
COMMENT ON COLUMN worst_mistakes.gold IS 'Gold label.';
COMMENT ON COLUMN worst_mistakes.kind IS 'What is most probably at fault: gold wrong, several right, document unclear, definition unclear, model slip or label wrong.';
COMMENT ON COLUMN worst_mistakes.probability IS 'Probability of the label, 0 to 1; null where nothing measured it.';
COMMENT ON COLUMN worst_mistakes.suspicion IS 'Probability that gold itself is wrong, 0 to 1, by classifiers that did not see it.';
COMMENT ON COLUMN worst_mistakes.evidence IS 'What the kind rests on, as JSON.';
COMMENT ON COLUMN worst_mistakes.doc_id IS 'Id of the document.';
COMMENT ON COLUMN worst_mistakes.text_hash IS 'Hash of the text.';
