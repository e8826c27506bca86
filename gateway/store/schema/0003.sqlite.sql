-- What a producer sent and no event could be made of: kept for a person to look at. The newest 10,000 stay.
-- AUTOINCREMENT: an id is never given twice, so that paging and "the oldest leave" are exact.
CREATE TABLE quarantine (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid   TEXT NOT NULL,
    at_ms  INTEGER NOT NULL,
    source TEXT NOT NULL,    -- '' when nobody knows
    origin TEXT NOT NULL,    -- 'topic plant/7/alarm', 'shared inbox'
    reason TEXT NOT NULL,
    bytes  BLOB,             -- the first 16 KB
    size   INTEGER NOT NULL  -- of all of it
) STRICT;
