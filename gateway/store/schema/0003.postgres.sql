-- What a producer sent and no event could be made of: kept for a person to look at. The newest 10,000 stay.
CREATE TABLE quarantine (
    id     BIGINT PRIMARY KEY, -- counted in meta by the one writer
    uuid   TEXT NOT NULL,
    at_ms  BIGINT NOT NULL,
    source TEXT NOT NULL,      -- '' when nobody knows
    origin TEXT NOT NULL,      -- 'topic plant/7/alarm', 'shared inbox'
    reason TEXT NOT NULL,
    bytes  BYTEA,              -- the first 16 KB
    size   BIGINT NOT NULL     -- of all of it
);
ALTER TABLE meta ADD COLUMN next_quarantine BIGINT NOT NULL DEFAULT 1;
