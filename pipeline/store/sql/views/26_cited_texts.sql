-- A row is one text that a category cites in one version of a taxonomy.
CREATE OR REPLACE VIEW cited_texts AS
WITH cited AS (
    SELECT taxonomy_id, category_id, name, unnest(members) AS text_hash
    FROM categories
),
texts AS (
    SELECT text_hash, arg_min(text, doc_id) AS text
    FROM documents
    WHERE text_hash IN (SELECT cited.text_hash FROM cited)
    GROUP BY text_hash
)
SELECT
    taxonomy_versions.version,
    taxonomy_versions.facet,
    taxonomy_versions.current,
    cited.name AS category,
    texts.text,
    cited.category_id,
    cited.text_hash
FROM cited
JOIN taxonomy_versions ON cited.taxonomy_id = taxonomy_versions.taxonomy_id
LEFT JOIN texts ON cited.text_hash = texts.text_hash;

COMMENT ON VIEW cited_texts IS 'The texts that each category cites in each version of the taxonomies: those of the sample that it was made from.';
COMMENT ON COLUMN cited_texts.version IS 'Number of the version, as in taxonomy_versions.';
COMMENT ON COLUMN cited_texts.facet IS 'Facet of the version.';
COMMENT ON COLUMN cited_texts.current IS 'Whether labels are given under the version now.';
COMMENT ON COLUMN cited_texts.category IS 'Name of the category in the version.';
COMMENT ON COLUMN cited_texts.text IS 'The text as read; null where it has been forgotten.';
COMMENT ON COLUMN cited_texts.category_id IS 'Stable id of the category.';
COMMENT ON COLUMN cited_texts.text_hash IS 'Hash of the text.';
