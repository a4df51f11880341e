-- What few endpoints have: JSON of hook.Features, sealed; NULL for none.
ALTER TABLE endpoint ADD COLUMN features BLOB;
-- 1 for one that is served as a destination of the contract. Endpoints and destinations have uids of their own.
ALTER TABLE endpoint ADD COLUMN destination INTEGER NOT NULL DEFAULT 0;
ALTER TABLE removed_endpoint ADD COLUMN destination INTEGER NOT NULL DEFAULT 0;
DROP INDEX endpoint_uid;
CREATE UNIQUE INDEX endpoint_uid ON endpoint (application, uid, destination) WHERE uid IS NOT NULL;
