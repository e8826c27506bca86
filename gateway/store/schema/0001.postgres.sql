-- What escalated keeps. States are words, absent text is '', instants are milliseconds of Unix time
-- with 0 for "has not happened". gateway/store/README.md says who writes which table. A landed file
-- is never edited: a change is the next number. The table schema_version is made by the program.

-- One row for each realm: who is the engine. Every batch locks it first, and the epoch rises with every new holder.
CREATE TABLE lease (
    realm    TEXT PRIMARY KEY,
    owner    TEXT NOT NULL,  -- random for each start of a daemon
    node     TEXT NOT NULL,  -- where it runs, for people
    epoch    BIGINT NOT NULL,
    until_ms BIGINT NOT NULL -- on the clock of the database
);
INSERT INTO lease VALUES ('main', '', '', 0, 0);

-- One row. `batch` rises by one with every commit: after a lost answer it says whether the batch is in.
CREATE TABLE meta (
    realm             TEXT PRIMARY KEY,
    epoch             BIGINT NOT NULL, -- of the last commit
    batch             BIGINT NOT NULL,
    engine_time_ms    BIGINT NOT NULL,
    next_incident     BIGINT NOT NULL,
    next_notification BIGINT NOT NULL,
    next_alert        BIGINT NOT NULL,
    next_event        BIGINT NOT NULL,
    next_timeline     BIGINT NOT NULL
);
INSERT INTO meta VALUES ('main', 0, 0, 0, 1, 1, 1, 1, 1);

-- The text of every policy version that an incident runs under.
CREATE TABLE policies (
    hash TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    text TEXT NOT NULL
);

CREATE TABLE incidents (
    number         BIGINT PRIMARY KEY,
    uuid           TEXT NOT NULL,
    policy         TEXT NOT NULL,
    policy_hash    TEXT NOT NULL,
    group_key      TEXT NOT NULL,
    title          TEXT NOT NULL,
    state          TEXT NOT NULL,
    severity       TEXT NOT NULL,
    priority       BIGINT NOT NULL,
    priority_set   BIGINT NOT NULL,
    live           BIGINT NOT NULL,
    opened_at_ms   BIGINT NOT NULL,
    acked_at_ms    BIGINT NOT NULL,
    resolved_at_ms BIGINT NOT NULL,
    owner          TEXT NOT NULL,
    ack_until_ms   BIGINT NOT NULL,
    eta_at_ms      BIGINT NOT NULL,
    slip_count     BIGINT NOT NULL,
    known          BIGINT NOT NULL,
    cleared        BIGINT NOT NULL,
    cause          TEXT NOT NULL,
    linked         BIGINT NOT NULL,
    firing_count   BIGINT NOT NULL,
    next_due_at_ms BIGINT NOT NULL,
    updated_at_ms  BIGINT NOT NULL,
    open           BIGINT NOT NULL, -- state is not 'resolved'
    ladder         TEXT NOT NULL,
    group_hash     TEXT NOT NULL -- SHA-256 of group_key, which may be too long for an index
);
CREATE UNIQUE INDEX incidents_open ON incidents (policy, group_hash) WHERE open = 1;
CREATE INDEX incidents_live ON incidents (number) WHERE live = 1;
CREATE INDEX incidents_over ON incidents (resolved_at_ms) WHERE live = 0;
CREATE INDEX incidents_policy ON incidents (policy, number);

CREATE TABLE alerts (
    id             BIGINT PRIMARY KEY,
    incident       BIGINT NOT NULL,
    source         TEXT NOT NULL,
    key            TEXT NOT NULL,
    state          TEXT NOT NULL,
    severity       TEXT NOT NULL,
    first_at_ms    BIGINT NOT NULL,
    last_at_ms     BIGINT NOT NULL,
    resolved_at_ms BIGINT NOT NULL,
    count          BIGINT NOT NULL,
    summary        TEXT NOT NULL,
    labels         TEXT NOT NULL,
    details        TEXT NOT NULL,
    links          TEXT NOT NULL
);
CREATE INDEX alerts_incident ON alerts (incident);

CREATE TABLE notifications (
    id                  BIGINT PRIMARY KEY,
    incident            BIGINT NOT NULL,
    kind                TEXT NOT NULL,
    climb               BIGINT NOT NULL,
    step                TEXT NOT NULL,
    repetition          BIGINT NOT NULL,
    contact             TEXT NOT NULL,
    channel             TEXT NOT NULL,
    address             TEXT NOT NULL,
    key                 TEXT NOT NULL,
    severity            TEXT NOT NULL,
    state               TEXT NOT NULL,
    reason              TEXT NOT NULL,
    created_at_ms       BIGINT NOT NULL,
    due_at_ms           BIGINT NOT NULL,
    next_at_ms          BIGINT NOT NULL,
    expires_at_ms       BIGINT NOT NULL,
    token_expires_at_ms BIGINT NOT NULL,
    attempt_count       BIGINT NOT NULL,
    ended_at_ms         BIGINT NOT NULL,
    provider_id         TEXT NOT NULL,
    body_hash           TEXT NOT NULL,
    content_type        TEXT NOT NULL,
    subject             TEXT NOT NULL,
    snapshot            TEXT NOT NULL,
    body                BYTEA
);
CREATE UNIQUE INDEX notifications_unfinished ON notifications (key) WHERE ended_at_ms = 0;
CREATE INDEX notifications_incident ON notifications (incident);
CREATE INDEX notifications_provider ON notifications (provider_id, channel) WHERE provider_id <> '';

CREATE TABLE attempts (
    notification     BIGINT NOT NULL,
    attempt          BIGINT NOT NULL,
    started_at_ms    BIGINT NOT NULL,
    deadline_mono_ms BIGINT NOT NULL,
    boot_id          TEXT NOT NULL,
    ended_at_ms      BIGINT NOT NULL,
    outcome          TEXT NOT NULL,
    reason           TEXT NOT NULL,
    detail           TEXT NOT NULL,
    PRIMARY KEY (notification, attempt)
);

CREATE TABLE events (
    id          BIGINT PRIMARY KEY,
    uuid        TEXT NOT NULL,
    at_ms       BIGINT NOT NULL,
    source      TEXT NOT NULL,
    key         TEXT NOT NULL,
    action      TEXT NOT NULL,
    severity    TEXT NOT NULL,
    disposition TEXT NOT NULL,
    incident    BIGINT NOT NULL
);

CREATE TABLE timeline (
    id         BIGINT PRIMARY KEY,
    incident   BIGINT NOT NULL,
    at_ms      BIGINT NOT NULL,
    kind       TEXT NOT NULL,
    actor      TEXT NOT NULL,
    credential TEXT NOT NULL,
    text       TEXT NOT NULL,
    data       TEXT NOT NULL
);
CREATE INDEX timeline_incident ON timeline (incident);

-- The counter is locked by each append until its commit, so that sequences become visible in their order.
CREATE TABLE inbox_counter (
    realm TEXT PRIMARY KEY,
    last  BIGINT NOT NULL
);
INSERT INTO inbox_counter VALUES ('main', 0);

CREATE TABLE inbox (
    sequence BIGINT PRIMARY KEY,
    uuid     TEXT NOT NULL,
    bytes    BYTEA NOT NULL
);
