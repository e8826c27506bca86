"""Who has duty, by API and command line: rotations over a clock change, calendars, layers, gaps."""

import json

import pytest
from configs import READ_TOKEN

CONFIG = f"""
[gateway]
time_zone = Europe/Berlin
[http]
listen = 127.0.0.1:0
[token reader]
secret = {READ_TOKEN}
access = read
[channel sms]
plugin = file
[contact ann]
name = Ann Lee
sms = +15550100
[contact bob]
name = Bob Stone
sms = +15550101
[schedule lead]
members = ann, bob
rotate = daily 09:00
[schedule always]
members = bob
[schedule office]
members = ann
during = mon-fri 09:00-17:00
[schedule covered]
layers = office
members = bob
[policy default]
page = ann
"""


def ask(d, **query):
    path = "/v1/oncall" + "?" * bool(query) + "&".join(f"{name}={value}" for name, value in query.items())
    return d.request("GET", path, token=READ_TOKEN)


def stretches(answer):
    assert answer.status == 200, answer
    return [(row["schedule"], row["from"], row.get("until"), row["contacts"]) for row in answer.json["oncall"]]


def test_turns_gaps_and_layers(daemon):
    d = daemon(CONFIG).start()
    # The night of 29 March has an hour less: the turn is 23 hours.
    lead = stretches(ask(d, schedule="lead", at="2026-03-28T08:00:00Z", **{"for": "2d"}))
    assert [row[1:3] for row in lead] == [("2026-03-28T08:00:00Z", "2026-03-29T07:00:00Z"),
                                          ("2026-03-29T07:00:00Z", "2026-03-30T07:00:00Z"),
                                          ("2026-03-30T07:00:00Z", "2026-03-31T07:00:00Z")]
    assert [row[3] for row in lead] == [lead[0][3], lead[1][3], lead[0][3]] and lead[0][3] != lead[1][3]
    # For ever is one stretch without an end; a gap is one without people; layers fill it.
    assert stretches(ask(d, schedule="always", at="2026-03-02T08:00:00Z", **{"for": "90d"})) == [
        ("always", "2026-03-02T08:00:00Z", None, ["bob"])]
    office = [("2026-03-06T08:00:00Z", "2026-03-06T16:00:00Z", ["ann"]), ("2026-03-06T16:00:00Z", "2026-03-09T08:00:00Z", [])]
    assert [row[1:] for row in stretches(ask(d, schedule="office", at="2026-03-06T08:00:00Z", **{"for": "1d"}))] == office
    covered = [row[1:] for row in stretches(ask(d, schedule="covered", at="2026-03-06T08:00:00Z", **{"for": "1d"}))]
    assert covered == [office[0], (*office[1][:2], ["bob"])]
    assert {row[0] for row in stretches(ask(d))} == {"lead", "always", "office", "covered"}

    shown = d.escalate("oncall", "lead", "--at", "2026-03-28T08:00:00Z", "--for", "1d").stdout
    assert {"Ann Lee", "Bob Stone"} == {line.split("Z ")[-1].strip() for line in shown.splitlines()[1:]}
    assert "nobody" in d.escalate("oncall", "office", "--at", "2026-03-07T08:00:00Z").stdout
    listed = json.loads(d.escalate("oncall", "always", "--json").stdout)
    assert listed[0]["names"] == ["Bob Stone"]


@pytest.mark.parametrize("query, status, says", [
    ({"at": "soon"}, 400, "RFC 3339"), ({"for": "1000d"}, 400, "for:"), ({"for": "x"}, 400, "duration"),
    ({"schedule": "nope"}, 404, "no schedule")])
def test_bad_questions(daemon, query, status, says):
    answer = ask(daemon(CONFIG).start(), **query)
    assert answer.status == status and says in answer.json["error"]


def test_only_who_may_read(daemon):
    d = daemon(CONFIG).start()
    assert d.request("GET", "/v1/oncall").status == 401
    assert d.request("GET", "/v1/oncall", token=READ_TOKEN[:-1] + "x").status == 401
