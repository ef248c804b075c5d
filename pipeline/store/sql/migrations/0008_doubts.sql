-- Labels that are probably wrong, by students that did not see them: worth a look by a person.

CREATE TABLE doubts (
    text_hash     VARCHAR NOT NULL,
    classifier_id VARCHAR NOT NULL,
    category_id   VARCHAR NOT NULL,
    quality       DOUBLE NOT NULL
);
COMMENT ON TABLE doubts IS 'Labels of a student''s lesson that are probably wrong at random (label_noise: try); review_queue shows those of the present student.';
COMMENT ON COLUMN doubts.text_hash IS 'Text with the label.';
COMMENT ON COLUMN doubts.classifier_id IS 'Student that was to learn it.';
COMMENT ON COLUMN doubts.category_id IS 'Category by the label.';
COMMENT ON COLUMN doubts.quality IS 'Probability that the label is right, by students that did not see it, 0 to 1.';
