-- A row is one category of the current taxonomy with its place in the tree.
CREATE OR REPLACE VIEW taxonomy_tree AS
WITH RECURSIVE present AS (
    SELECT *
    FROM categories
    WHERE taxonomy_id = (SELECT max(value) FROM current WHERE key = 'taxonomy_id')
),
tree AS (
    SELECT taxonomy_id, category_id, 0 AS depth, name AS path, [position] AS place, name, description
    FROM present
    WHERE parent_id IS NULL
    UNION ALL
    SELECT
        child.taxonomy_id,
        child.category_id,
        tree.depth + 1,
        tree.path || ' > ' || child.name,
        list_append(tree.place, child.position),
        child.name,
        child.description
    FROM present AS child
    JOIN tree ON child.parent_id = tree.category_id
),
counted AS (
    SELECT category_id, count(*) AS documents
    FROM labelled_documents
    GROUP BY category_id
)
SELECT
    tree.taxonomy_id,
    tree.category_id,
    tree.depth,
    tree.path,
    tree.name,
    tree.description,
    coalesce(counted.documents, 0) AS documents
FROM tree
LEFT JOIN counted ON tree.category_id = counted.category_id
ORDER BY tree.place;

COMMENT ON VIEW taxonomy_tree IS 'Each category of the current taxonomy with its place in the tree, parents before children.';
COMMENT ON COLUMN taxonomy_tree.taxonomy_id IS 'Current version of the taxonomy.';
COMMENT ON COLUMN taxonomy_tree.category_id IS 'Stable id of the category.';
COMMENT ON COLUMN taxonomy_tree.depth IS 'Number of categories above it.';
COMMENT ON COLUMN taxonomy_tree.path IS 'Names from the top, joined by '' > ''.';
COMMENT ON COLUMN taxonomy_tree.name IS 'Name of the category.';
COMMENT ON COLUMN taxonomy_tree.description IS 'What belongs here.';
COMMENT ON COLUMN taxonomy_tree.documents IS 'Active documents that bear this very category, those below it not counted.';
