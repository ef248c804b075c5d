-- What is wrong with labels: single mistakes with their evidence, and tie-breakers that are proposed for pairs that are confused.

CREATE TABLE mistakes (
    evaluation_id VARCHAR NOT NULL,
    subject       VARCHAR NOT NULL,
    text_hash     VARCHAR NOT NULL,
    kind          VARCHAR NOT NULL,
    category_id   VARCHAR,
    gold          VARCHAR NOT NULL,
    gold_category VARCHAR,
    probability   DOUBLE,
    suspicion     DOUBLE NOT NULL,
    rank          BIGINT NOT NULL,
    evidence      VARCHAR NOT NULL
);
COMMENT ON TABLE mistakes IS 'Labels that differ from gold, sorted by what is most probably at fault; worst_mistakes shows those of the present evaluation.';
COMMENT ON COLUMN mistakes.evaluation_id IS 'Evaluation that they belong to.';
COMMENT ON COLUMN mistakes.subject IS 'Whose label it is: teacher or student.';
COMMENT ON COLUMN mistakes.text_hash IS 'Text with the label.';
COMMENT ON COLUMN mistakes.kind IS 'What is most probably at fault: gold wrong, several right, document unclear, definition unclear, model slip or label wrong.';
COMMENT ON COLUMN mistakes.category_id IS 'Category by the label; null where none was given.';
COMMENT ON COLUMN mistakes.gold IS 'Gold label, as in documents.gold; a person''s category where people said it.';
COMMENT ON COLUMN mistakes.gold_category IS 'Category that stands for the gold label: of its name, or matched to it; null where none does.';
COMMENT ON COLUMN mistakes.probability IS 'Probability of the label, 0 to 1; null where nothing measured it.';
COMMENT ON COLUMN mistakes.suspicion IS 'Probability that gold itself is wrong, 0 to 1, by classifiers that did not see it.';
COMMENT ON COLUMN mistakes.rank IS '1 is the worst of the subject.';
COMMENT ON COLUMN mistakes.evidence IS 'What the kind rests on, as JSON: probabilities, other labellers, votes, nearest documents with their gold labels.';

CREATE TABLE tie_breakers (
    evaluation_id VARCHAR NOT NULL,
    category_id   VARCHAR NOT NULL,
    other_id      VARCHAR NOT NULL,
    confusions    BIGINT NOT NULL,
    by_chance     DOUBLE NOT NULL,
    n             BIGINT NOT NULL,
    sentence      VARCHAR NOT NULL,
    source        VARCHAR NOT NULL
);
COMMENT ON TABLE tie_breakers IS 'Pairs of categories that are confused, with a sentence for both cards; a proposal, which nothing applies by itself.';
COMMENT ON COLUMN tie_breakers.evaluation_id IS 'Evaluation that they belong to.';
COMMENT ON COLUMN tie_breakers.category_id IS 'Stable id of one category.';
COMMENT ON COLUMN tie_breakers.other_id IS 'Stable id of the other.';
COMMENT ON COLUMN tie_breakers.confusions IS 'Texts of the one, by gold, that bear the other, both ways.';
COMMENT ON COLUMN tie_breakers.by_chance IS 'Number of these if wrong labels fell on categories by their shares alone.';
COMMENT ON COLUMN tie_breakers.n IS 'Texts of both by gold.';
COMMENT ON COLUMN tie_breakers.sentence IS 'Proposed tie-breaker; empty where none was found.';
COMMENT ON COLUMN tie_breakers.source IS 'Who says it: model or cues; else why there is none.';
