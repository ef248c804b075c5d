-- The tables of a project. No primary keys: a writer deletes the rows of its keys and inserts, in one transaction.
-- Times are UTC. Hashes and ids are made by pipeline/ids.py.

CREATE TABLE documents (
    doc_id     VARCHAR NOT NULL,
    text_hash  VARCHAR NOT NULL,
    text       VARCHAR NOT NULL,
    source     VARCHAR NOT NULL,
    metadata   JSON,
    gold       VARCHAR,
    order_key  VARCHAR NOT NULL,
    words      INTEGER NOT NULL,
    active     BOOLEAN NOT NULL,
    first_seen TIMESTAMP NOT NULL,
    last_seen  TIMESTAMP NOT NULL
);
COMMENT ON TABLE documents IS 'One version of a document of the corpus; exact duplicates share their text_hash.';
COMMENT ON COLUMN documents.doc_id IS 'Id from the corpus, or made from the content where the corpus has none.';
COMMENT ON COLUMN documents.text_hash IS 'Hash of the normalised text; every derived row hangs on it.';
COMMENT ON COLUMN documents.text IS 'The text as read, without NUL characters.';
COMMENT ON COLUMN documents.source IS 'File name and position (line or row, from 1) it was read from.';
COMMENT ON COLUMN documents.metadata IS 'Kept columns of the corpus, by name.';
COMMENT ON COLUMN documents.gold IS 'Known label, read by evaluation alone.';
COMMENT ON COLUMN documents.order_key IS 'Place of the text in the seeded random order that samples are cut from.';
COMMENT ON COLUMN documents.words IS 'Number of words of the text.';
COMMENT ON COLUMN documents.active IS 'Whether the latest complete read of the corpus held this version.';
COMMENT ON COLUMN documents.first_seen IS 'Time of the first read that held it, UTC.';
COMMENT ON COLUMN documents.last_seen IS 'Time of the latest read that held it, UTC.';

CREATE TABLE summaries (
    text_hash    VARCHAR NOT NULL,
    summary_spec VARCHAR NOT NULL,
    summary      VARCHAR NOT NULL,
    phrase       VARCHAR NOT NULL,
    truncated    BOOLEAN NOT NULL,
    created_at   TIMESTAMP NOT NULL
);
COMMENT ON TABLE summaries IS 'The summary and topic phrase of one text for one use case and prompt version.';
COMMENT ON COLUMN summaries.text_hash IS 'Text that is summarised.';
COMMENT ON COLUMN summaries.summary_spec IS 'Hash of what made it: use case, prompt, model and settings.';
COMMENT ON COLUMN summaries.summary IS 'Short summary; a short text is its own.';
COMMENT ON COLUMN summaries.phrase IS 'Topic phrase of a few words.';
COMMENT ON COLUMN summaries.truncated IS 'Whether the model saw only a part of the text.';
COMMENT ON COLUMN summaries.created_at IS 'Time of writing, UTC.';

CREATE TABLE failures (
    stage      VARCHAR NOT NULL,
    text_hash  VARCHAR NOT NULL,
    spec       VARCHAR NOT NULL,
    reason     VARCHAR NOT NULL,
    message    VARCHAR NOT NULL,
    attempts   INTEGER NOT NULL,
    created_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE failures IS 'A text that the model could not answer for; asked again by the next run.';
COMMENT ON COLUMN failures.stage IS 'Stage that asked.';
COMMENT ON COLUMN failures.text_hash IS 'Text that was asked about.';
COMMENT ON COLUMN failures.spec IS 'Hash of what asked, as summary_spec or annotator_id.';
COMMENT ON COLUMN failures.reason IS 'Kind of failure.';
COMMENT ON COLUMN failures.message IS 'What the model or the server said.';
COMMENT ON COLUMN failures.attempts IS 'Attempts made before giving up.';
COMMENT ON COLUMN failures.created_at IS 'Time of the last attempt, UTC.';

CREATE TABLE taxonomies (
    taxonomy_id VARCHAR NOT NULL,
    stage       VARCHAR NOT NULL,
    step        INTEGER NOT NULL,
    parent_id   VARCHAR,
    use_case    VARCHAR NOT NULL,
    method      VARCHAR NOT NULL,
    rating      DOUBLE,
    created_at  TIMESTAMP NOT NULL,
    seq         BIGINT NOT NULL
);
COMMENT ON TABLE taxonomies IS 'An immutable version of the categories.';
COMMENT ON COLUMN taxonomies.taxonomy_id IS 'Id of the version.';
COMMENT ON COLUMN taxonomies.stage IS 'Stage that made it: generate, update, review, or baseline.';
COMMENT ON COLUMN taxonomies.step IS 'Number of the step within the induction.';
COMMENT ON COLUMN taxonomies.parent_id IS 'Version it was made from.';
COMMENT ON COLUMN taxonomies.use_case IS 'Question that its labels answer.';
COMMENT ON COLUMN taxonomies.method IS 'How the categories were found.';
COMMENT ON COLUMN taxonomies.rating IS 'Share of the minibatch that the parent version already covered, 0 to 1.';
COMMENT ON COLUMN taxonomies.created_at IS 'Time of first saving, UTC.';
COMMENT ON COLUMN taxonomies.seq IS 'Order of first saving, from 1.';

CREATE TABLE categories (
    taxonomy_id VARCHAR NOT NULL,
    category_id VARCHAR NOT NULL,
    parent_id   VARCHAR,
    position    INTEGER NOT NULL,
    name        VARCHAR NOT NULL,
    description VARCHAR NOT NULL,
    members     VARCHAR[] NOT NULL
);
COMMENT ON TABLE categories IS 'One category of one version of the taxonomy.';
COMMENT ON COLUMN categories.taxonomy_id IS 'Version it belongs to.';
COMMENT ON COLUMN categories.category_id IS 'Stable id, the same through renames and updates.';
COMMENT ON COLUMN categories.parent_id IS 'Category above it in the same version; null at the top.';
COMMENT ON COLUMN categories.position IS 'Place in the version, from 0.';
COMMENT ON COLUMN categories.name IS 'Name shown to people and models.';
COMMENT ON COLUMN categories.description IS 'What belongs here.';
COMMENT ON COLUMN categories.members IS 'Text hashes that it cites, surest first.';

CREATE TABLE taxonomy_changes (
    taxonomy_id VARCHAR NOT NULL,
    kind        VARCHAR NOT NULL,
    category_id VARCHAR NOT NULL,
    before      VARCHAR,
    after       VARCHAR,
    reason      VARCHAR NOT NULL,
    position    INTEGER NOT NULL
);
COMMENT ON TABLE taxonomy_changes IS 'One edit between a version of the taxonomy and its parent.';
COMMENT ON COLUMN taxonomy_changes.taxonomy_id IS 'Version that the edit led to.';
COMMENT ON COLUMN taxonomy_changes.kind IS 'add, rename, merge, split, drop or move.';
COMMENT ON COLUMN taxonomy_changes.category_id IS 'Category that was edited.';
COMMENT ON COLUMN taxonomy_changes.before IS 'Name or place before the edit.';
COMMENT ON COLUMN taxonomy_changes.after IS 'Name or place after the edit.';
COMMENT ON COLUMN taxonomy_changes.reason IS 'Why the edit was made.';
COMMENT ON COLUMN taxonomy_changes.position IS 'Place among the edits of the version, from 0.';

CREATE TABLE annotators (
    annotator_id VARCHAR NOT NULL,
    kind         VARCHAR NOT NULL,
    model        VARCHAR,
    prompt       VARCHAR,
    settings     JSON NOT NULL
);
COMMENT ON TABLE annotators IS 'Whoever gives labels: a model with a prompt, a rule or a person.';
COMMENT ON COLUMN annotators.annotator_id IS 'Id: hash of everything below.';
COMMENT ON COLUMN annotators.kind IS 'llm, teacher or human.';
COMMENT ON COLUMN annotators.model IS 'Model that answers; null for people and rules.';
COMMENT ON COLUMN annotators.prompt IS 'Fingerprint of the prompt; null for people and rules.';
COMMENT ON COLUMN annotators.settings IS 'Everything else that its labels depend on.';

CREATE TABLE labels (
    text_hash    VARCHAR NOT NULL,
    taxonomy_id  VARCHAR NOT NULL,
    annotator_id VARCHAR NOT NULL,
    category_id  VARCHAR,
    probability  DOUBLE,
    scores       JSON,
    truncated    BOOLEAN NOT NULL,
    created_at   TIMESTAMP NOT NULL
);
COMMENT ON TABLE labels IS 'The label of one text by one annotator under one version of the taxonomy.';
COMMENT ON COLUMN labels.text_hash IS 'Text that is labelled.';
COMMENT ON COLUMN labels.taxonomy_id IS 'Version the category belongs to.';
COMMENT ON COLUMN labels.annotator_id IS 'Who gave the label.';
COMMENT ON COLUMN labels.category_id IS 'Category; null where none fits.';
COMMENT ON COLUMN labels.probability IS 'Measured probability, 0 to 1; null where nothing measured it.';
COMMENT ON COLUMN labels.scores IS 'Log-probability of each option, by category id.';
COMMENT ON COLUMN labels.truncated IS 'Whether the annotator saw only a part of the text.';
COMMENT ON COLUMN labels.created_at IS 'Time of writing, UTC.';

CREATE TABLE embeddings (
    text_hash   VARCHAR NOT NULL,
    embedder_id VARCHAR NOT NULL,
    vector      FLOAT[] NOT NULL
);
COMMENT ON TABLE embeddings IS 'The vector of one text by one embedder.';
COMMENT ON COLUMN embeddings.text_hash IS 'Text that is embedded.';
COMMENT ON COLUMN embeddings.embedder_id IS 'Embedder, with version and settings.';
COMMENT ON COLUMN embeddings.vector IS 'The vector, as long for every text of one embedder.';

CREATE TABLE classifiers (
    classifier_id VARCHAR NOT NULL,
    taxonomy_id   VARCHAR NOT NULL,
    annotator_id  VARCHAR NOT NULL,
    embedder_id   VARCHAR NOT NULL,
    path          VARCHAR NOT NULL,
    sha256        VARCHAR NOT NULL,
    settings      JSON NOT NULL,
    metrics       JSON NOT NULL,
    trained_on    INTEGER NOT NULL
);
COMMENT ON TABLE classifiers IS 'A trained student: where it lies, what it learnt from and how it was chosen.';
COMMENT ON COLUMN classifiers.classifier_id IS 'Id: hash of the labels it learnt from, its settings and the method''s number.';
COMMENT ON COLUMN classifiers.taxonomy_id IS 'Version of the taxonomy it predicts.';
COMMENT ON COLUMN classifiers.annotator_id IS 'Teacher it learnt from.';
COMMENT ON COLUMN classifiers.embedder_id IS 'Embedder of its inputs.';
COMMENT ON COLUMN classifiers.path IS 'Folder of the artefact.';
COMMENT ON COLUMN classifiers.sha256 IS 'Checksum of the artefact.';
COMMENT ON COLUMN classifiers.settings IS 'Chosen settings.';
COMMENT ON COLUMN classifiers.metrics IS 'Figures measured while training, by name.';
COMMENT ON COLUMN classifiers.trained_on IS 'Number of labelled texts it learnt from.';

CREATE TABLE predictions (
    text_hash     VARCHAR NOT NULL,
    classifier_id VARCHAR NOT NULL,
    category_id   VARCHAR NOT NULL,
    probability   DOUBLE NOT NULL
);
COMMENT ON TABLE predictions IS 'The category of one text by one student.';
COMMENT ON COLUMN predictions.text_hash IS 'Text that is classified.';
COMMENT ON COLUMN predictions.classifier_id IS 'Student that predicts.';
COMMENT ON COLUMN predictions.category_id IS 'Predicted category.';
COMMENT ON COLUMN predictions.probability IS 'Calibrated probability, 0 to 1.';

CREATE TABLE evaluations (
    evaluation_id VARCHAR NOT NULL,
    subject       VARCHAR NOT NULL,
    metric        VARCHAR NOT NULL,
    slice         VARCHAR NOT NULL,
    value         DOUBLE NOT NULL,
    low           DOUBLE,
    high          DOUBLE,
    n             INTEGER NOT NULL,
    judge         VARCHAR NOT NULL,
    created_at    TIMESTAMP NOT NULL
);
COMMENT ON TABLE evaluations IS 'One figure with its interval, its n and its judge.';
COMMENT ON COLUMN evaluations.evaluation_id IS 'Id: hash of what was measured on what.';
COMMENT ON COLUMN evaluations.subject IS 'What was measured: teacher, student, baseline or taxonomy.';
COMMENT ON COLUMN evaluations.metric IS 'Name of the metric.';
COMMENT ON COLUMN evaluations.slice IS 'Part of the data it was measured on.';
COMMENT ON COLUMN evaluations.value IS 'The figure.';
COMMENT ON COLUMN evaluations.low IS 'Lower end of the 95 % interval.';
COMMENT ON COLUMN evaluations.high IS 'Upper end of the 95 % interval.';
COMMENT ON COLUMN evaluations.n IS 'Number of cases behind the figure.';
COMMENT ON COLUMN evaluations.judge IS 'Who or what decided right and wrong.';
COMMENT ON COLUMN evaluations.created_at IS 'Time of measuring, UTC.';

CREATE TABLE llm_calls (
    call_key      VARCHAR NOT NULL,
    run_id        VARCHAR NOT NULL,
    purpose       VARCHAR NOT NULL,
    model         VARCHAR NOT NULL,
    prompt        VARCHAR NOT NULL,
    attempt       INTEGER NOT NULL,
    tokens_in     BIGINT NOT NULL,
    tokens_cached BIGINT NOT NULL,
    tokens_out    BIGINT NOT NULL,
    milliseconds  DOUBLE NOT NULL,
    finish_reason VARCHAR,
    outcome       VARCHAR NOT NULL,
    error         VARCHAR,
    answer        VARCHAR,
    raw           VARCHAR,
    created_at    TIMESTAMP NOT NULL
);
COMMENT ON TABLE llm_calls IS 'One attempt at one question to a model.';
COMMENT ON COLUMN llm_calls.call_key IS 'Hash of everything that determines the answer.';
COMMENT ON COLUMN llm_calls.run_id IS 'Run that asked.';
COMMENT ON COLUMN llm_calls.purpose IS 'What the question was for.';
COMMENT ON COLUMN llm_calls.model IS 'Model that was asked.';
COMMENT ON COLUMN llm_calls.prompt IS 'Fingerprint of the prompt.';
COMMENT ON COLUMN llm_calls.attempt IS 'Number of the attempt, from 1.';
COMMENT ON COLUMN llm_calls.tokens_in IS 'Tokens of the prompt.';
COMMENT ON COLUMN llm_calls.tokens_cached IS 'Tokens of the prompt that the server had cached.';
COMMENT ON COLUMN llm_calls.tokens_out IS 'Tokens of the answer.';
COMMENT ON COLUMN llm_calls.milliseconds IS 'Time from asking to the whole answer.';
COMMENT ON COLUMN llm_calls.finish_reason IS 'Why the server stopped.';
COMMENT ON COLUMN llm_calls.outcome IS 'ok, or the name of what went wrong.';
COMMENT ON COLUMN llm_calls.error IS 'What went wrong, in words.';
COMMENT ON COLUMN llm_calls.answer IS 'JSON of the answer with option scores; null where the call failed.';
COMMENT ON COLUMN llm_calls.raw IS 'The server''s text, kept where the answer could not be used.';
COMMENT ON COLUMN llm_calls.created_at IS 'Time of recording, UTC.';

CREATE TABLE rejects (
    stage      VARCHAR NOT NULL,
    reason     VARCHAR NOT NULL,
    message    VARCHAR NOT NULL,
    record     VARCHAR NOT NULL,
    source     VARCHAR NOT NULL,
    position   BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE rejects IS 'A raw record that could not be used: nothing disappears.';
COMMENT ON COLUMN rejects.stage IS 'Stage that refused it.';
COMMENT ON COLUMN rejects.reason IS 'Kind of fault.';
COMMENT ON COLUMN rejects.message IS 'The fault in words.';
COMMENT ON COLUMN rejects.record IS 'The raw record; undecodable bytes are written as \xNN.';
COMMENT ON COLUMN rejects.source IS 'File it comes from.';
COMMENT ON COLUMN rejects.position IS 'Line or row in the source, from 1.';
COMMENT ON COLUMN rejects.created_at IS 'Time of recording, UTC.';

CREATE TABLE runs (
    run_id     VARCHAR NOT NULL,
    project    VARCHAR NOT NULL,
    started_at TIMESTAMP NOT NULL,
    ended_at   TIMESTAMP,
    status     VARCHAR NOT NULL,
    seconds    DOUBLE
);
COMMENT ON TABLE runs IS 'One run of the pipeline.';
COMMENT ON COLUMN runs.run_id IS 'Id of the run.';
COMMENT ON COLUMN runs.project IS 'Name of the project.';
COMMENT ON COLUMN runs.started_at IS 'Start, UTC.';
COMMENT ON COLUMN runs.ended_at IS 'End, UTC; null while it runs or where it was killed.';
COMMENT ON COLUMN runs.status IS 'running, done, failed or interrupted.';
COMMENT ON COLUMN runs.seconds IS 'Wall time; null until it ends.';

CREATE TABLE stage_runs (
    run_id     VARCHAR NOT NULL,
    stage      VARCHAR NOT NULL,
    started_at TIMESTAMP NOT NULL,
    seconds    DOUBLE NOT NULL,
    status     VARCHAR NOT NULL,
    counts     JSON NOT NULL
);
COMMENT ON TABLE stage_runs IS 'One stage of one run.';
COMMENT ON COLUMN stage_runs.run_id IS 'Run it belongs to.';
COMMENT ON COLUMN stage_runs.stage IS 'Name of the stage.';
COMMENT ON COLUMN stage_runs.started_at IS 'Start, UTC.';
COMMENT ON COLUMN stage_runs.seconds IS 'Wall time.';
COMMENT ON COLUMN stage_runs.status IS 'done or failed.';
COMMENT ON COLUMN stage_runs.counts IS 'What it made, by name.';

CREATE TABLE current (
    key   VARCHAR NOT NULL,
    value VARCHAR NOT NULL
);
COMMENT ON TABLE current IS 'Pointers to what is current, and the fingerprint of the views.';
COMMENT ON COLUMN current.key IS 'Name of the pointer, as taxonomy_id, teacher_annotator_id or classifier_id.';
COMMENT ON COLUMN current.value IS 'What it points to.';

CREATE TABLE migrations (
    number     INTEGER NOT NULL,
    name       VARCHAR NOT NULL,
    sha256     VARCHAR NOT NULL,
    applied_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE migrations IS 'One change of the schema that was applied to this file.';
COMMENT ON COLUMN migrations.number IS 'Number of the migration, from 1.';
COMMENT ON COLUMN migrations.name IS 'Name of its file.';
COMMENT ON COLUMN migrations.sha256 IS 'Checksum of its text.';
COMMENT ON COLUMN migrations.applied_at IS 'Time it was applied, UTC.';
