"""A node that stands by takes in whatever a person or a monitor says; the node that holds the engine applies it, in order,
and answers by message where the medium cannot."""

import os
import re

import pytest

from configs import EVENT, TOKEN, ladder
from daemon import STORES, wait_for

pytestmark = pytest.mark.skipif("postgres" not in STORES, reason="built without PostgreSQL")

JOBS_TOKEN = "jobs-token-0123456789abcdef"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LINK = r"/a/[a-z2-7]{32}"


class Pair:
    """An engine and a standby on one database, with one key of the reply tokens."""

    def __init__(self, make, server, tmp_path):
        self.server, self.database = server, server.make_database()
        key = tmp_path / "shared.key"
        key.write_bytes(os.urandom(32))
        key.chmod(0o600)
        config = (ladder("1h")
                  .replace("url = sqlite:escalated.db", f"url = {server.url(self.database)}\nlease = 3s")
                  .replace("[gateway]\n", f"[gateway]\ntoken_key_file = {key}\n"))
        config += f"[source jobs]\nformat = heartbeat\ntoken = {JOBS_TOKEN}\nexpect_every = 24h\n"
        self.engine = make(config).start()
        self.standby = make(config).start()
        assert self.engine.request("GET", "/readyz").status == 200
        assert self.standby.request("GET", "/readyz").status == 503

    def rows(self, query):
        return self.server.rows(query, self.database)

    def write(self, statement):
        self.server.sql(statement, self.database)

    def open(self):
        """One incident, acknowledged by nobody; the link in its page."""
        number = self.engine.send(EVENT, TOKEN).json["results"][0]["incident"]
        message = wait_for(lambda: self.engine.messages("sms"), "the page")[0]
        return number, re.search(LINK, message).group(0)

    def wait_applied(self):
        wait_for(lambda: not self.rows("SELECT 1 AS one FROM inbox LIMIT 1"), "the shared inbox to be empty")

    def wait_state(self, number, state):
        wait_for(lambda: self.engine.incident(number)["state"] == state, f"#{number} to be {state}")


@pytest.fixture
def pair(daemon, postgres, tmp_path):
    return Pair(daemon, postgres, tmp_path)


def test_trouble_of_our_own_is_that_of_the_engine(pair):
    """What the one before has left is looked at by the one that takes over: it is over, or it is its own."""
    def refuse(node):
        good = (node.config_dir / "escalated.ini").read_text()
        node.configure(good + "[policy odd]\nnonsense = 1\n")
        node.process.send_signal(1)
        wait_for(lambda: "reload refused" in node.log_text(), "the refusal")
        return good

    def states():
        return [state for state, in pair.rows("SELECT state FROM alerts WHERE source = 'escalated' AND key = 'reload' "
                                                  "ORDER BY id")]

    good = refuse(pair.engine)
    wait_for(lambda: states() == ["firing"], "the engine's own refusal")
    pair.engine.kill()
    wait_for(lambda: pair.standby.request("GET", "/readyz").status == 200, "the takeover")
    wait_for(lambda: states() == ["resolved"], "its end: the other's configuration is good")
    pair.engine.configure(good)
    pair.engine.start()  # stands by
    refuse(pair.engine)
    assert states() == ["resolved"], "a node that stands by tells nothing"
    pair.standby.kill()
    wait_for(lambda: states()[-1] == "firing", "its refusal, now that it is the engine")


def press(node, path, what):
    page = node.request("GET", path)
    assert page.status == 200, page
    nonce = re.search(rb'name="nonce" value="([^"]+)"', page.body).group(1).decode()
    return node.request("POST", path, f"{what}&nonce={nonce}", FORM)


def test_a_link_pressed_on_a_standby_is_recorded_and_answered_by_message(pair):
    number, path = pair.open()
    done = press(pair.standby, path, "verb=ack&eta=45m&note=on+my+way")
    assert done.status == 202 and b"recorded" in done.body, done
    pair.wait_state(number, "acknowledged")
    incident = pair.engine.incident(number)
    assert incident["owner"] == "ann" and incident["eta_at"] is not None
    assert any(row["kind"] == "note" and "on my way" in row["text"] for row in incident["timeline"])
    answers = wait_for(lambda: [text for text in pair.engine.messages("sms") if "is yours until" in text], "the answer")
    assert len(answers) == 1
    pair.wait_applied()


def test_commands_to_a_standby_are_recorded(pair):
    number, _ = pair.open()
    answer = pair.standby.local("POST", f"/v1/incidents/{number}/ack", {"as": "ann"})
    assert answer.status == 202 and answer.json["status"] == "recorded", answer
    pair.wait_state(number, "acknowledged")
    told = pair.standby.escalate("note", str(number), "the fuse").stdout
    assert told.startswith("Recorded"), told
    assert pair.standby.escalate("resolve", str(number)).stdout.startswith("Recorded")
    pair.wait_state(number, "resolved")
    kinds = [kind for kind, in pair.rows(f"SELECT kind FROM timeline WHERE incident = {number} ORDER BY id")]
    assert [kind for kind in kinds if kind in ("ack", "note", "resolved")] == ["ack", "note", "resolved"], kinds
    # What is wrong in itself is refused at once, what only the engine knows stands on the timeline.
    assert pair.standby.local("POST", f"/v1/incidents/{number}/ack", {"eta": "soon"}).status == 400
    assert pair.standby.local("POST", "/v1/incidents/999/resolve", {}).status == 202
    wait_for(lambda: pair.rows("SELECT text FROM timeline WHERE incident = 0 AND kind = 'refused'"), "the refusal")
    pair.wait_applied()


def test_heartbeats_at_a_standby(pair):
    listed = lambda node: node.local("GET", "/v1/heartbeats").json["heartbeats"]  # noqa: E731
    ping = f"/ping/{JOBS_TOKEN}/db"
    assert [pair.standby.request("GET", ping + verb).status for verb in ("", "/start?rid=", "/3")] == [200, 200, 200]
    wait_for(lambda: listed(pair.engine) and listed(pair.engine)[0]["state"] == "failed", "the failure")
    row = listed(pair.standby)[0]
    assert (row["key"], row["exit_status"], row["running"]) == ("db", 3, False) and row["duration_ms"] > 0
    assert pair.engine.incident(1)["state"] == "triggered"
    told = pair.standby.local("POST", "/v1/heartbeats/forget", {"source": "jobs", "key": "db"})
    assert told.status == 202 and told.json["status"] == "recorded", told
    pair.wait_state(1, "resolved")
    assert listed(pair.engine) == []
    pair.wait_applied()


def test_events_and_replies_keep_their_order(pair):
    for turn in range(3):
        event = {"action": "trigger", "key": f"k{turn}", "summary": "broken", "severity": "error"}
        assert pair.standby.send(event, TOKEN).status == 202
        assert pair.standby.local("POST", f"/v1/incidents/{turn + 1}/resolve", {}).status == 202
        assert pair.standby.send(event | {"action": "resolve"}, TOKEN).status == 202
    pair.wait_applied()
    # Each command found the incident that the event before it had opened.
    assert pair.rows("SELECT count(*) AS n FROM timeline WHERE kind = 'refused'") == [(0,)]
    for turn in range(3):
        assert pair.engine.incident(turn + 1)["state"] == "resolved"


def test_what_was_recorded_outlives_the_engine(pair):
    number, path = pair.open()
    pair.engine.kill()
    recorded = press(pair.standby, path, "verb=ack")
    assert recorded.status in (200, 202), recorded
    note = pair.standby.escalate("note", str(number), "while nobody was the engine")
    assert note.returncode == 0
    wait_for(lambda: pair.standby.request("GET", "/readyz").status == 200, "the other to take over")
    pair.wait_applied()
    incident = pair.standby.incident(number)
    assert (incident["state"], incident["owner"]) == ("acknowledged", "ann")
    assert [row["kind"] for row in incident["timeline"]].count("note") == 1


def test_what_cannot_be_read_is_quarantined_and_stops_nothing(pair):
    for last, text in ((1, '{"no'), (2, '{"version":99}')):
        pair.write(f"INSERT INTO inbox VALUES ({last}, '01890000-0000-7000-8000-00000000000{last}', '{text}');"
                   f"UPDATE inbox_counter SET last = {last}")
    event = {"action": "trigger", "key": "k", "summary": "taken in by the other", "severity": "error"}
    assert pair.standby.send(event, TOKEN).status == 202
    wait_for(lambda: pair.rows("SELECT number FROM incidents"), "the event behind them")
    rows = wait_for(lambda: pair.rows("SELECT origin, uuid FROM quarantine"), "the quarantine")
    assert rows == [("shared inbox", "01890000-0000-7000-8000-000000000001")], rows
    # Of a newer version of this program: it waits for one.
    assert pair.rows("SELECT sequence FROM inbox") == [(2,)]


def test_a_stand_in_made_on_a_standby_has_duty_on_both(pair):
    answer = pair.standby.local("POST", "/v1/oncall/overrides", {"schedule": "tech-lead", "who": "carol", "for": "1h"})
    assert answer.status == 202 and answer.json["status"] == "recorded", answer

    def on_duty(node):
        return node.local("GET", "/v1/oncall?schedule=tech-lead").json["oncall"][0]["contacts"]

    for node in (pair.engine, pair.standby):
        wait_for(lambda node=node: on_duty(node) == ["carol"], "the stand-in to have duty")
    feeds = [node.escalate("oncall", "--feed", "tech-lead").stdout for node in (pair.engine, pair.standby)]
    assert feeds[0] == feeds[1]
    pair.wait_applied()
