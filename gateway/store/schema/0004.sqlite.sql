-- Small facts that outlive a restart, by kind and name: methods that people have switched off, answers given in vain,
-- receipts that came too early, provider's messages already applied (policies/marks.h). An index by time, so that the last
-- kind can leave.
CREATE TABLE marks (
    kind  TEXT NOT NULL,
    name  TEXT NOT NULL,
    value TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX marks_time ON marks (kind, at_ms);
