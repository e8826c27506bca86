-- Jobs and devices that report by themselves: what is known of each, by source and key.
CREATE TABLE heartbeats (
    source        TEXT NOT NULL,
    key           TEXT NOT NULL,
    state         TEXT NOT NULL, -- new, up, missed, failed
    first_at_ms   INTEGER NOT NULL, -- expected since
    seen_at_ms    INTEGER NOT NULL, -- the last signal of any kind
    success_at_ms INTEGER NOT NULL,
    started_at_ms INTEGER NOT NULL,
    failed_at_ms  INTEGER NOT NULL,
    missed_at_ms  INTEGER NOT NULL,
    duration_ms   INTEGER NOT NULL, -- of the last run whose start was reported
    waits_from_ms INTEGER NOT NULL, -- the interval counts from here
    gone_at_ms    INTEGER NOT NULL, -- since then its source is not configured any more
    missed_count  INTEGER NOT NULL,
    exit_status   INTEGER NOT NULL, -- of the last failure that gave one; -1: none
    running       INTEGER NOT NULL, -- 1: started, and not ended yet
    run           TEXT NOT NULL,    -- what the start called the run
    PRIMARY KEY (source, key)
) STRICT, WITHOUT ROWID;
