-- Near copies may take their label from their original, by an annotator of a kind of its own.

COMMENT ON COLUMN annotators.kind IS 'llm, teacher, human, rule, vote where several were heard, or shared where a near copy takes the label of its original.';
