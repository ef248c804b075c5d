-- What makes a taxonomy one that a person would keep: facets, cards, candidates and the figures they were chosen by.

ALTER TABLE taxonomies ADD COLUMN facet VARCHAR DEFAULT 'main';
ALTER TABLE taxonomies ADD COLUMN candidate INTEGER DEFAULT 0;
ALTER TABLE taxonomies ADD COLUMN guide VARCHAR DEFAULT '';
ALTER TABLE taxonomies ADD COLUMN note VARCHAR DEFAULT '';
COMMENT ON COLUMN taxonomies.stage IS 'Stage that made it: generate, update, review, select, deepen, describe, apply, given, or baseline.';
COMMENT ON COLUMN taxonomies.method IS 'How the categories were found: tnt, clusters, topics or given.';
COMMENT ON COLUMN taxonomies.facet IS 'Facet of the corpus that it sorts by; main where a project has one use case.';
COMMENT ON COLUMN taxonomies.candidate IS 'Which of the passes made side by side, from 0.';
COMMENT ON COLUMN taxonomies.guide IS 'How to label by it, in words.';
COMMENT ON COLUMN taxonomies.note IS 'Why this version, in words.';

ALTER TABLE categories ADD COLUMN cues VARCHAR[] DEFAULT [];
ALTER TABLE categories ADD COLUMN exclusions VARCHAR[] DEFAULT [];
ALTER TABLE categories ADD COLUMN examples VARCHAR[] DEFAULT [];
ALTER TABLE categories ADD COLUMN near_misses VARCHAR[] DEFAULT [];
ALTER TABLE categories ADD COLUMN status VARCHAR DEFAULT 'open';
COMMENT ON COLUMN categories.cues IS 'What a text says that belongs here.';
COMMENT ON COLUMN categories.exclusions IS 'What belongs elsewhere, and where.';
COMMENT ON COLUMN categories.examples IS 'Text hashes of clear members.';
COMMENT ON COLUMN categories.near_misses IS 'Text hashes of texts that look like members and belong elsewhere.';
COMMENT ON COLUMN categories.status IS 'open, seed, locked (name and description stay) or frozen (members stay too).';

CREATE TABLE facets (
    facet_id   VARCHAR NOT NULL,
    name       VARCHAR NOT NULL,
    use_case   VARCHAR NOT NULL,
    question   VARCHAR NOT NULL,
    examples   JSON NOT NULL,
    source     VARCHAR NOT NULL,
    created_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE facets IS 'A use case as the question that is asked of each text.';
COMMENT ON COLUMN facets.facet_id IS 'Id: hash of what it was made from.';
COMMENT ON COLUMN facets.name IS 'Name in the project file; main where a project has one use case.';
COMMENT ON COLUMN facets.use_case IS 'What is to be learned, in the project file''s words.';
COMMENT ON COLUMN facets.question IS 'The question asked of each text.';
COMMENT ON COLUMN facets.examples IS 'Texts with their answers, shown with the question.';
COMMENT ON COLUMN facets.source IS 'Who wrote it: user, generator, or use_case where the generator could not.';
COMMENT ON COLUMN facets.created_at IS 'Time of writing, UTC.';

CREATE TABLE taxonomy_measures (
    taxonomy_id VARCHAR NOT NULL,
    metric      VARCHAR NOT NULL,
    size        DOUBLE NOT NULL,
    value       DOUBLE NOT NULL,
    low         DOUBLE,
    high        DOUBLE,
    n           BIGINT NOT NULL,
    judge       VARCHAR NOT NULL
);
COMMENT ON TABLE taxonomy_measures IS 'A figure about a version of the taxonomy: what it was chosen by.';
COMMENT ON COLUMN taxonomy_measures.taxonomy_id IS 'Version it is about.';
COMMENT ON COLUMN taxonomy_measures.metric IS 'Name of the metric.';
COMMENT ON COLUMN taxonomy_measures.size IS 'Number of categories it was measured at; -1 where it is about the version as it is.';
COMMENT ON COLUMN taxonomy_measures.value IS 'The figure.';
COMMENT ON COLUMN taxonomy_measures.low IS 'Lower end of the 95 % interval.';
COMMENT ON COLUMN taxonomy_measures.high IS 'Upper end of the 95 % interval.';
COMMENT ON COLUMN taxonomy_measures.n IS 'Number of cases behind the figure.';
COMMENT ON COLUMN taxonomy_measures.judge IS 'Who or what decided.';
