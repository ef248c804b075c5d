-- A row is two categories of the current taxonomy between which the student in use cannot decide, or on which it and another voice differ.
CREATE OR REPLACE VIEW confusable_pairs AS
WITH sets AS (
    SELECT
        unnest(flatten([[{'one': one, 'other': other} FOR other IN predictions.members IF other > one] FOR one IN predictions.members]))
            AS pair
    FROM predictions
    JOIN current ON current.key = 'classifier_id' AND current.value = predictions.classifier_id
    WHERE len(predictions.members) > 1
),
undecided AS (
    SELECT pair.one AS one, pair.other AS other, count(*) AS texts
    FROM sets
    GROUP BY ALL
),
differing AS (
    SELECT
        least(student.category_id, given.category_id) AS one,
        greatest(student.category_id, given.category_id) AS other,
        count(DISTINCT student.text_hash) AS texts
    FROM current_labels AS student
    JOIN current_labels AS given ON student.text_hash = given.text_hash AND student.category_id <> given.category_id
    WHERE student.labelled_by = 'student' AND given.labelled_by <> 'student'
    GROUP BY ALL
),
names AS (
    SELECT category_id, name
    FROM categories
    WHERE taxonomy_id = (SELECT max(value) FROM current WHERE key = 'taxonomy_id')
)
SELECT
    first.name AS category,
    second.name AS other,
    coalesce(undecided.texts, 0) AS undecided,
    coalesce(differing.texts, 0) AS disagreements,
    first.category_id,
    second.category_id AS other_id
FROM undecided
FULL JOIN differing ON undecided.one = differing.one AND undecided.other = differing.other
JOIN names AS first ON first.category_id = coalesce(undecided.one, differing.one)
JOIN names AS second ON second.category_id = coalesce(undecided.other, differing.other)
ORDER BY undecided DESC, disagreements DESC, category, other;

COMMENT ON VIEW confusable_pairs IS 'Pairs of categories that the student takes for one another, the worst first.';
COMMENT ON COLUMN confusable_pairs.category IS 'Name of one category.';
COMMENT ON COLUMN confusable_pairs.other IS 'Name of the other.';
COMMENT ON COLUMN confusable_pairs.undecided IS 'Texts that could be either by the student: both are in its conformal set.';
COMMENT ON COLUMN confusable_pairs.disagreements IS 'Texts of which the student says one, and a person or the teacher the other.';
COMMENT ON COLUMN confusable_pairs.category_id IS 'Stable id of the one.';
COMMENT ON COLUMN confusable_pairs.other_id IS 'Stable id of the other.';
