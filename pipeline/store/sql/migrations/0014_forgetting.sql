-- What forgetting needs: which texts a call and a student saw, what must not come back, and where copies of the tables lie.

ALTER TABLE llm_calls ADD COLUMN texts VARCHAR[] DEFAULT [];
COMMENT ON COLUMN llm_calls.texts IS 'Text hashes of the documents whose text the question showed; empty where none was, or before this was kept.';
COMMENT ON COLUMN llm_calls.call_key IS 'Hash of everything that determines the answer; forgotten where the call showed a text that was forgotten since.';

CREATE TABLE lesson_texts (
    classifier_id VARCHAR NOT NULL,
    text_hash     VARCHAR NOT NULL,
    part          VARCHAR NOT NULL
);
COMMENT ON TABLE lesson_texts IS 'The texts that a student learnt from.';
COMMENT ON COLUMN lesson_texts.classifier_id IS 'Student that learnt.';
COMMENT ON COLUMN lesson_texts.text_hash IS 'Text that it learnt from.';
COMMENT ON COLUMN lesson_texts.part IS 'taught with a label, cited by a category, or unlabelled.';

CREATE TABLE forgotten (
    id_hash      VARCHAR NOT NULL,
    text_hash    VARCHAR,
    forgotten_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE forgotten IS 'Documents that were forgotten (linnaeus forget); a read of the corpus turns them away.';
COMMENT ON COLUMN forgotten.id_hash IS 'SHA-256 of the id of the document.';
COMMENT ON COLUMN forgotten.text_hash IS 'Hash of its text; null where another document has the same text.';
COMMENT ON COLUMN forgotten.forgotten_at IS 'Time of forgetting, UTC.';

CREATE TABLE forgettings (
    forgetting_id VARCHAR NOT NULL,
    asked_at      TIMESTAMP NOT NULL,
    documents     BIGINT NOT NULL,
    texts         BIGINT NOT NULL,
    rows          JSON NOT NULL,
    students      JSON NOT NULL
);
COMMENT ON TABLE forgettings IS 'What linnaeus forget did, without what was forgotten.';
COMMENT ON COLUMN forgettings.forgetting_id IS 'Id of the call.';
COMMENT ON COLUMN forgettings.asked_at IS 'Time at which the rows were removed, UTC.';
COMMENT ON COLUMN forgettings.documents IS 'Documents that were forgotten.';
COMMENT ON COLUMN forgettings.texts IS 'Texts that no document has any more.';
COMMENT ON COLUMN forgettings.rows IS 'Rows that were removed or blanked, by table.';
COMMENT ON COLUMN forgettings.students IS 'Students that learnt from the texts, by id, with the part of the lesson.';

CREATE TABLE backups (
    path          VARCHAR NOT NULL,
    bytes         BIGINT NOT NULL,
    documents     BIGINT NOT NULL,
    schema_number INTEGER NOT NULL,
    made_at       TIMESTAMP NOT NULL
);
COMMENT ON TABLE backups IS 'Copies of the state that were made (linnaeus state backup).';
COMMENT ON COLUMN backups.path IS 'Folder of the copy.';
COMMENT ON COLUMN backups.bytes IS 'Bytes of its files.';
COMMENT ON COLUMN backups.documents IS 'Documents in it, all versions.';
COMMENT ON COLUMN backups.schema_number IS 'Newest migration that it has.';
COMMENT ON COLUMN backups.made_at IS 'Time of copying, UTC.';
