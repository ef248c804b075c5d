-- What a corpus says of a document beside its text: its title, its language and when it was written.

ALTER TABLE documents ADD COLUMN title VARCHAR;
ALTER TABLE documents ADD COLUMN language VARCHAR;
ALTER TABLE documents ADD COLUMN written_at TIMESTAMP;
COMMENT ON COLUMN documents.text IS 'The text as read, without NUL characters; below its title and an empty line, where it has a title.';
COMMENT ON COLUMN documents.title IS 'Its title, with which the text begins; null where it has none.';
COMMENT ON COLUMN documents.language IS 'Its language as the corpus names it; null where the corpus does not say.';
COMMENT ON COLUMN documents.written_at IS 'Time at which it was written, UTC; null where the corpus does not say.';
