-- A row is one category as it stands in one version of a taxonomy.
CREATE OR REPLACE VIEW category_versions AS
SELECT
    taxonomy_versions.version,
    taxonomy_versions.facet,
    taxonomy_versions.current,
    categories.name AS category,
    parents.name AS parent,
    categories.description,
    len(categories.members) AS cited,
    categories.status,
    categories.category_id
FROM categories
JOIN taxonomy_versions ON categories.taxonomy_id = taxonomy_versions.taxonomy_id
LEFT JOIN categories AS parents ON categories.taxonomy_id = parents.taxonomy_id AND categories.parent_id = parents.category_id
ORDER BY taxonomy_versions.version, categories.position;

COMMENT ON VIEW category_versions IS 'Each category as it stands in each version of the taxonomies; its id stays the same from version to version.';
COMMENT ON COLUMN category_versions.version IS 'Number of the version, as in taxonomy_versions.';
COMMENT ON COLUMN category_versions.facet IS 'Facet of the version.';
COMMENT ON COLUMN category_versions.current IS 'Whether labels are given under the version now.';
COMMENT ON COLUMN category_versions.category IS 'Name of the category in the version.';
COMMENT ON COLUMN category_versions.parent IS 'Name of the category above it; null at the top.';
COMMENT ON COLUMN category_versions.description IS 'What belongs here.';
COMMENT ON COLUMN category_versions.cited IS 'Number of texts that it cites: those of the sample that it was made from.';
COMMENT ON COLUMN category_versions.status IS 'open, seed, locked (name and description stay) or frozen (members stay too).';
COMMENT ON COLUMN category_versions.category_id IS 'Stable id of the category.';
