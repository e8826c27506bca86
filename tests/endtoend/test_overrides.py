"""People who stand in, hand-overs, and duty as a calendar: by API and command line, across kills and reloads."""

import datetime
import json
import signal
import sqlite3
import zoneinfo

import icalendar
import pytest
from calendars import utc
from configs import READ_TOKEN
from daemon import STORES, wait_for

WRITE_TOKEN = "writer-token-0123456789abcdef0"
CONFIG = f"""
[gateway]
public_url = https://alerts.example.com
time_zone = Europe/Berlin
[http]
listen = 127.0.0.1:0
[token reader]
secret = {READ_TOKEN}
access = read
[token writer]
secret = {WRITE_TOKEN}
access = write
[channel sms]
plugin = file
[channel email]
plugin = file
[contact ann]
name = Ann Lee
sms = +15550100
email = ann@example.com
page = sms
[contact bob]
name = Bob Stone; of "Stone, Inc"
sms = +15550101
email = bob@example.com
page = sms
[contact carol]
name = Carol Überlänge-Öztürk von und zu der langen Straße am Ende der Welt, dritter Stock links
sms = +15550102
email = carol@example.com
page = sms
[source shop]
[schedule lead]
members = ann
handover = yes
[schedule weekly]
members = ann, bob
rotate = weekly mon 09:00
[schedule nights]
members = carol
during = 22:00-06:00
[schedule all]
layers = nights
members = bob
[policy default]
page = carol
[policy shop]
match = severity="critical"
[step shop/lead]
page = @lead
wait = 1h
"""


def text_of(at):
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def oncall(d, **query):
    path = "/v1/oncall" + "?" * bool(query) + "&".join(f"{name}={value}" for name, value in query.items())
    answer = d.request("GET", path, token=READ_TOKEN)
    assert answer.status == 200, answer
    return answer.json


def on_duty(d, schedule="lead", at=None):
    return oncall(d, schedule=schedule, **({"at": text_of(at)} if at else {}))["oncall"][0]["contacts"]


def post(d, body, token=WRITE_TOKEN):
    return d.request("POST", "/v1/oncall/overrides", body, token=token)


def test_made_seen_kept_and_removed(daemon):
    d = daemon(CONFIG).start()
    begin, end = utc(hours=-1), utc(hours=3)
    answer = post(d, {"schedule": "lead", "who": "bob", "until": text_of(end)})
    assert answer.status == 200 and answer.json["override"] == 1, answer
    assert answer.json["text"].startswith("Override 1: Bob Stone") and "(Europe/Berlin)" in answer.json["text"]
    assert on_duty(d) == ["bob"] and on_duty(d, at=end) == ["ann"] and on_duty(d, at=begin) == ["ann"]
    d.kill()
    d.start()
    assert on_duty(d) == ["bob"]
    [row] = oncall(d)["overrides"]
    assert (row["number"], row["schedule"], row["who"], row["until"], row["by"]) == (
        1, "lead", "bob", text_of(end), "token writer")
    d.escalate("send", "checkout fails", "--source", "shop", "--severity", "critical")
    wait_for(lambda: [m for m in d.messages("sms") if "+15550101" in m], "the stand-in to be paged")
    removed = d.request("DELETE", "/v1/oncall/overrides/1", token=WRITE_TOKEN)
    assert removed.status == 200 and "removed" in removed.json["text"]
    assert on_duty(d) == ["ann"] and oncall(d)["overrides"] == []
    assert d.request("DELETE", "/v1/oncall/overrides/1", token=WRITE_TOKEN).status == 404
    # A number is never given twice, and who did what is on record.
    assert post(d, {"schedule": "lead", "who": "bob", "for": "1h"}).json["override"] == 2
    with sqlite3.connect(f"file:{d.state_dir}/escalated.db?mode=ro", uri=True) as database:
        kept = database.execute("SELECT kind, actor FROM timeline WHERE incident = 0 ORDER BY id").fetchall()
    assert [row for row in kept if row[0] != "handover"] == [
        ("override", "token writer"), ("override-removed", "token writer"), ("override", "token writer")]


def test_by_the_command_line(daemon):
    d = daemon(CONFIG).start()
    start, back = utc(days=1), utc(days=2)
    said = d.escalate("override", "lead", "--who", "bob", "--instead-of", "ann", "--from", text_of(start), "--for", "8h",
                      "--return-from", text_of(back), "--return-for", "8h", check=False)
    # Bob has no duty for lead in return: all of it is refused, and says why.
    assert said.returncode == 65 and "bob has no duty for lead in that time" in said.stderr
    assert oncall(d)["overrides"] == []
    said = d.escalate("override", "lead", "--who", "bob", "--instead-of", "ann", "--from", text_of(start), "--for", "8h").stdout
    assert said.startswith("Override 1: Bob Stone") and "instead of Ann Lee" in said
    assert on_duty(d, at=start) == ["bob"] and on_duty(d) == ["ann"]
    shown = d.escalate("oncall", "lead", "--for", "3d").stdout
    assert "OVERRIDE" in shown and "bob for ann" in shown
    assert [row["contacts"] for row in json.loads(d.escalate("oncall", "lead", "--for", "3d", "--json").stdout)] == [
        ["ann"], ["bob"], ["ann"]]
    assert "removed" in d.escalate("override", "--remove", "1").stdout
    assert d.escalate("override", "--remove", "1", check=False).returncode == 65
    assert d.escalate("override", "lead", check=False).returncode == 64


def next_turn(d):
    """When weekly goes from one to the other next, and who has it before."""
    row = oncall(d, schedule="weekly")["oncall"][0]
    at = datetime.datetime.strptime(row["until"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    return at, row["contacts"][0]


def test_a_swap(daemon):
    d = daemon(CONFIG).start()
    turn, now = next_turn(d)
    other = {"ann": "bob", "bob": "ann"}[now]
    hour = datetime.timedelta(hours=1)
    said = d.escalate("override", "weekly", "--who", other, "--instead-of", now, "--until", text_of(turn),
                      "--return-from", text_of(turn), "--return-until", text_of(turn + 24 * hour)).stdout
    assert "Override 1:" in said and "Override 2:" in said
    assert on_duty(d, "weekly") == [other] and on_duty(d, "weekly", turn) == [now]
    assert on_duty(d, "weekly", turn + 24 * hour) == [other]


@pytest.mark.parametrize("body, says", [
    ({}, "want \\\"schedule\\\" and \\\"who\\\""), ([], "want an object"), ({"schedule": "x", "who": "ann", "for": "1h"}, "no schedule 'x'"),
    ({"schedule": "lead", "who": "x", "for": "1h"}, "no contact 'x'"),
    ({"schedule": "lead", "who": "ann", "instead_of": "x", "for": "1h"}, "no contact 'x'"),
    ({"schedule": "lead", "who": "ann"}, "\\\"until\\\" and \\\"for\\\""),
    ({"schedule": "lead", "who": "ann", "for": "1h", "until": "2030-01-01T00:00:00Z"}, "\\\"until\\\" and \\\"for\\\""),
    ({"schedule": "lead", "who": "ann", "until": "2020-01-01T00:00:00Z"}, "ends before it begins"),
    ({"schedule": "lead", "who": "ann", "from": "2019-01-01T00:00:00Z", "until": "2020-01-01T00:00:00Z"}, "over already"),
    ({"schedule": "lead", "who": "ann", "until": "soon"}, "RFC 3339"),
    ({"schedule": "lead", "who": "ann", "for": "400d"}, "for:"),
    ({"schedule": "lead", "who": "ann", "from": "2096-01-01T00:00:00Z", "for": "1d"}, "two years ahead"),
    ({"schedule": "lead", "who": "ann", "for": "1h", "why": "x"}, "unknown field 'why'"),
    ({"schedule": 1, "who": "ann", "for": "1h"}, "schedule: got a whole number"),
    ({"schedule": "lead", "who": "ann", "instead_of": "ann", "for": "1h"}, "themselves"),
    ({"schedule": "lead", "who": "ann", "instead_of": "bob", "for": "1h"}, "bob has no duty"),
    ({"overrides": []}, "a list of 1 to 8"), ({"overrides": [{"schedule": "lead", "who": "bob", "for": "1h"}] * 9}, "a list of 1 to 8"),
    ({"overrides": [{"schedule": "lead", "who": "bob", "for": "1h"}] * 2}, "overlap"),
    ({"overrides": [{"schedule": "lead", "who": "bob", "for": "1h"}], "x": 1}, "nothing beside it"),
    ({"remove": "1"}, "the number of an override"), ({"remove": 0}, "the number of an override"),
    ({"remove": 1, "x": 1}, "the number of an override"), ("{", "")])
def test_what_makes_no_sense_is_refused(daemon, body, says):
    d = daemon(CONFIG).start()
    answer = post(d, body)
    assert answer.status == 400 and says in answer.body.decode(), answer
    assert oncall(d)["overrides"] == []


def test_times_as_people_write_them(daemon):
    """A time from now, a time of day where the schedule is, RFC 3339 with and without seconds: by one reader."""
    d = daemon(CONFIG).start()
    day = f"{utc(days=100):%Y-%m-%d}"
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    ten = datetime.datetime.fromisoformat(f"{day}T10:00:00").replace(tzinfo=berlin)
    for number, (first, last) in enumerate([("+1h", "+3h"), ("22:00", "06:00"), (f"{day}T10:00Z", f"{day}T12:30+01:00"),
                                            (text_of(ten.astimezone(datetime.timezone.utc)), "11:15")], 1):
        d.escalate("override", "lead", "--who", "bob", "--from", first, "--until", last)
        row = next(row for row in oncall(d)["overrides"] if row["number"] == number)
        begin, end = (datetime.datetime.fromisoformat(row[key].replace("Z", "+00:00")) for key in ("from", "until"))
        hours = (end - begin).total_seconds() / 3600
        if number == 1:
            assert hours == 2
        elif number == 2:
            assert [f"{at.astimezone(berlin):%H:%M}" for at in (begin, end)] == ["22:00", "06:00"] and 7 <= hours <= 9
            assert 0 < (begin - datetime.datetime.now(datetime.timezone.utc)).total_seconds() <= 25 * 3600
        elif number == 3:
            assert (row["from"], row["until"]) == (f"{day}T10:00:00Z", f"{day}T11:30:00Z")
        else:
            assert hours == 1.25 and begin == ten  # the first 11:15 in Berlin after the start
    # When somebody has duty reads the same words.
    at = json.loads(d.escalate("oncall", "lead", "--at", "+2h", "--json").stdout)[0]
    assert at["contacts"] == ["bob"]
    for word in ("14:30", f"{day}T11:00Z"):
        assert json.loads(d.escalate("oncall", "lead", "--at", word, "--json").stdout)
    for option in (["oncall", "--at", "soon"], ["override", "lead", "--who", "bob", "--until", "2h"],
                   ["override", "lead", "--who", "bob", "--from", "noon", "--until", "+1h"]):
        refused = d.escalate(*option, check=False)
        assert refused.returncode != 0 and "want a time from now like +2h" in refused.stderr, refused


def test_only_who_may_write(daemon):
    d = daemon(CONFIG).start()
    body = {"schedule": "lead", "who": "bob", "for": "1h"}
    assert post(d, body, READ_TOKEN).status == 403 and post(d, body, None).status == 401
    assert d.request("DELETE", "/v1/oncall/overrides/1", token=READ_TOKEN).status == 403
    assert on_duty(d) == ["ann"]


def notices(d):
    return [m for m in d.messages("email") if "Hand-over" in m]


def test_a_hand_over_is_told_once_across_kills_and_reloads(daemon):
    d = daemon(CONFIG).start()
    d.escalate("send", "checkout fails", "--source", "shop", "--severity", "critical")
    wait_for(lambda: d.messages("sms"), "the page")
    assert post(d, {"schedule": "lead", "who": "bob", "for": "1h"}).status == 200
    wait_for(lambda: len(notices(d)) == 2, "both to be told")
    gone, come = sorted(notices(d), key=lambda m: "bob@example.com" in m)
    assert "ann@example.com" in gone and "Your duty for lead is over; Bob Stone" in gone
    assert "bob@example.com" in come and "You have duty for lead now, until" in come
    assert "#1 checkout fails (triggered)" in come
    d.kill()
    d.start()
    d.process.send_signal(signal.SIGHUP)
    wait_for(lambda: d.log_text().count("configuration reloaded") == 1, "the reload")
    # Duty changes while the daemon is away.
    d.kill()
    d.configure(CONFIG.replace("[schedule lead]\nmembers = ann", "[schedule lead]\nmembers = ann\ntime_zone = Asia/Tokyo"))
    d.start()
    assert d.request("DELETE", "/v1/oncall/overrides/1", token=WRITE_TOKEN).status == 200
    wait_for(lambda: len(notices(d)) == 4, "the way back to be told")
    assert d.stop() == 0
    d.configure(CONFIG.replace("[schedule lead]\nmembers = ann", "[schedule lead]\nmembers = carol"))
    d.start()
    wait_for(lambda: len(notices(d)) == 6, "the change of the configuration to be told")
    assert "carol@example.com" in "".join(notices(d)[4:]) and "ann@example.com" in "".join(notices(d)[4:])


def feed(d, *arguments):
    address = d.escalate("oncall", *arguments).stdout.strip()
    assert address.startswith("https://alerts.example.com/oncall/"), address
    return address.removeprefix("https://alerts.example.com")


def events_of(answer):
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert all(len(line) <= 75 and b"\n" not in line for line in answer.body.split(b"\r\n"))
    parsed = icalendar.Calendar.from_ical(answer.body)
    assert parsed["VERSION"] == "2.0" and parsed["PRODID"]
    return {str(event["UID"]): event for event in parsed.walk("VEVENT")}


def test_duty_as_a_calendar(daemon):
    d = daemon(CONFIG).start()
    path = feed(d, "--feed", "weekly")
    events = events_of(d.request("GET", path))
    # What it says is what the API says, turn by turn.
    rows = oncall(d, schedule="weekly", at=text_of(utc(days=-7)), **{"for": "60d"})["oncall"]
    said = {(event["DTSTART"].dt, event["DTEND"].dt): str(event["SUMMARY"]) for event in events.values()}
    for row in rows[1:-1]:
        span = tuple(datetime.datetime.fromisoformat(row[key].replace("Z", "+00:00")) for key in ("from", "until"))
        assert said[span] == f"On Call - {row['names'][0]} - weekly"
    assert all("DTSTAMP" in event for event in events.values())
    again = events_of(d.request("GET", path))
    assert set(again) == set(events)
    # An override changes it, the rest keeps its names.
    turn, now = next_turn(d)
    assert post(d, {"schedule": "weekly", "who": "carol", "from": text_of(turn), "for": "1d"}).status == 200
    changed = events_of(d.request("GET", path))
    [new] = [event for event in changed.values() if "Carol" in str(event["SUMMARY"])]
    assert new["DTSTART"].dt == turn and new["DTEND"].dt - turn == datetime.timedelta(days=1)
    assert str(new["SUMMARY"]).startswith("On Call - Carol Überlänge-Öztürk von und zu der langen Straße am Ende der Welt, dritter")
    assert len(set(events) & set(changed)) >= len(events) - 2
    # Every duty of a person; one that fills a layer shows where it has duty.
    person = events_of(d.request("GET", feed(d, "--feed-of", "carol")))
    assert {str(event["SUMMARY"]).split(" - ")[-1] for event in person.values()} == {"weekly", "all"}
    always = events_of(d.request("GET", feed(d, "--feed", "lead")))
    [only] = always.values()
    assert only["DTSTART"].dt < utc() < only["DTEND"].dt


def test_a_calendar_that_has_not_changed_is_not_sent_again(daemon):
    d = daemon(CONFIG).start()
    path = feed(d, "--feed", "lead")

    def ask(tags=None, method="GET"):
        return d.request(method, path, headers={} if tags is None else {"If-None-Match": tags})

    first = ask()
    tag = first.headers["ETag"]
    assert first.status == 200 and tag.startswith('W/"') and first.headers["Cache-Control"] == "private, max-age=300"
    wait_for(lambda: ask().body != first.body, "another DTSTAMP")  # which is no change
    for tags in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        same = ask(tags)
        assert (same.status, same.body, same.headers["ETag"]) == (304, b"", tag), (tags, same)
        assert same.headers["Cache-Control"] == "private, max-age=300"
    assert ask('"other"').status == 200
    assert d.request("GET", path[:-1], headers={"If-None-Match": "*"}).status == 404
    # It outlives a restart, and ends with the first change.
    d.kill()
    d.start()
    assert ask(tag).status == 304
    assert post(d, {"schedule": "lead", "who": "bob", "from": "+1d", "for": "1h"}).status == 200
    changed = ask(tag)
    assert changed.status == 200 and changed.headers["ETag"] != tag and b"Bob" in changed.body


def test_a_calendars_address_is_a_secret(daemon):
    d = daemon(CONFIG).start()
    path = feed(d, "--feed", "weekly")
    for wrong in (path[:-1], path[:-1] + ("a" if path[-1] != "a" else "b"), path.split("?")[0], path + "x",
                  path.replace("weekly", "lead"), path.replace("weekly", "nope"), path.replace("/oncall/", "/oncall/person/"),
                  path.replace(".ics", ""), path.replace("weekly.ics", "..%2f.ics")):
        assert d.request("GET", wrong).status == 404, wrong
    assert d.request("GET", "/v1/oncall/feed?schedule=weekly").status == 401
    assert d.request("GET", "/v1/oncall/feed?schedule=nope", token=READ_TOKEN).status == 404
    assert d.request("GET", "/v1/oncall/feed", token=READ_TOKEN).status == 400
    assert path.split("token=")[1] not in d.log_text()
    # It outlives a restart, and reads nothing but duty.
    d.kill()
    d.start()
    assert d.request("GET", path).status == 200
    assert d.request("POST", path, {}).status == 405


@pytest.mark.skipif("postgres" not in STORES, reason="this build has no PostgreSQL")
def test_in_postgresql(daemon, postgres):
    d = daemon(CONFIG + f"[store]\nurl = {postgres.url()}\n").start()
    assert post(d, {"schedule": "lead", "who": "bob", "for": "1h"}).json["override"] == 1
    d.kill()
    d.start()
    wait_for(lambda: d.request("GET", "/readyz").status == 200, "the lease")
    assert on_duty(d) == ["bob"]
    assert d.request("DELETE", "/v1/oncall/overrides/1", token=WRITE_TOKEN).status == 200
    assert on_duty(d) == ["ann"]
