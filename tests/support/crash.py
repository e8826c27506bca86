"""What the crash tests share: a configuration, producers that remember what they were promised, and the audit afterwards.

The daemon's own database is the witness on our side, the receiver's ledger on the other.
"""

import collections
import http.client
import json
import random
import threading

from configs import TOKEN
from daemon import wait_for

CONFIG = """
[http]
listen = 127.0.0.1:0

[store]
url = {store}
lease = 3s

[source shop]
format = native
token = {token}
rate = 10000000
burst = 10000000

[channel hook]
plugin = webhook
url = {url}
secret = whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=

[contact ann]
hook = {url}

[contact bob]
hook = {url}

[policy default]
page = ann

[policy shop]
match = source="shop"

[step shop/first]
page = ann
wait = 1s

[step shop/second]
page = bob
wait = 1s
"""


class Producer(threading.Thread):
    """Posts events until told to stop; a positive answer is remembered, anything else is sent again as a new event."""

    def __init__(self, name, port_of, seed, per_second):
        super().__init__(daemon=True)
        self.name_, self.port_of, self.random = name, port_of, random.Random(seed)
        self.pause = 1.0 / per_second
        self.stopping = threading.Event()
        self.accepted = []  # (event id, key, action)
        self.keys = []
        self.sent = 0
        self.failure = None

    def run(self):
        try:
            while not self.stopping.wait(self.pause):
                self.post_once()
        except Exception as failure:  # reported by the test, a thread cannot fail it
            self.failure = failure

    def post_once(self):
        events = [self.make_event() for _ in range(self.random.choice([1, 1, 1, 3]))]
        connection = http.client.HTTPConnection("127.0.0.1", self.port_of(), timeout=30)
        try:
            connection.request("POST", "/v1/events", json.dumps(events),
                               {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"})
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            return  # killed under us: no answer, no promise
        finally:
            connection.close()
        assert response.status in (202, 503), (response.status, body)
        if response.status != 202:
            return
        results = json.loads(body)["results"]
        assert [result["key"] for result in results] == [event["key"] for event in events]
        for result, event in zip(results, events):
            self.accepted.append((result["id"], event["key"], event["action"]))
            if event["action"] == "trigger":
                self.keys.append(event["key"])

    def make_event(self):
        self.sent += 1
        if self.keys and self.random.random() < 0.15:
            return {"action": "resolve", "key": self.random.choice(self.keys)}
        if self.keys and self.random.random() < 0.2:
            key = self.random.choice(self.keys)
        else:
            key = f"{self.name_}-{self.sent}"
        return {"action": "trigger", "key": key, "summary": f"summary of {key}", "severity": "error",
                "labels": {"host": f"h{self.sent % 7}"}}


def wait_for_rest(rows):
    """Until every ladder has been climbed and every notification has ended."""
    unfinished = "SELECT 1 AS one FROM notifications WHERE state IN ('pending', 'claimed') LIMIT 1"
    climbing = ("SELECT 1 AS one FROM incidents WHERE state = 'triggered' AND number NOT IN "
                "(SELECT incident FROM notifications WHERE step = 'fallback') LIMIT 1")
    wait_for(lambda: not rows(unfinished), "every notification to end", 300)
    wait_for(lambda: not rows(climbing), "every ladder to be climbed", 300)
    wait_for(lambda: not rows(unfinished), "every notification to end", 300)


def check_events(rows, accepted):
    """I1: each positively answered event has exactly one row, and that row names an incident that exists."""
    stored = collections.defaultdict(list)
    for uuid, key, action, disposition, incident in rows(
            "SELECT uuid, key, action, disposition, incident FROM events"):
        stored[uuid].append((key, action, disposition, incident))
    incidents = {number for number, in rows("SELECT number FROM incidents")}
    for uuid, key, action in accepted:
        assert len(stored[uuid]) == 1, (uuid, key, stored[uuid])
        stored_key, stored_action, disposition, incident = stored[uuid][0]
        assert (stored_key, stored_action) == (key, action)
        if incident:
            assert incident in incidents
        else:
            assert disposition == "unknown-key" and action == "resolve", (uuid, key, action, disposition)
    open_twice = rows("SELECT policy, group_key FROM incidents WHERE state <> 'resolved' "
                         "GROUP BY policy, group_key HAVING count(*) > 1")
    assert open_twice == []
    firing_twice = rows("SELECT source, key FROM alerts WHERE state = 'firing' GROUP BY source, key HAVING count(*) > 1")
    assert firing_twice == []


def check_steps(rows):
    """I7: steps run at most once a climb, page steps in order, each exactly with its one target."""
    made = collections.defaultdict(list)
    for incident, climb, step, contact in rows(
            "SELECT incident, climb, step, contact FROM notifications WHERE kind = 'page' ORDER BY id"):
        made[incident, climb].append((step, contact))
    want = [("first", "ann"), ("second", "bob")]
    for (incident, climb), steps in made.items():
        steps = [step for step in steps if step[0] != "fallback"]
        assert steps == want[:len(steps)], (incident, climb, steps)


def check_deliveries(rows, ledger, rounds):
    """I13 to I15: all came to rest with a reason, one key and one body for all attempts, few copies."""
    sent = collections.defaultdict(list)
    for request in ledger.requests:
        sent[request["headers"]["webhook-id"]].append(request["body"])
    for key, bodies in sent.items():
        assert len(set(bodies)) == 1, f"{key} went out with {len(set(bodies))} different bodies"
        assert len(bodies) <= 1 + rounds
    notifications = rows("SELECT key, state, reason FROM notifications")
    assert len({key for key, _, _ in notifications}) == len(notifications)
    for key, state, reason in notifications:
        assert state in ("accepted", "delivered", "cancelled", "failed", "expired"), (key, state)
        assert state in ("accepted", "delivered") or reason, (key, state)
        if state == "accepted":
            assert key in sent, f"{key} is said to be accepted, but never arrived"
        assert state not in ("failed", "expired"), (key, state, reason)
    unknown = set(sent) - {key for key, _, _ in notifications}
    assert not unknown, f"sent but not recorded: {sorted(unknown)[:5]}"
