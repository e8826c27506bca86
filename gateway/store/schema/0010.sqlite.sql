-- What a reader's limit or quiet hours do to a message: in which digest it goes out (0: in none), whether it was let through
-- the limit, and whether it was put off to the end of quiet hours.
ALTER TABLE notifications ADD COLUMN digest INTEGER NOT NULL DEFAULT 0;
ALTER TABLE notifications ADD COLUMN admitted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE notifications ADD COLUMN deferred INTEGER NOT NULL DEFAULT 0;
