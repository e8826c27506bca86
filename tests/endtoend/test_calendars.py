"""Calendars that come over https: fetched, kept, and trusted only where they make sense."""

import signal

import pytest
from calendars import CalendarServer, calendar, utc
from certificates import Authority
from configs import READ_TOKEN
from daemon import wait_for

CONFIG = """
[http]
listen = 127.0.0.1:0
[channel sms]
plugin = file
[contact ann]
name = Ann Lee
sms = +15550100
[contact bob]
name = Bob Stone
sms = +15550101
[token reader]
secret = {token}
access = read
[source shop]
[schedule lead]
{calendar}
calendar_ca_file = {ca}
[policy default]
page = bob
[policy shop]
match = severity="critical"
[step shop/lead]
page = @lead
"""
SECRET = "/private-0123456789abcdef/basic.ics"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "ca")


@pytest.fixture
def server(authority):
    one = CalendarServer(authority.issue("calendar"), calendar(("Ann Lee", utc(-1), utc(7))))
    yield one
    one.stop()


def config(server, authority, key="calendar", scheme="https"):
    return CONFIG.format(token=READ_TOKEN, ca=authority.cert,
                         calendar=f"{key} = {scheme}://localhost:{server.port}{SECRET}")


def on_duty(d):
    return d.request("GET", "/v1/oncall?schedule=lead", token=READ_TOKEN).json["oncall"][0]["contacts"]


def metric(d, name):
    text = d.local("GET", "/metrics").body.decode()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith(name + " ")))


def look_again(d, server):
    """A reload looks at every calendar at once; answers when that was done."""
    before = metric(d, "escalated_calendar_looks_total")
    d.process.send_signal(signal.SIGHUP)
    wait_for(lambda: metric(d, "escalated_calendar_looks_total") > before, "another look")
    return server.requests[-1]


@pytest.mark.parametrize("key, scheme", [("calendar", "https"), ("calendar", "webcal"), ("calendar_url", "https")])
def test_a_first_fetch_gives_the_duty_and_its_copy_outlives_the_server(daemon, server, authority, key, scheme):
    d = daemon(config(server, authority, key, scheme)).start()
    assert "there is no copy of it yet" in d.log_text()
    wait_for(lambda: on_duty(d) == ["ann"], "the calendar to be in force")
    assert server.requests[0] == (SECRET, 200)
    [copy] = (d.state_dir / "calendars").iterdir()
    assert copy.read_bytes().decode() == server.body and copy.stat().st_mode & 0o777 == 0o600
    assert d.stop() == 0
    server.stop()
    begin = d.log_path.stat().st_size
    d.start()
    assert on_duty(d) == ["ann"] and "no copy" not in d.log_text(begin)
    wait_for(lambda: metric(d, "escalated_calendars_failing") == 1, "the failure to be counted")
    assert "what was known before stays in force" in d.log_text(begin)
    assert "private-" not in d.log_text()


def test_what_has_not_changed_is_not_sent_again_and_what_has_is_in_force(daemon, server, authority):
    d = daemon(config(server, authority)).start()
    wait_for(lambda: on_duty(d) == ["ann"], "the calendar to be in force")
    assert look_again(d, server)[1] == 304
    reloads = d.log_text().count("configuration reloaded")
    server.body = calendar(("Bob Stone", utc(-1), utc(7)))
    assert look_again(d, server)[1] == 200
    wait_for(lambda: on_duty(d) == ["bob"], "the change to be in force")
    assert d.log_text().count("configuration reloaded") == reloads + 2  # ours, and that of the change


def test_a_declined_a_newer_and_a_cancelled_duty_are_in_force(daemon, server, authority):
    ann = calendar(("Ann Lee", utc(-1), utc(7)), ("Bob Stone", utc(8), utc(9)))
    server.body = ann
    d = daemon(config(server, authority).replace("sms = +15550100", "sms = +15550100\nemail = ann@example.com")
               .replace("[channel sms]", "[channel email]\nplugin = file\n[channel sms]")).start()
    wait_for(lambda: on_duty(d) == ["ann"], "the calendar to be in force")
    server.body = ann.replace("SUMMARY:On Call - Ann", "ATTENDEE;PARTSTAT=DECLINED:mailto:ann@example.com\r\nSUMMARY:On Call - Ann")
    look_again(d, server)
    wait_for(lambda: on_duty(d) == [], "that Ann has declined")
    newer = calendar(("Bob Stone", utc(-1), utc(7))).replace("UID:", "SEQUENCE:1\r\nUID:")
    server.body = newer + ann
    look_again(d, server)
    wait_for(lambda: on_duty(d) == ["bob"], "that Bob has it instead")
    cancel = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:CANCEL\r\nBEGIN:VEVENT\r\nUID:shift-0\r\nSEQUENCE:1\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    server.body = newer + ann + cancel
    look_again(d, server)
    wait_for(lambda: on_duty(d) == [], "that it was cancelled")
    assert metric(d, "escalated_calendars_failing") == 0


def test_only_a_stamp_is_no_change(daemon, server, authority):
    begin, end = utc(-1), utc(7)
    server.body = calendar(("Ann Lee", begin, end))
    d = daemon(config(server, authority)).start()
    wait_for(lambda: on_duty(d) == ["ann"], "the calendar to be in force")
    server.body = calendar(("Ann Lee", begin, end), stamped=utc(1))
    assert look_again(d, server)[1] == 200
    assert d.log_text().count("the calendar has changed") == 1
    [copy] = (d.state_dir / "calendars").iterdir()
    assert copy.read_bytes().decode() == server.body


@pytest.mark.parametrize("change, says", [
    (lambda server: setattr(server, "status", 404), "answers 404"),
    (lambda server: setattr(server, "status", 500), "answers 500"),
    (lambda server: (setattr(server, "status", 302), server.headers.update(Location="https://user.example.com/x?secret=1")),
     "leads to https://user.example.com, where nobody follows"),
    (lambda server: setattr(server, "body", "<html>sign in</html>"), "this is no calendar"),
    (lambda server: setattr(server, "body", server.body[:-20]), "cut short"),
    (lambda server: setattr(server, "body", calendar()), "is empty, and was not before"),
    (lambda server: setattr(server, "body", calendar(("Ann Lee", utc(-100), utc(-99)))), "is empty, and was not before"),
    (lambda server: setattr(server, "body", "x" * 5_000_000), "more than 4194304 bytes"),
    (lambda server: setattr(server, "body", calendar(*[("Ann Lee", utc(-1), utc(1))] * 10001)), "more than 10000 events"),
])
def test_what_makes_no_sense_changes_nothing(daemon, server, authority, change, says):
    d = daemon(config(server, authority)).start()
    wait_for(lambda: on_duty(d) == ["ann"], "the calendar to be in force")
    good = server.body
    change(server)
    look_again(d, server)
    wait_for(lambda: says in d.log_text(), "the reason")
    assert on_duty(d) == ["ann"]
    [copy] = (d.state_dir / "calendars").iterdir()
    assert copy.read_bytes().decode() == good
    assert metric(d, "escalated_calendar_failures_total") == 1 and "secret=1" not in d.log_text()
    # The server comes to its senses.
    server.status, server.body = 200, calendar(("Bob Stone", utc(-1), utc(7)))
    look_again(d, server)
    wait_for(lambda: on_duty(d) == ["bob"], "the good one to be in force")
    assert metric(d, "escalated_calendars_failing") == 0


def test_a_server_that_nobody_vouches_for_is_not_asked(daemon, server, authority, tmp_path):
    other = Authority(tmp_path / "other", "Another CA")
    d = daemon(config(server, other)).start()
    wait_for(lambda: metric(d, "escalated_calendar_failures_total") == 1, "the failure")
    assert server.requests == [] and on_duty(d) == []
    # The name has to be right as well.
    d.configure(config(server, authority).replace("localhost", "127.0.0.2"))
    look_again_failed = metric(d, "escalated_calendar_failures_total")
    d.process.send_signal(signal.SIGHUP)
    wait_for(lambda: metric(d, "escalated_calendar_failures_total") > look_again_failed, "the other failure")
    assert server.requests == []


def test_nobody_known_pages_the_fallback(daemon, server, authority):
    server.status = 503
    d = daemon(config(server, authority)).start()
    wait_for(lambda: metric(d, "escalated_calendar_failures_total") == 1, "the failure")
    d.escalate("send", "checkout fails", "--source", "shop", "--severity", "critical")
    wait_for(lambda: d.messages("sms"), "the fallback to be told")
    assert "+15550101" in d.messages("sms")[0]
    kinds = [row["kind"] for row in d.incident(1)["timeline"]]
    assert "nobody" in kinds


def test_a_lunch_in_the_calendar_keeps_nobody_from_duty(daemon, server, authority):
    server.body = calendar(("Ann Lee", utc(-1), utc(7)), ("team lunch", utc(1), utc(2)))
    d = daemon(config(server, authority)).start()
    wait_for(lambda: on_duty(d) == ["ann"], "the calendar to be in force")
    assert "'On Call - team lunch - Lead', names nobody" in d.log_text()
    d.kill()
    d.start()
    assert on_duty(d) == ["ann"]


def test_a_file_is_looked_at_too(daemon):
    text = CONFIG.format(token=READ_TOKEN, ca="", calendar="calendar = duty.ics").replace("calendar_ca_file = \n", "")
    d = daemon({"escalated.ini": text, "duty.ics": calendar(("Ann Lee", utc(-1), utc(7)))}).start()
    assert on_duty(d) == ["ann"]
    wait_for(lambda: metric(d, "escalated_calendar_looks_total") == 1, "the first look")
    (d.config_dir / "duty.ics").write_text("no calendar")
    begin = d.log_path.stat().st_size
    d.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "reload refused" in d.log_text(begin), "the reload to be refused")
    assert on_duty(d) == ["ann"]


def test_copies_of_calendars_that_nobody_has_leave(daemon, server, authority):
    d = daemon(config(server, authority)).start()
    wait_for(lambda: on_duty(d) == ["ann"], "the calendar to be in force")
    d.configure(config(server, authority).replace("basic.ics", "other.ics"))
    d.process.send_signal(signal.SIGHUP)
    wait_for(lambda: len(server.requests) >= 2 and server.requests[-1][0].endswith("other.ics"), "the other address")
    wait_for(lambda: on_duty(d) == ["ann"], "the other calendar to be in force")
    assert len(list((d.state_dir / "calendars").iterdir())) == 1


@pytest.mark.parametrize("line, says", [
    ("calendar = http://localhost/duty.ics", "want https://HOST/PATH"),
    ("calendar = ftp://localhost/duty.ics", "want https://HOST/PATH"),
    ("calendar = https:///duty.ics", "want https://HOST/PATH"),
    ("calendar = https://localhost/du ty.ics", "want https://HOST/PATH"),
    ("calendar = https://localhost/x\ncalendar_url = https://localhost/y", "want one of both"),
    ("calendar = https://localhost/x\nrotate = daily 09:00", "want one of the two"),
    ("calendar = https://localhost/x\nrefresh = 1s", "refresh"),
    ("members = ann\ncalendar_ca_file = nowhere.pem", ""),
])
def test_addresses_that_are_none(daemon, line, says):
    text = CONFIG.format(token=READ_TOKEN, ca="", calendar=line).replace("calendar_ca_file = \n", "")
    d = daemon(text)
    if not says:
        d.start()
        return
    d.start(ready=False)
    assert d.process.wait(60) == 78
    assert says in d.log_text()
