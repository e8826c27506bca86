"""Somebody knows before any monitor does: the incident is open and theirs, and alerts join it without a page."""

import re
import sqlite3

from configs import EVENT, READ_TOKEN, TOKEN, ladder
from daemon import wait_for

WRITE_TOKEN = "writer-token-0123456789abcdef0"
WRITER = f"\n[token writer]\nsecret = {WRITE_TOKEN}\naccess = write\n"


def test_known_first(daemon):
    d = daemon(ladder("30s")).start()
    told = d.escalate("known", "Checkout is down", "--as", "ann", "--eta", "45m", "--cause", "db failover",
                      "--priority", "1", "service=storefront")
    assert "#1 is yours until" in told.stdout and "cause recorded" in told.stdout, told
    incident = d.incident(1)
    assert (incident["state"], incident["owner"], incident["known"]) == ("acknowledged", "ann", True)
    assert (incident["priority"], incident["cause"], incident["title"]) == ("p1", "db failover", "Checkout is down")
    assert d.send(EVENT, TOKEN).json["results"][0]["incident"] == 1
    d.kill()
    d.start()
    assert d.escalate("ack", "1", "--as", "ann", "--loss", "two orders", "--restored", "the dump of 01:00").returncode == 0
    shown = d.incident(1)
    assert (shown["loss"], shown["restored"]) == ("two orders", "the dump of 01:00")
    assert shown["restored_at"] is not None
    assert "two orders" in d.escalate("show", "1").stdout
    assert d.send({"action": "resolve", "key": EVENT["key"]}, TOKEN).status == 202
    wait_for(lambda: d.incident(1)["state"] == "resolved", "the end with its last alert")
    assert not [row for row in d.incident(1)["notifications"] if row["kind"] == "page"]


def test_over_the_network(daemon):
    d = daemon(ladder("30s") + WRITER).start()
    body = {"summary": "Checkout is down", "labels": {"service": "storefront"}}
    assert d.request("POST", "/v1/incidents", body, token=READ_TOKEN).status == 403
    for bad, why in (({}, "summary"), ({"summary": "x", "source": "nobody"}, "nobody"), ({"summary": "x", "oh": 1}, "oh"),
                     ({"summary": "x", "labels": {"a b": "c"}}, "a b"), ({"summary": "x", "as": "nobody"}, "nobody"), ([], "array")):
        answer = d.request("POST", "/v1/incidents", bad, token=WRITE_TOKEN)
        assert answer.status == 400 and why in answer.body.decode(), (bad, answer)
    done = d.request("POST", "/v1/incidents", body, token=WRITE_TOKEN)
    assert done.status == 200 and done.json["incident"] == 1, done
    assert d.incident(1)["owner"].startswith("token ")


def test_the_last_good_backup_is_shown(daemon):
    """In the API, on the command line, in the answers and in the message itself; also after a restart."""
    job = "\n[source nightly]\nexpect_every = 24h\nbackup = yes\ntoken = nightly-token-0123456789abcdef\n"
    d = daemon(ladder("30s") + job).start()
    number = d.send(EVENT, TOKEN).json["results"][0]["incident"]
    shown = d.incident(number)["backup"]
    assert (shown["at"], shown["silent"]) == (None, "nightly") and "no backup known" in shown["text"]
    page = wait_for(lambda: d.messages("sms"), "the page")[0]
    assert "no backup known (nightly)" in page
    assert d.send({"action": "heartbeat", "key": "db1"}, "nightly-token-0123456789abcdef").status == 202
    d.kill()
    d.start()
    shown = d.incident(number)["backup"]
    assert (shown["source"], shown["key"], shown["stale"], shown["silent"]) == ("nightly", "db1", False, "")
    assert "nightly db1" in d.escalate("show", str(number)).stdout
    told = d.escalate("ack", str(number), "--as", "ann", "--restored", "the dump").stdout
    assert "restored recorded. Last good backup: " in told and "(nightly db1)" in told
    entry = [row for row in d.incident(number)["timeline"] if row["kind"] == "restored"][0]
    assert entry["data"]["backup"] == "nightly" and entry["data"]["backup_at"] == shown["at"]


def test_the_link_page_states_the_backup_as_messages_do(daemon):
    job = "\n[source nightly]\nexpect_every = 24h\nbackup = yes\ntoken = nightly-token-0123456789abcdef\n"
    d = daemon(ladder("1s").replace("inform = &customers", "inform = channel:email, &customers") + job).start()
    d.send(EVENT, TOKEN)
    links = [re.search(r"/a/[a-z2-7]{32}", wait_for(lambda name=name: d.messages(name), "the message")[0]).group(0)
             for name in ("sms", "email")]  # a person's and a room's
    for link in links:
        assert "Last good backup</dt><dd class=\"warning\">no backup known (nightly)" in d.request("GET", link).body.decode()
    assert d.send({"action": "heartbeat", "key": "db1"}, "nightly-token-0123456789abcdef").status == 202
    for link in links:
        page = d.request("GET", link).body.decode()
        assert re.search(r"Last good backup</dt><dd>[^<]* after it began \(nightly db1\)</dd>", page), page


def test_fields_that_cannot_be_read_are_told_in_the_log(daemon):
    """Somebody has been at the store: the incident is shown all the same, without them."""
    d = daemon(ladder("30s").replace("[policy storefront]", "[policy storefront]\nreopen_within = 0s")).start()
    assert d.send(EVENT, TOKEN).status == 202
    d.escalate("ack", "1", "--as", "ann", "--loss", "two orders")
    d.escalate("resolve", "1", "--as", "ann")
    assert d.incident(1)["loss"] == "two orders"
    d.stop()
    with sqlite3.connect(d.state_dir / "escalated.db") as database:
        assert database.execute("update incidents set fields = '{\"loss', live = 0 where number = 1").rowcount == 1
    database.close()
    d.start()
    shown = d.incident(1)
    assert (shown["loss"], shown["restored"], shown["restored_at"], shown["title"]) == ("", "", None, EVENT["summary"])
    line = next(line for line in d.log_text().splitlines() if "fields that cannot be read" in line)
    assert "incident=1" in line and "error=" in line, line
