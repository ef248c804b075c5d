-- What is known of a student beside its category: the next likeliest ones, a set with a promised coverage, whether it abstains, how strange
-- the text is; how each candidate did that it was chosen from; and which student was taken into use when, and why.

ALTER TABLE predictions ADD COLUMN alternatives VARCHAR;
ALTER TABLE predictions ADD COLUMN also VARCHAR[] DEFAULT [];
ALTER TABLE predictions ADD COLUMN members VARCHAR[] DEFAULT [];
ALTER TABLE predictions ADD COLUMN abstained BOOLEAN DEFAULT false;
ALTER TABLE predictions ADD COLUMN novelty DOUBLE;
COMMENT ON COLUMN predictions.alternatives IS 'Probability of the next likeliest categories by category id, as JSON.';
COMMENT ON COLUMN predictions.also IS 'Categories that apply beside the primary one.';
COMMENT ON COLUMN predictions.members IS 'Categories of the conformal set, which holds the right one as often as was promised.';
COMMENT ON COLUMN predictions.abstained IS 'Whether the probability is below that from which errors are as rare as was asked.';
COMMENT ON COLUMN predictions.novelty IS 'How unlike the documents that the student learnt from, 0 to 1: share of those that are liker.';

CREATE TABLE student_trials (
    classifier_id VARCHAR NOT NULL,
    candidate     VARCHAR NOT NULL,
    chosen        BOOLEAN NOT NULL,
    agreement     DOUBLE NOT NULL,
    low           DOUBLE NOT NULL,
    high          DOUBLE NOT NULL,
    n             BIGINT NOT NULL,
    log_loss      DOUBLE NOT NULL,
    seconds       DOUBLE NOT NULL,
    settings      VARCHAR NOT NULL
);
COMMENT ON TABLE student_trials IS 'How each candidate did on labels that it had not seen, when a student was chosen.';
COMMENT ON COLUMN student_trials.classifier_id IS 'Student that came of it.';
COMMENT ON COLUMN student_trials.candidate IS 'Candidate that was tried.';
COMMENT ON COLUMN student_trials.chosen IS 'Whether it became the student.';
COMMENT ON COLUMN student_trials.agreement IS 'Mean probability, by the teacher, of what it predicted, 0 to 1.';
COMMENT ON COLUMN student_trials.low IS 'Lower end of the 95 % interval.';
COMMENT ON COLUMN student_trials.high IS 'Upper end of the 95 % interval.';
COMMENT ON COLUMN student_trials.n IS 'Labels that it was tried on.';
COMMENT ON COLUMN student_trials.log_loss IS 'Mean surprise at the labels, in nats.';
COMMENT ON COLUMN student_trials.seconds IS 'Time of all its fits.';
COMMENT ON COLUMN student_trials.settings IS 'Settings chosen, by voice, as JSON.';

CREATE TABLE promotions (
    classifier_id VARCHAR NOT NULL,
    previous_id   VARCHAR,
    facet         VARCHAR NOT NULL,
    promoted      BOOLEAN NOT NULL,
    decided_by    VARCHAR NOT NULL,
    reason        VARCHAR NOT NULL,
    created_at    TIMESTAMP NOT NULL
);
COMMENT ON TABLE promotions IS 'Which student was taken into use or kept out of it, when, and why.';
COMMENT ON COLUMN promotions.classifier_id IS 'Student that it was about.';
COMMENT ON COLUMN promotions.previous_id IS 'Student that was in use until then; null where there was none.';
COMMENT ON COLUMN promotions.facet IS 'Facet; empty for the project''s own use case.';
COMMENT ON COLUMN promotions.promoted IS 'Whether it was taken into use.';
COMMENT ON COLUMN promotions.decided_by IS 'rule, or person.';
COMMENT ON COLUMN promotions.reason IS 'Why, in words.';
COMMENT ON COLUMN promotions.created_at IS 'When it was decided.';
