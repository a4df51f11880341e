-- The provider's request of an inbound message: JSON, see inbound.go. NULL for a message
-- that was published, and once the content is expunged.
ALTER TABLE message ADD COLUMN inbound BLOB;

-- Beside the idempotency_HOUR tables there is one idempotency_day_DAY table for each day with
-- requests whose key lives for more than a day; see keytable.go.
