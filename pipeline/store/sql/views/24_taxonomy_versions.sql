-- A row is one version of a taxonomy, numbered in the order of making; candidates that were not chosen have numbers as well.
CREATE OR REPLACE VIEW taxonomy_versions AS
WITH sizes AS (
    SELECT taxonomy_id, count(*) AS categories
    FROM categories
    GROUP BY taxonomy_id
),
edited AS (
    SELECT taxonomy_id, count(*) AS edits
    FROM taxonomy_changes
    GROUP BY taxonomy_id
)
SELECT
    taxonomies.seq AS version,
    taxonomies.facet,
    taxonomies.stage,
    taxonomies.method,
    coalesce(sizes.categories, 0) AS categories,
    coalesce(edited.edits, 0) AS edits,
    parents.seq AS made_from,
    taxonomies.taxonomy_id IN (
        SELECT value FROM current WHERE key = 'taxonomy_id' OR (key LIKE '%/taxonomy_id' AND key NOT LIKE 'proposal%')
    ) AS current,
    taxonomies.note,
    taxonomies.created_at,
    taxonomies.taxonomy_id
FROM taxonomies
LEFT JOIN taxonomies AS parents ON taxonomies.parent_id = parents.taxonomy_id
LEFT JOIN sizes ON taxonomies.taxonomy_id = sizes.taxonomy_id
LEFT JOIN edited ON taxonomies.taxonomy_id = edited.taxonomy_id
ORDER BY version;

COMMENT ON VIEW taxonomy_versions IS 'Each version of the taxonomies, numbered in the order of making.';
COMMENT ON COLUMN taxonomy_versions.version IS 'Number of the version, from 1.';
COMMENT ON COLUMN taxonomy_versions.facet IS 'Facet of the corpus that it sorts by; main where a project has one use case.';
COMMENT ON COLUMN taxonomy_versions.stage IS 'Stage that made it: generate, update, review, select, deepen, describe, apply, given, propose, or baseline.';
COMMENT ON COLUMN taxonomy_versions.method IS 'How the categories were found: tnt, clusters, topics or given.';
COMMENT ON COLUMN taxonomy_versions.categories IS 'Number of its categories.';
COMMENT ON COLUMN taxonomy_versions.edits IS 'Number of edits that led to it; taxonomy_changes has them.';
COMMENT ON COLUMN taxonomy_versions.made_from IS 'Number of the version that it was made from; null where it is the first of its line.';
COMMENT ON COLUMN taxonomy_versions.current IS 'Whether labels are given under it now.';
COMMENT ON COLUMN taxonomy_versions.note IS 'Why this version, in words.';
COMMENT ON COLUMN taxonomy_versions.created_at IS 'Time of first saving, UTC.';
COMMENT ON COLUMN taxonomy_versions.taxonomy_id IS 'Id of the version.';
