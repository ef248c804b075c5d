-- How well candidates found rare categories, beside how often they agreed.

ALTER TABLE student_trials ADD COLUMN macro_f1 DOUBLE;

COMMENT ON COLUMN student_trials.macro_f1 IS 'Macro-F1 against the likeliest labels, as if all categories were as frequent, 0 to 1; null before this was measured.';
