-- A row is one active document with the best label that its text has under the current taxonomy.
-- A person's label goes before the teacher's, and the teacher's, where it found a category, before the one that a near copy takes
-- from its original, and that before the student's.
CREATE OR REPLACE VIEW labelled_documents AS
WITH pointers AS (
    SELECT
        max(value) FILTER (WHERE key = 'taxonomy_id') AS taxonomy_id,
        coalesce(
            max(value) FILTER (WHERE key = 'teacher_annotator_id'), max(value) FILTER (WHERE key = 'llm_annotator_id')
        ) AS teacher_id,
        max(value) FILTER (WHERE key = 'cascade_annotator_id') AS cascade_id,
        max(value) FILTER (WHERE key = 'shared_annotator_id') AS shared_id,
        max(value) FILTER (WHERE key = 'classifier_id') AS classifier_id
    FROM current
),
human AS (
    SELECT labels.text_hash, labels.category_id, labels.probability
    FROM labels
    JOIN pointers ON labels.taxonomy_id = pointers.taxonomy_id
    JOIN annotators ON labels.annotator_id = annotators.annotator_id AND annotators.kind = 'human'
    QUALIFY row_number() OVER (PARTITION BY labels.text_hash ORDER BY labels.created_at DESC, labels.annotator_id) = 1
),
teacher AS (
    SELECT labels.text_hash, labels.category_id, labels.probability, labels.also, labels.evidence
    FROM labels
    JOIN pointers ON labels.taxonomy_id = pointers.taxonomy_id AND labels.annotator_id IN (pointers.teacher_id, pointers.cascade_id)
    WHERE labels.category_id IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY labels.text_hash ORDER BY labels.annotator_id = pointers.teacher_id DESC) = 1
),
shared AS (
    SELECT labels.text_hash, labels.category_id, labels.probability, labels.also
    FROM labels
    JOIN pointers ON labels.taxonomy_id = pointers.taxonomy_id AND labels.annotator_id = pointers.shared_id
),
student AS (
    SELECT predictions.text_hash, predictions.category_id, predictions.probability
    FROM predictions
    JOIN pointers ON predictions.classifier_id = pointers.classifier_id
    JOIN classifiers ON predictions.classifier_id = classifiers.classifier_id AND classifiers.taxonomy_id = pointers.taxonomy_id
),
best AS (
    SELECT
        documents.doc_id,
        documents.text,
        documents.text_hash,
        CASE
            WHEN human.text_hash IS NOT NULL THEN 'human'
            WHEN teacher.text_hash IS NOT NULL THEN 'llm'
            WHEN shared.text_hash IS NOT NULL THEN 'shared'
            WHEN student.text_hash IS NOT NULL THEN 'student'
        END AS labelled_by,
        CASE
            WHEN human.text_hash IS NOT NULL THEN human.category_id
            ELSE coalesce(teacher.category_id, shared.category_id, student.category_id)
        END AS category_id,
        CASE
            WHEN human.text_hash IS NOT NULL THEN human.probability
            WHEN teacher.text_hash IS NOT NULL THEN teacher.probability
            WHEN shared.text_hash IS NOT NULL THEN shared.probability
            ELSE student.probability
        END AS probability,
        CASE WHEN human.text_hash IS NOT NULL THEN NULL WHEN teacher.text_hash IS NOT NULL THEN teacher.also ELSE shared.also END AS also,
        CASE WHEN human.text_hash IS NULL THEN teacher.evidence END AS evidence
    FROM documents
    LEFT JOIN human ON documents.text_hash = human.text_hash
    LEFT JOIN teacher ON documents.text_hash = teacher.text_hash
    LEFT JOIN shared ON documents.text_hash = shared.text_hash
    LEFT JOIN student ON documents.text_hash = student.text_hash
    WHERE documents.active
)
SELECT
    best.doc_id,
    best.text,
    categories.name AS category,
    best.category_id,
    best.probability,
    best.labelled_by,
    pointers.taxonomy_id,
    best.text_hash,
    best.also,
    best.evidence
FROM best
CROSS JOIN pointers
LEFT JOIN categories ON categories.taxonomy_id = pointers.taxonomy_id AND categories.category_id = best.category_id;

COMMENT ON VIEW labelled_documents IS 'Each active document with the best label of its text under the current taxonomy: human over LLM over shared over student.';
COMMENT ON COLUMN labelled_documents.doc_id IS 'Id of the document.';
COMMENT ON COLUMN labelled_documents.text IS 'The text as read.';
COMMENT ON COLUMN labelled_documents.category IS 'Name of the category; null where there is no label, or where a person said that none fits.';
COMMENT ON COLUMN labelled_documents.category_id IS 'Stable id of the category.';
COMMENT ON COLUMN labelled_documents.probability IS 'Probability of the label, 0 to 1; null where nothing measured it.';
COMMENT ON COLUMN labelled_documents.labelled_by IS 'human, llm, shared (taken from the text that it is a near copy of) or student; null where there is no label.';
COMMENT ON COLUMN labelled_documents.taxonomy_id IS 'Current version of the taxonomy.';
COMMENT ON COLUMN labelled_documents.text_hash IS 'Hash of the text; duplicates share it.';
COMMENT ON COLUMN labelled_documents.also IS 'Ids of the categories that apply beside it, where the project asks for all; null where nobody was asked.';
COMMENT ON COLUMN labelled_documents.evidence IS 'Quote of the text that supports the label, where one was asked for.';
