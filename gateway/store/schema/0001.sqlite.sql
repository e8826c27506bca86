-- What escalated keeps. States are words, absent text is '', instants are milliseconds of Unix time
-- with 0 for "has not happened". gateway/store/README.md says who writes which table. A landed file
-- is never edited: a change is the next number.

CREATE TABLE schema_version (
    version    INTEGER PRIMARY KEY,
    applied_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) STRICT;

-- One row. The epoch rises with every start; a commit that names an older one is refused.
CREATE TABLE meta (
    id                INTEGER PRIMARY KEY CHECK (id = 1),
    epoch             INTEGER NOT NULL,
    engine_time_ms    INTEGER NOT NULL,
    next_incident     INTEGER NOT NULL,
    next_notification INTEGER NOT NULL,
    next_alert        INTEGER NOT NULL
) STRICT;
INSERT INTO meta VALUES (1, 0, 0, 1, 1, 1);

-- The text of every policy version that an incident runs under.
CREATE TABLE policies (
    hash TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT;

CREATE TABLE incidents (
    number         INTEGER PRIMARY KEY,
    uuid           TEXT NOT NULL,
    policy         TEXT NOT NULL,
    policy_hash    TEXT NOT NULL,
    group_key      TEXT NOT NULL,
    title          TEXT NOT NULL,
    state          TEXT NOT NULL,
    severity       TEXT NOT NULL,
    priority       INTEGER NOT NULL,
    priority_set   INTEGER NOT NULL,
    live           INTEGER NOT NULL,
    opened_at_ms   INTEGER NOT NULL,
    acked_at_ms    INTEGER NOT NULL,
    resolved_at_ms INTEGER NOT NULL,
    owner          TEXT NOT NULL,
    ack_until_ms   INTEGER NOT NULL,
    eta_at_ms      INTEGER NOT NULL,
    slip_count     INTEGER NOT NULL,
    known          INTEGER NOT NULL,
    cleared        INTEGER NOT NULL,
    cause          TEXT NOT NULL,
    linked         INTEGER NOT NULL,
    firing_count   INTEGER NOT NULL,
    next_due_at_ms INTEGER NOT NULL,
    updated_at_ms  INTEGER NOT NULL,
    open           INTEGER NOT NULL, -- state is not 'resolved'
    ladder         TEXT NOT NULL
) STRICT;
-- On columns of their own, so that an update of anything else leaves both indexes alone.
CREATE UNIQUE INDEX incidents_open ON incidents (policy, group_key) WHERE open = 1;
CREATE INDEX incidents_live ON incidents (live) WHERE live = 1;
CREATE INDEX incidents_policy ON incidents (policy);

CREATE TABLE alerts (
    id             INTEGER PRIMARY KEY,
    incident       INTEGER NOT NULL,
    source         TEXT NOT NULL,
    key            TEXT NOT NULL,
    state          TEXT NOT NULL,
    severity       TEXT NOT NULL,
    first_at_ms    INTEGER NOT NULL,
    last_at_ms     INTEGER NOT NULL,
    resolved_at_ms INTEGER NOT NULL,
    count          INTEGER NOT NULL,
    summary        TEXT NOT NULL,
    labels         TEXT NOT NULL,
    details        TEXT NOT NULL,
    links          TEXT NOT NULL
) STRICT;
CREATE INDEX alerts_incident ON alerts (incident);

CREATE TABLE notifications (
    id                  INTEGER PRIMARY KEY,
    incident            INTEGER NOT NULL,
    kind                TEXT NOT NULL,
    climb               INTEGER NOT NULL,
    step                TEXT NOT NULL,
    repetition          INTEGER NOT NULL,
    contact             TEXT NOT NULL,
    channel             TEXT NOT NULL,
    address             TEXT NOT NULL,
    key                 TEXT NOT NULL,
    severity            TEXT NOT NULL,
    state               TEXT NOT NULL,
    reason              TEXT NOT NULL,
    created_at_ms       INTEGER NOT NULL,
    due_at_ms           INTEGER NOT NULL,
    next_at_ms          INTEGER NOT NULL,
    expires_at_ms       INTEGER NOT NULL,
    token_expires_at_ms INTEGER NOT NULL,
    attempt_count       INTEGER NOT NULL,
    ended_at_ms         INTEGER NOT NULL,
    provider_id         TEXT NOT NULL,
    body_hash           TEXT NOT NULL,
    content_type        TEXT NOT NULL,
    subject             TEXT NOT NULL,
    snapshot            TEXT NOT NULL,
    body                BLOB
) STRICT;
-- Unfinished ones are those that have not ended: no claim and no retry touches this index.
CREATE UNIQUE INDEX notifications_unfinished ON notifications (key) WHERE ended_at_ms = 0;
CREATE INDEX notifications_incident ON notifications (incident);
CREATE INDEX notifications_provider ON notifications (provider_id, channel) WHERE provider_id <> '';

CREATE TABLE attempts (
    notification     INTEGER NOT NULL,
    attempt          INTEGER NOT NULL,
    started_at_ms    INTEGER NOT NULL,
    deadline_mono_ms INTEGER NOT NULL,
    boot_id          TEXT NOT NULL,
    ended_at_ms      INTEGER NOT NULL,
    outcome          TEXT NOT NULL,
    reason           TEXT NOT NULL,
    detail           TEXT NOT NULL,
    PRIMARY KEY (notification, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    id          INTEGER PRIMARY KEY,
    uuid        TEXT NOT NULL,
    at_ms       INTEGER NOT NULL,
    source      TEXT NOT NULL,
    key         TEXT NOT NULL,
    action      TEXT NOT NULL,
    severity    TEXT NOT NULL,
    disposition TEXT NOT NULL,
    incident    INTEGER NOT NULL
) STRICT;

CREATE TABLE timeline (
    id         INTEGER PRIMARY KEY,
    incident   INTEGER NOT NULL,
    at_ms      INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    actor      TEXT NOT NULL,
    credential TEXT NOT NULL,
    text       TEXT NOT NULL,
    data       TEXT NOT NULL
) STRICT;
CREATE INDEX timeline_incident ON timeline (incident);

-- AUTOINCREMENT: a sequence is never given twice, also when all rows have left.
CREATE TABLE inbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid     TEXT NOT NULL,
    bytes    BLOB NOT NULL
) STRICT;
