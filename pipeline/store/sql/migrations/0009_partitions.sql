-- Documents by day or by batch, and which files were read in for which.

ALTER TABLE documents ADD COLUMN "partition" VARCHAR;
COMMENT ON COLUMN documents."partition" IS 'Day or batch that it belongs to; null where the project has no partitions.';

CREATE TABLE arrivals (
    file        VARCHAR NOT NULL,
    size        BIGINT NOT NULL,
    modified    BIGINT NOT NULL,
    "partition" VARCHAR NOT NULL,
    documents   BIGINT NOT NULL,
    read_at     TIMESTAMP
);
COMMENT ON TABLE arrivals IS 'Which partitions a version of a file holds documents of, and when these were read in.';
COMMENT ON COLUMN arrivals.file IS 'Name of the file, relative to the folder of the corpus.';
COMMENT ON COLUMN arrivals.size IS 'Bytes of the file.';
COMMENT ON COLUMN arrivals.modified IS 'Time of its last change, in nanoseconds since 1970.';
COMMENT ON COLUMN arrivals."partition" IS 'Day or batch; empty where no row of the file could be used.';
COMMENT ON COLUMN arrivals.documents IS 'Documents of the partition in the file.';
COMMENT ON COLUMN arrivals.read_at IS 'Time at which they were read in, UTC; null while they wait.';
