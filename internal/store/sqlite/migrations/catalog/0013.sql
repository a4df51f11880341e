-- JSON of hook.Hold; NULL for none.
ALTER TABLE application ADD COLUMN hold TEXT;
ALTER TABLE source ADD COLUMN hold TEXT;
