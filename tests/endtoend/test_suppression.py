"""Silences, and why: over the API and the command line, across a restart, on every store."""

import datetime
import json
import re

import pytest

from configs import EVENT, READ_TOKEN, TOKEN, ladder
from daemon import STORES, wait_for


@pytest.fixture(params=STORES)
def daemon(request, daemon):
    """Daemons whose [store] is the parameter's; each has a database of its own."""
    if request.param == "sqlite":
        return daemon
    server = request.getfixturevalue("postgres")
    return lambda config: daemon(config.replace("sqlite:escalated.db", server.url(server.make_database())))


def decisions(daemon, number):
    answer = daemon.local("GET", f"/v1/incidents/{number}/why")
    assert answer.status == 200, answer
    return answer.json["decisions"]


def engine_is_back(daemon):
    """After a kill the lease of the dead one has to run out; until then events wait for the engine."""
    event = {**EVENT, "key": "other"}
    return wait_for(lambda: daemon.send(event, TOKEN).json["results"][0].get("incident"), "the engine")


def test_a_silence_holds_back_and_says_so(daemon):
    d = daemon(ladder("30s")).start()
    made = d.escalate("silence", "service=storefront", "--for", "2h", "--reason", "deploy", "--as", "ann")
    assert "Silence 1 holds until" in made.stdout
    number = d.send(EVENT, TOKEN).json["results"][0]["incident"]
    incident = wait_for(lambda: (i := d.incident(number))["suppressed_by"] and i, "the mark")
    assert incident["suppressed_by"] == "silence 1" and incident["state"] == "triggered"
    assert incident["notifications"] == []
    said = decisions(d, number)
    assert [row["decision"] for row in said] == ["suppressed"] + ["step-suppressed"] * 3 + ["next"]
    assert said[0]["by"] == "silence 1" and "until" in said[0]
    assert re.fullmatch(r"suppressed by silence 1 \(deploy, by ann\) until .*", said[0]["text"])
    assert "step tech-lead parked at " in said[1]["text"] and said[1]["step"] == "tech-lead"
    assert "silence 1" in d.escalate("show", str(number)).stdout
    lines = d.escalate("why", str(number)).stdout.splitlines()
    assert lines[0].startswith(f"#{number} is triggered") and lines[1:] == ["  " + row["text"] for row in said]
    assert json.loads(d.escalate("why", str(number), "--json").stdout)["decisions"]
    listed = json.loads(d.escalate("silence", "list", "--json").stdout)
    assert [(row["id"], row["match"], row["reason"], row["author"], row["holds"]) for row in listed] == [
        (1, 'service="storefront"', "deploy", "ann", True)]


def test_a_silence_that_begins_later(daemon):
    d = daemon(ladder("30s")).start()
    made = d.escalate("silence", "service=storefront", "--from", "+1h", "--for", "2h", "--reason", "move")
    assert re.match(r"Silence 1 holds from .* until .*; 0 open incidents fit it now\.", made.stdout), made.stdout
    number = d.send(EVENT, TOKEN).json["results"][0]["incident"]
    assert d.incident(number)["suppressed_by"] == ""
    [row] = d.local("GET", "/v1/silences").json["silences"]
    at = [datetime.datetime.fromisoformat(row[key].replace("Z", "+00:00")) for key in ("from", "until")]
    assert row["holds"] is False and at[1] - at[0] == datetime.timedelta(hours=2)
    d.kill()
    d.start()
    assert d.local("GET", "/v1/silences").json["silences"] == [row]
    engine_is_back(d)
    assert d.incident(number)["suppressed_by"] == ""
    soon = d.escalate("silence", "service=storefront", "--from", "+1s", "--until", "+1h")
    assert "Silence 2 holds from" in soon.stdout
    wait_for(lambda: d.incident(number)["suppressed_by"] == "silence 2", "the beginning")
    for arguments, says in [
            (("--from", "+2h", "--until", "+1h"), "A silence needs an end after its beginning."),
            (("--from", "+400d", "--for", "1h"), "A silence begins at most 366 days ahead."),
            (("--from", "tomorrow", "--for", "1h"), "from: got 'tomorrow'"),
            (("--from", "+1h"), "usage: ")]:
        got = d.escalate("silence", "a=b", *arguments, check=False)
        assert got.returncode != 0 and says in got.stderr, (arguments, got)


def test_a_silence_outlives_a_kill_and_ends_by_hand(daemon):
    d = daemon(ladder("30s")).start()
    d.escalate("silence", 'service="storefront"', "--for", "2h")
    number = d.send(EVENT, TOKEN).json["results"][0]["incident"]
    d.kill()
    d.start()
    assert d.incident(number)["suppressed_by"] == "silence 1"
    assert engine_is_back(d) == number
    assert d.incident(number)["suppressed_by"] == "silence 1"
    assert "Silence 1 has ended" in d.escalate("silence", "end", "1").stdout
    wait_for(lambda: d.messages("sms"), "the page after the silence")
    assert d.incident(number)["suppressed_by"] == ""
    said = decisions(d, number)
    assert said[0]["decision"] == "step-ran" and said[0]["step"] == "tech-lead"
    assert said[-1]["decision"] == "next"
    assert json.loads(d.escalate("silence", "list", "--json").stdout) == []
    assert json.loads(d.escalate("silence", "list", "--all", "--json").stdout)[0]["ended_by"].startswith("user ")
    kinds = [row["kind"] for row in d.incident(number)["timeline"]]
    assert "suppressed" in kinds and "unsuppressed" in kinds
    # A number is never given again, also not after a restart.
    d.kill()
    d.start()
    engine_is_back(d)
    assert "Silence 2 holds" in d.escalate("silence", 'service="storefront"', "--for", "1h").stdout


def test_a_silence_ends_by_itself(daemon):
    d = daemon(ladder("30s")).start()
    d.escalate("silence", 'service="storefront"', "--for", "1s", "--reason", "short")
    number = d.send(EVENT, TOKEN).json["results"][0]["incident"]
    wait_for(lambda: d.messages("sms"), "the page after the silence")
    assert d.incident(number)["suppressed_by"] == ""
    ended = json.loads(d.escalate("silence", "list", "--all", "--json").stdout)[0]
    assert ended["ended_by"] == "time" and not ended["holds"]
    gateway = [row["kind"] for row in d.local("GET", "/v1/timeline?after=0").json["timeline"] if row["incident"] == 0]
    assert gateway.count("silence") == 1 and gateway.count("silence-ended") == 1


def test_until_is_a_time_as_people_write_it(daemon):
    d = daemon(ladder("30s")).start()
    day = f"{datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=30):%Y-%m-%d}"
    for number, until in enumerate(("+2h", "14:30", f"{day}T06:00Z", f"{day}T07:00:00+01:00"), 1):
        answer = d.local("POST", "/v1/silences", json.dumps({"match": 'service="a"', "until": until, "as": "ann"}))
        assert answer.status == 200, answer
        row = next(row for row in d.local("GET", "/v1/silences").json["silences"] if row["id"] == number)
        begin, end = (datetime.datetime.fromisoformat(row[key].replace("Z", "+00:00")) for key in ("from", "until"))
        if number == 1:
            assert abs((end - begin).total_seconds() - 7200) < 60
            continue
        # The engine's clock is not quite the wall's.
        end = f"{end + datetime.timedelta(seconds=5):%Y-%m-%dT%H:%M}"
        assert end == f"{day}T06:00" if number > 2 else end.endswith("T14:30")  # this site's zone is UTC
    refused = d.escalate("silence", "service=a", "--until", "2h", check=False)
    assert refused.returncode != 0 and "until: got '2h', want a time from now like +2h" in refused.stderr


def test_who_acknowledged_is_why(daemon):
    d = daemon(ladder("30s")).start()
    number = d.send(EVENT, TOKEN).json["results"][0]["incident"]
    wait_for(lambda: d.messages("sms"), "the page")
    d.escalate("ack", str(number), "--as", "ann", "--eta", "30m")
    said = decisions(d, number)
    assert said[0]["decision"] == "acknowledged" and said[0]["by"] == "ann"
    parked = next(row for row in said if row["decision"] == "step-parked")
    assert parked["step"] == "vp"
    assert re.fullmatch(r"step vp parked at [0-9:]{8}: acknowledged by ann until .*", parked["text"])


def test_what_makes_no_sense_is_refused(daemon):
    d = daemon(ladder("30s")).start()
    bad = [({"match": "service=", "for": "2h"}, 409, "cannot be read"),
           ({"match": 'service="a"'}, 400, "one of for"),
           ({"match": 'service="a"', "for": "2h", "until": "2030-01-01T00:00:00Z"}, 400, "one of for"),
           ({"for": "2h"}, 400, "match is missing"),
           ({"match": 'service="a"', "for": "2 hours"}, 400, "for: got '2 hours'"),
           ({"match": 'service="a"', "for": "2h", "why": "x"}, 400, "unknown field 'why'"),
           ({"match": 'service="a"', "for": "2h", "as": "nobody"}, 400, "no contact 'nobody'"),
           ({"match": 'service="a"', "until": "2001-01-01T00:00:00Z"}, 409, "still to come")]
    for body, status, text in bad:
        answer = d.local("POST", "/v1/silences", json.dumps(body))
        assert answer.status == status and text in answer.json["error"], (body, answer)
    assert d.local("POST", "/v1/silences/7/end", "{}").status == 404
    assert d.local("DELETE", "/v1/silences/7").status == 404
    assert d.local("GET", "/v1/incidents/7/why").status == 404
    assert d.local("GET", "/v1/silences?state=all").json["silences"] == []


def test_a_read_token_makes_no_silence(daemon):
    d = daemon(ladder("30s") + "\n[token writer]\nsecret = writer-token-0123456789abcdef0\naccess = write\n").start()
    body = json.dumps({"match": 'service="a"', "for": "2h"})
    assert d.request("POST", "/v1/silences", body, token=READ_TOKEN).status == 403
    assert d.request("POST", "/v1/silences", body).status == 401
    assert d.request("GET", "/v1/silences", token=READ_TOKEN).json["silences"] == []
    made = d.request("POST", "/v1/silences", body, token="writer-token-0123456789abcdef0")
    assert made.status == 200 and made.json["silence"] == 1
