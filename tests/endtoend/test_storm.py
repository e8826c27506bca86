"""More than one person can read: one digest, one answer to it, and both survive a kill. On every store."""

import re

import pytest

from configs import TOKEN, ladder
from daemon import STORES, wait_for


@pytest.fixture(params=STORES)
def daemon(request, daemon):
    """Daemons whose [store] is the parameter's; each has a database of its own."""
    if request.param == "sqlite":
        return daemon
    server = request.getfixturevalue("postgres")
    return lambda config: daemon(config.replace("sqlite:escalated.db", server.url(server.make_database())))


# Two at once, then a place every four seconds: long enough for a kill to meet the digest that waits.
CONFIG = ladder("1h").replace("group_by = service", "").replace(
    "[channel sms]\nplugin = file", "[channel sms]\nplugin = file\nper_contact = 15\nper_contact_critical = 0")
MANY = 17


def events(count, first=0):
    return [{"action": "trigger", "key": f"k{first + i}", "summary": f"Disk {first + i} is full", "severity": "error",
             "labels": {"service": "storefront"}} for i in range(count)]


def digests(d):
    return [message for message in d.messages("sms") if "digest: " in message]


def test_one_digest_and_one_answer(daemon):
    d = daemon(CONFIG).start()
    numbers = [result["incident"] for result in d.send(events(MANY), TOKEN).json["results"]]
    d.kill()
    d.start()
    message = wait_for(lambda: digests(d), "the digest")[0]
    wait_for(lambda: len(d.messages("sms")) >= 16, "fifteen pages and the digest")
    listed = sorted(int(number) for number in re.findall(r"^#(\d+) error: Disk", message, re.M))
    assert len(listed) == 2 and set(listed) < set(numbers), message
    assert "all ack" in message
    for number in listed:
        page = [row for row in d.incident(number)["notifications"] if row["to"] == "ann"][0]
        assert page["digest"] > page["id"], page
        wait_for(lambda: [row for row in d.incident(number)["notifications"] if row["to"] == "ann"][0]["state"] == "accepted",
                 f"the end of what is in the digest: {page}")
    path = re.search(r"/a/[a-z2-7]{32}", message).group(0)
    shown = d.request("GET", path)
    assert shown.status == 200 and b"Acknowledge all of them" in shown.body, shown.body
    assert {d.incident(number)["state"] for number in listed} == {"triggered"}
    nonce = re.search(rb'name="nonce" value="([^"]+)"', shown.body).group(1).decode()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    done = d.request("POST", path, f"verb=all+ack&eta=45m&nonce={nonce}", form)
    assert done.status == 200, done.body
    assert {(d.incident(number)["state"], d.incident(number)["owner"]) for number in listed} == {("acknowledged", "ann")}
    others = [number for number in numbers if number not in listed]
    assert {d.incident(number)["state"] for number in others} == {"triggered"}
    metrics = d.request("GET", "/metrics").body.decode()
    assert re.search(r"^escalated_bundled_total \d+$", metrics, re.M), metrics


def test_a_wild_source_is_counted_in_one(daemon):
    d = daemon(CONFIG.replace("format = native", "format = native\nincidents_max = 10\nalerts_max = 10")).start()
    numbers = set()
    for first in range(0, 300, 100):
        answer = d.send(events(100, first), TOKEN)
        assert answer.status == 202, answer
        numbers |= {result["incident"] for result in answer.json["results"]}
    assert len(numbers) == 11
    overflow = d.incident(max(numbers))
    assert (overflow["severity"], overflow["policy"]) == ("critical", "default"), overflow
    assert overflow["title"].startswith("Too many alerts from storefront")
    wait_for(lambda: any("Too many alerts" in message for message in d.messages("sms")), "its page")
    named = [row["text"] for row in overflow["timeline"] if row["kind"] == "overflowed"]
    assert len(named) == 100 and named[-1] == "error k10: Disk 10 is full", named[-3:]
    metrics = d.request("GET", "/metrics").body.decode()
    assert re.search(r'^escalated_overflow_events_total\{source="storefront"\} 290$', metrics, re.M), metrics
