-- Where a delivery of an ordered endpoint stands: its line (8 bytes); then, where they are
-- given, when its next attempt may begin (Unix milliseconds, 8 bytes, 0 for at once), and the
-- place of the last delivery of its batch (due_at and message, 8 bytes each). NULL for none.
ALTER TABLE delivery ADD COLUMN line BLOB;
-- With which others an attempt's message went in one request: its first and last message, how
-- many they are, and the attempt of the first, 8 bytes each. NULL for alone.
ALTER TABLE attempt ADD COLUMN batch BLOB;
