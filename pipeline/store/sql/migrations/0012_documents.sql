-- What is found out about texts beside their labels: near copies and language; and how many windows of a long one were labelled.

CREATE TABLE near_signatures (
    text_hash      VARCHAR NOT NULL,
    signature_spec VARCHAR NOT NULL,
    position       BIGINT NOT NULL,
    bands          UINTEGER[] NOT NULL,
    compared       BOOLEAN NOT NULL
);
COMMENT ON TABLE near_signatures IS 'The MinHash signature of one text, by which its near copies are found without comparing all texts.';
COMMENT ON COLUMN near_signatures.text_hash IS 'Text that is signed.';
COMMENT ON COLUMN near_signatures.signature_spec IS 'Hash of what made it: the method, its numbers and the version of the library''s algorithm.';
COMMENT ON COLUMN near_signatures.position IS 'Number in the order in which texts were signed: of two copies the one with the smaller number is the original.';
COMMENT ON COLUMN near_signatures.bands IS 'Hash of each band of the signature; texts that share one are compared.';
COMMENT ON COLUMN near_signatures.compared IS 'Whether it has been compared with all that were signed before it.';

CREATE TABLE near_pairs (
    text_hash      VARCHAR NOT NULL,
    other_hash     VARCHAR NOT NULL,
    signature_spec VARCHAR NOT NULL,
    similarity     DOUBLE NOT NULL
);
COMMENT ON TABLE near_pairs IS 'Two texts that are alike at least by half, whatever threshold a project sets.';
COMMENT ON COLUMN near_pairs.text_hash IS 'The text that was signed later.';
COMMENT ON COLUMN near_pairs.other_hash IS 'The text that was signed before it.';
COMMENT ON COLUMN near_pairs.signature_spec IS 'What found the pair.';
COMMENT ON COLUMN near_pairs.similarity IS 'Share of the pieces of five characters of both that they have in common (Jaccard), 0.5 to 1; exact.';

CREATE TABLE near_duplicates (
    text_hash     VARCHAR NOT NULL,
    spec          VARCHAR NOT NULL,
    original_hash VARCHAR NOT NULL,
    cluster_hash  VARCHAR NOT NULL,
    similarity    DOUBLE NOT NULL
);
COMMENT ON TABLE near_duplicates IS 'A text that has near copies in the corpus, originals included; texts without any are not listed.';
COMMENT ON COLUMN near_duplicates.text_hash IS 'The text.';
COMMENT ON COLUMN near_duplicates.spec IS 'Hash of what found it: the signatures and corpus.near_duplicates.threshold.';
COMMENT ON COLUMN near_duplicates.original_hash IS 'The text that it is a copy of, or itself where it is an original.';
COMMENT ON COLUMN near_duplicates.cluster_hash IS 'First text of all that are linked by near copies; it never stands on both sides of a split.';
COMMENT ON COLUMN near_duplicates.similarity IS 'How alike it is to its original, at least the threshold; 1 for the original itself.';

CREATE TABLE languages (
    text_hash   VARCHAR NOT NULL,
    detector    VARCHAR NOT NULL,
    language    VARCHAR,
    probability DOUBLE NOT NULL
);
COMMENT ON TABLE languages IS 'The language that a detector finds a text to be in.';
COMMENT ON COLUMN languages.text_hash IS 'The text.';
COMMENT ON COLUMN languages.detector IS 'Library with its version, and how sure it has to be.';
COMMENT ON COLUMN languages.language IS 'Code of the language (ISO 639), as en; null where the detector is not sure.';
COMMENT ON COLUMN languages.probability IS 'How sure the detector is of the likeliest language, 0 to 1.';

ALTER TABLE labels ADD COLUMN windows INTEGER;
ALTER TABLE labels ADD COLUMN window_start INTEGER;
COMMENT ON COLUMN labels.windows IS 'Number of windows of the text that were asked about and averaged; null where it was asked about at once.';
COMMENT ON COLUMN labels.window_start IS 'Characters of the text before the window that speaks most for the label; null where there are no windows.';
