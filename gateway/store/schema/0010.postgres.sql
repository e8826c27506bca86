-- What a reader's limit or quiet hours do to a message: in which digest it goes out (0: in none), whether it was let through
-- the limit, and whether it was put off to the end of quiet hours.
ALTER TABLE notifications ADD COLUMN digest BIGINT NOT NULL DEFAULT 0;
ALTER TABLE notifications ADD COLUMN admitted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE notifications ADD COLUMN deferred BIGINT NOT NULL DEFAULT 0;
