-- A row is what one voice says of one text under the current taxonomy: a person, the teacher in use, the original that the text is a
-- near copy of, the student in use.
-- Of people's labels it is the latest; of the teacher's one with a category goes before one without.
CREATE OR REPLACE VIEW current_labels AS
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
    SELECT
        labels.text_hash, 'human' AS labelled_by, labels.category_id, labels.probability, labels.reason,
        labels.annotator_id AS given_by, labels.created_at
    FROM labels
    JOIN pointers ON labels.taxonomy_id = pointers.taxonomy_id
    JOIN annotators ON labels.annotator_id = annotators.annotator_id AND annotators.kind = 'human'
    QUALIFY row_number() OVER (PARTITION BY labels.text_hash ORDER BY labels.created_at DESC, labels.annotator_id) = 1
),
teacher AS (
    SELECT
        labels.text_hash, 'llm' AS labelled_by, labels.category_id, labels.probability, labels.reason,
        coalesce(annotators.model, labels.annotator_id) AS given_by, labels.created_at
    FROM labels
    JOIN pointers ON labels.taxonomy_id = pointers.taxonomy_id AND labels.annotator_id IN (pointers.teacher_id, pointers.cascade_id)
    LEFT JOIN annotators ON labels.annotator_id = annotators.annotator_id
    QUALIFY row_number() OVER (
        PARTITION BY labels.text_hash ORDER BY labels.category_id IS NULL, labels.annotator_id = pointers.teacher_id DESC
    ) = 1
),
shared AS (
    SELECT
        labels.text_hash, 'shared' AS labelled_by, labels.category_id, labels.probability, labels.reason,
        labels.annotator_id AS given_by, labels.created_at
    FROM labels
    JOIN pointers ON labels.taxonomy_id = pointers.taxonomy_id AND labels.annotator_id = pointers.shared_id
),
student AS (
    SELECT
        predictions.text_hash, 'student' AS labelled_by, predictions.category_id, predictions.probability, NULL AS reason,
        predictions.classifier_id AS given_by, NULL AS created_at
    FROM predictions
    JOIN pointers ON predictions.classifier_id = pointers.classifier_id
    JOIN classifiers ON predictions.classifier_id = classifiers.classifier_id AND classifiers.taxonomy_id = pointers.taxonomy_id
),
given AS (
    FROM human
    UNION ALL
    FROM teacher
    UNION ALL
    FROM shared
    UNION ALL
    FROM student
)
SELECT
    given.text_hash,
    given.labelled_by,
    categories.name AS category,
    given.category_id,
    given.probability,
    given.reason,
    given.given_by,
    given.created_at
FROM given
CROSS JOIN pointers
LEFT JOIN categories ON categories.taxonomy_id = pointers.taxonomy_id AND categories.category_id = given.category_id;

COMMENT ON VIEW current_labels IS 'What each voice says of a text under the current taxonomy: a person, the teacher, its near copy, the student; labelled_documents has the best of them.';
COMMENT ON COLUMN current_labels.text_hash IS 'Hash of the text.';
COMMENT ON COLUMN current_labels.labelled_by IS 'Whose label it is: human, llm, shared (that of the text that it is a near copy of) or student.';
COMMENT ON COLUMN current_labels.category IS 'Name of the category; null where they gave none.';
COMMENT ON COLUMN current_labels.category_id IS 'Stable id of the category.';
COMMENT ON COLUMN current_labels.probability IS 'Probability of the label, 0 to 1; null where nothing measured it.';
COMMENT ON COLUMN current_labels.reason IS 'Why there is no category: none_fits or unsure; null where there is one.';
COMMENT ON COLUMN current_labels.given_by IS 'Model that gave it, or the id of the annotator or the student.';
COMMENT ON COLUMN current_labels.created_at IS 'Time of writing, UTC; null for a student''s.';
