-- The provider's request of an inbound message: JSON, see inbound.go. NULL for a message
-- that was published, and once the content is expunged.
ALTER TABLE message ADD COLUMN inbound BLOB;
