-- What people are asked to label, and what they say.

CREATE TABLE review_sheets (
    sheet_id    VARCHAR NOT NULL,
    taxonomy_id VARCHAR NOT NULL,
    facet       VARCHAR NOT NULL,
    design      VARCHAR NOT NULL,
    teaches     BOOLEAN NOT NULL,
    raters      VARCHAR[] NOT NULL,
    overlap     DOUBLE NOT NULL,
    seed        BIGINT NOT NULL,
    population  BIGINT NOT NULL,
    size        BIGINT NOT NULL,
    half_width  DOUBLE,
    expected    DOUBLE,
    created_at  TIMESTAMP NOT NULL
);
COMMENT ON TABLE review_sheets IS 'Choices of documents that people were asked to label (linnaeus review export).';
COMMENT ON COLUMN review_sheets.sheet_id IS 'Hash of everything that determines the choice.';
COMMENT ON COLUMN review_sheets.taxonomy_id IS 'Version of the taxonomy that people label by.';
COMMENT ON COLUMN review_sheets.facet IS 'Facet of the taxonomy.';
COMMENT ON COLUMN review_sheets.design IS 'sample: drawn at random, so that accuracy can be estimated from it; queue: the most doubtful first; adjudicate: what raters differ on.';
COMMENT ON COLUMN review_sheets.teaches IS 'Whether teacher and student may learn from the answers; otherwise they are for evaluation alone.';
COMMENT ON COLUMN review_sheets.raters IS 'Names of the raters; empty where they were not known.';
COMMENT ON COLUMN review_sheets.overlap IS 'Share of the documents that every rater gets, 0 to 1; each of the others goes to one.';
COMMENT ON COLUMN review_sheets.seed IS 'Seed of the choice and of the orders.';
COMMENT ON COLUMN review_sheets.population IS 'Texts that it was chosen from.';
COMMENT ON COLUMN review_sheets.size IS 'Texts on it.';
COMMENT ON COLUMN review_sheets.half_width IS 'Half width of the 95 % interval of accuracy that was wanted; null where a number of documents was.';
COMMENT ON COLUMN review_sheets.expected IS 'Accuracy that the size was planned with; null where there is no plan.';
COMMENT ON COLUMN review_sheets.created_at IS 'Time of the first export, UTC.';

CREATE TABLE review_items (
    sheet_id  VARCHAR NOT NULL,
    text_hash VARCHAR NOT NULL,
    doc_id    VARCHAR NOT NULL,
    stratum   VARCHAR,
    weight    DOUBLE,
    raters    VARCHAR[] NOT NULL
);
COMMENT ON TABLE review_items IS 'The texts on each review sheet.';
COMMENT ON COLUMN review_items.sheet_id IS 'Sheet.';
COMMENT ON COLUMN review_items.text_hash IS 'Text.';
COMMENT ON COLUMN review_items.doc_id IS 'Document that it is shown as.';
COMMENT ON COLUMN review_items.stratum IS 'Category that it was predicted to be in when it was drawn, or none; null where it was not drawn at random.';
COMMENT ON COLUMN review_items.weight IS 'Texts of its stratum that it stands for; null where it was not drawn at random.';
COMMENT ON COLUMN review_items.raters IS 'Raters who get it; empty where they were not known.';

CREATE TABLE ratings (
    sheet_id    VARCHAR NOT NULL,
    text_hash   VARCHAR NOT NULL,
    rater       VARCHAR NOT NULL,
    category_id VARCHAR,
    also        VARCHAR[] NOT NULL,
    comment     VARCHAR NOT NULL,
    position    BIGINT NOT NULL,
    source      VARCHAR NOT NULL,
    sha256      VARCHAR NOT NULL,
    created_at  TIMESTAMP NOT NULL
);
COMMENT ON TABLE ratings IS 'What each rater said of each text on a review sheet (linnaeus review import).';
COMMENT ON COLUMN ratings.sheet_id IS 'Sheet.';
COMMENT ON COLUMN ratings.text_hash IS 'Text.';
COMMENT ON COLUMN ratings.rater IS 'Name of the rater.';
COMMENT ON COLUMN ratings.category_id IS 'Category under the taxonomy of the sheet; null where the rater said that none fits.';
COMMENT ON COLUMN ratings.also IS 'Ids of the categories that the rater said apply as well.';
COMMENT ON COLUMN ratings.comment IS 'What the rater wrote beside it.';
COMMENT ON COLUMN ratings.position IS 'Line or item of the file, from 1.';
COMMENT ON COLUMN ratings.source IS 'File that it was read from.';
COMMENT ON COLUMN ratings.sha256 IS 'SHA-256 of that file.';
COMMENT ON COLUMN ratings.created_at IS 'Time of the import that brought this answer, UTC.';
