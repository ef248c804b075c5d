-- A row is one category of the current taxonomy with the documents that bear it, none included; documents without a
-- category are counted in one further row, whose category is null.
CREATE OR REPLACE VIEW label_counts AS
WITH present AS (
    SELECT category_id, name, position
    FROM categories
    WHERE taxonomy_id = (SELECT max(value) FROM current WHERE key = 'taxonomy_id')
)
SELECT
    present.name AS category,
    present.category_id,
    count(labelled.doc_id) AS documents,
    count(labelled.doc_id) / nullif(sum(count(labelled.doc_id)) OVER (), 0) AS share,
    count(*) FILTER (WHERE labelled.labelled_by = 'human') AS by_human,
    count(*) FILTER (WHERE labelled.labelled_by = 'llm') AS by_llm,
    count(*) FILTER (WHERE labelled.labelled_by = 'student') AS by_student,
    avg(labelled.probability) AS mean_probability,
    count(*) FILTER (WHERE labelled.labelled_by = 'shared') AS by_shared
FROM present
FULL JOIN labelled_documents AS labelled ON present.category_id = labelled.category_id
GROUP BY present.name, present.category_id, present.position
ORDER BY documents DESC, present.position;

COMMENT ON VIEW label_counts IS 'Each category of the current taxonomy with its documents; a row with a null category counts documents without one.';
COMMENT ON COLUMN label_counts.category IS 'Name of the category; null for documents without one.';
COMMENT ON COLUMN label_counts.category_id IS 'Stable id of the category.';
COMMENT ON COLUMN label_counts.documents IS 'Number of active documents that bear it.';
COMMENT ON COLUMN label_counts.share IS 'Share of all active documents, 0 to 1.';
COMMENT ON COLUMN label_counts.by_human IS 'Documents labelled by a person.';
COMMENT ON COLUMN label_counts.by_llm IS 'Documents labelled by the teacher.';
COMMENT ON COLUMN label_counts.by_student IS 'Documents labelled by the student.';
COMMENT ON COLUMN label_counts.by_shared IS 'Documents that take their label from the text that they are near copies of.';
COMMENT ON COLUMN label_counts.mean_probability IS 'Mean probability of the labels, where measured.';
