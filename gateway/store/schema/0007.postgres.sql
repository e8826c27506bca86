-- The sessions that brokers keep for us, and the messages taken last in each: what a broker delivers again because a PUBACK
-- got lost is known by them.
CREATE TABLE mqtt_sessions (
    broker  TEXT PRIMARY KEY,
    session TEXT NOT NULL,
    filters TEXT NOT NULL -- subscribed to, a line each
);
CREATE TABLE mqtt_deliveries (
    broker   TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    session  TEXT NOT NULL,
    marks    BYTEA NOT NULL, -- 10 bytes a message: packet id, hash of topic and payload
    PRIMARY KEY (broker, sequence)
);
