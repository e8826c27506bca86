"""What must be true of every store a test leaves behind; the daemon's own database is the witness.

Each function takes a connection to it (sqlite3's, or postgres.py's Database) and fails with the first breach. Ids are those of tests/README.md.
"""

import collections
import json
import pathlib
import sqlite3
import time

ENDED = ("accepted", "delivered", "cancelled", "failed", "expired")


def connect(folder, writable=False):
    """Reading only, so that a running daemon is not disturbed; writable to recover what a cut has left."""
    path = pathlib.Path(folder) / "escalated.db"
    return sqlite3.connect(f"file:{path}?mode={'rw' if writable else 'ro'}", uri=True, isolation_level=None)


def query(folder, sql):
    """Rows of a store that a daemon may be writing."""
    database = connect(folder)
    try:
        return database.execute(sql).fetchall()
    finally:
        database.close()


def check_integrity(db):
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def check_events(db, accepted):
    """I1, I2: each positively answered event (id, key, action) has exactly one row, which names an incident that exists."""
    stored = collections.defaultdict(list)
    for uuid, *rest in db.execute("SELECT uuid, key, action, disposition, incident FROM events"):
        stored[uuid].append(tuple(rest))
    incidents = {number for number, in db.execute("SELECT number FROM incidents")}
    for uuid, key, action in accepted:
        assert len(stored[uuid]) == 1, f"{action} {key} was answered as {uuid}, the store has {stored[uuid]}"
        stored_key, stored_action, disposition, incident = stored[uuid][0]
        assert (stored_key, stored_action) == (key, action)
        if incident:
            assert incident in incidents, (uuid, incident)
        else:
            assert disposition == "unknown-key" and action == "resolve", (uuid, key, action, disposition)
    assert db.execute("SELECT policy, group_key FROM incidents WHERE state <> 'resolved' "
                      "GROUP BY 1, 2 HAVING count(*) > 1").fetchall() == []
    assert db.execute("SELECT source, key FROM alerts WHERE state = 'firing' "
                      "GROUP BY 1, 2 HAVING count(*) > 1").fetchall() == []


def check_whole(db):
    """Nothing is half applied: rows that one commit writes together are there together."""
    assert db.execute("SELECT number FROM incidents WHERE number NOT IN (SELECT incident FROM alerts)").fetchall() == []
    assert db.execute("SELECT incident FROM alerts WHERE incident NOT IN (SELECT number FROM incidents)").fetchall() == []
    assert db.execute("SELECT number FROM incidents WHERE number NOT IN "
                      "(SELECT incident FROM timeline WHERE kind = 'opened')").fetchall() == []
    assert db.execute("SELECT number FROM incidents WHERE policy_hash NOT IN (SELECT hash FROM policies)").fetchall() == []
    assert db.execute("SELECT next_incident, next_notification FROM meta WHERE "
                      "next_incident <= (SELECT max(number) FROM incidents) OR "
                      "next_notification <= (SELECT max(id) FROM notifications)").fetchall() == [], \
        "a number was used that the counters have not passed"
    assert db.execute("SELECT id FROM notifications n WHERE state = 'claimed' AND NOT EXISTS "
                      "(SELECT 1 FROM attempts WHERE notification = n.id AND attempt = n.attempt_count)").fetchall() == []
    check_outbox(db)


def check_outbox(db):
    """I5: a step that is said to have run has its notifications, and none is there without its step."""
    ran = {(incident, json.loads(data)["climb"], json.loads(data)["step"]) for incident, data in
           db.execute("SELECT incident, data FROM timeline WHERE kind = 'step'")}
    made = {(incident, climb, step) for incident, climb, step in
            db.execute("SELECT incident, climb, step FROM notifications WHERE kind IN ('page', 'inform', 'ask')")
            if step != "fallback"}
    assert ran == made, f"ran without notifications: {sorted(ran - made)[:3]}, made without a run: {sorted(made - ran)[:3]}"


def check_steps(db, want):
    """I7: page steps run in order and at most once a climb, each with exactly its one contact; want is [(step, contact)].
    Incidents about the daemon itself have a policy of their own."""
    made = collections.defaultdict(list)
    for incident, climb, step, contact in db.execute(
            "SELECT incident, climb, step, contact FROM notifications WHERE kind = 'page' AND incident NOT IN "
            "(SELECT incident FROM alerts WHERE source = 'escalated') ORDER BY id"):
        made[incident, climb].append((step, contact))
    for (incident, climb), steps in made.items():
        steps = [step for step in steps if step[0] != "fallback"]
        assert steps == want[:len(steps)], (incident, climb, steps)


def check_rest(db):
    """I13: every notification has come to an end, with a reason, and no two share a key."""
    notifications = db.execute("SELECT key, state, reason FROM notifications").fetchall()
    assert len({key for key, _, _ in notifications}) == len(notifications)
    for key, state, reason in notifications:
        assert state in ENDED, (key, state)
        assert state in ("accepted", "delivered") or reason, (key, state)


def check_ledger(db, requests, copies_max):
    """I14, I15: what the receiver got: one body for each key, all of them recorded, nothing said to be sent that never came."""
    sent = collections.defaultdict(list)
    for request in requests:
        sent[request["headers"]["webhook-id"]].append(request["body"])
    for key, bodies in sent.items():
        assert len(set(bodies)) == 1, f"{key} went out with {len(set(bodies))} different bodies"
        assert len(bodies) <= copies_max, (key, len(bodies))
    states = dict(db.execute("SELECT key, state FROM notifications"))
    for key, state in states.items():
        if state in ("accepted", "delivered"):
            assert key in sent, f"{key} is said to be {state}, but never arrived"
        assert state not in ("failed", "expired"), (key, state)
    unknown = set(sent) - set(states)
    assert not unknown, f"sent but not recorded: {sorted(unknown)[:5]}"


def wait_for_rest(folder, deadline=300):
    """Until every ladder was climbed or its incident is over, and every notification has ended."""
    end = time.monotonic() + deadline
    while (query(folder, "SELECT 1 FROM incidents WHERE state = 'triggered' AND number NOT IN "
                         "(SELECT incident FROM notifications WHERE step = 'fallback') LIMIT 1") or
           query(folder, "SELECT 1 FROM notifications WHERE state IN ('pending', 'claimed') LIMIT 1")):
        assert time.monotonic() < end, f"waited {deadline} s for every ladder and notification to end"
        time.sleep(0.02)
