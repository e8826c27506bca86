-- What holds an incident back although it fires, and how often it has changed lately.
ALTER TABLE incidents ADD COLUMN suppressed TEXT NOT NULL DEFAULT ''; -- 'silence 7', 'maintenance NAME', 'inhibition NAME'
ALTER TABLE incidents ADD COLUMN flap TEXT NOT NULL DEFAULT '';       -- calm at, resolves counted, times of changes
CREATE TABLE silences (
    id           INTEGER PRIMARY KEY,
    matchers     TEXT NOT NULL,
    author       TEXT NOT NULL,
    reason       TEXT NOT NULL,
    from_at_ms   INTEGER NOT NULL,
    until_at_ms  INTEGER NOT NULL,
    ended_at_ms  INTEGER NOT NULL, -- 0: it holds
    ended_by     TEXT NOT NULL     -- who ended it; 'time': nobody before its end
) STRICT;
CREATE INDEX silences_held ON silences (id) WHERE ended_at_ms = 0;
