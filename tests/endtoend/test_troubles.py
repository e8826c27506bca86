"""Trouble of our own becomes incidents: it pages by the policies as any alert does, once, and resolves itself."""

import datetime
import json
import os
import shutil
import signal
import ssl

import pytest

import audit
import disk
from calendars import CalendarServer, calendar, utc
from certificates import Authority
from configs import EVENT, TOKEN, ladder
from daemon import wait_for
from mosquitto import Mosquitto

# Whoever looks after the gateway itself is somebody else than who is paged for the shop.
OWN = """
[policy own]
match = source="escalated", trouble="{kind}"
page = carol
"""


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "ca")


@pytest.fixture
def broker():
    made = []

    def make(**options):
        made.append(Mosquitto(**options))
        return made[-1].start()

    yield make
    for one in made:
        one.remove()


def alerts(d, key):
    """(state, severity, count, summary, labels, incident, policy) of this trouble's alerts, the oldest first."""
    return audit.query(d.state_dir,
                       "SELECT a.state, a.severity, a.count, a.summary, a.labels, i.number, i.policy FROM alerts a "
                       f"JOIN incidents i ON i.number = a.incident WHERE a.source = 'escalated' AND a.key = '{key}' "
                       "ORDER BY a.id")


def wait_firing(d, key, severity):
    def fires():
        rows = alerts(d, key)
        return rows and rows[-1][:2] == ("firing", severity) and rows[-1]
    return wait_for(fires, f"{key} to fire as {severity}: {alerts(d, key)}")


def wait_over(d, key):
    return wait_for(lambda: (rows := alerts(d, key)) and all(row[0] == "resolved" for row in rows) and rows, f"{key} to be over")


def number_of_events(d):
    return audit.query(d.state_dir, "SELECT count(*) FROM events WHERE source = 'escalated'")[0][0]


def reload(d):
    begin = d.log_path.stat().st_size
    d.process.send_signal(signal.SIGHUP)
    return wait_for(lambda: next((line for line in d.log_text(begin).splitlines() if "reload refused" in line
                                  or "configuration reloaded" in line), None), "the reload")


def ends_in(days):
    """Of a certificate: as openssl takes it."""
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return at.strftime("%Y%m%d%H%M%SZ")


def test_a_refused_reload_is_one_incident_until_a_good_one(daemon):
    good = ladder("30s") + OWN.format(kind="reload")
    d = daemon(good).start()
    d.configure(good + "nonsense = 1\n")
    assert "refused" in reload(d)
    row = wait_firing(d, "reload", "error")
    assert "the one before stays in force" in row[3] and "nonsense" in row[3] and "--check" in row[3]
    assert json.loads(row[4]) == {"trouble": "reload"} and row[6] == "own"
    assert "refused" in reload(d)  # the same again is no news
    d.configure(good)
    assert "reloaded" in reload(d)
    assert len(wait_over(d, "reload")) == 1
    incident = d.incident(row[5])
    assert incident["state"] == "resolved"
    assert [page["to"] for page in incident["notifications"] if page["kind"] == "page"] == ["carol"]
    assert number_of_events(d) == 2


def test_what_is_over_at_the_next_start_resolves_then_and_what_goes_on_is_not_opened_twice(daemon):
    good = ladder("30s")
    url = "mqtt://127.0.0.1:1"  # nobody listens there
    away = f"[mqtt plant]\nurl = {url}\ntrouble_after = 1s\n[source press]\nbroker = plant\ntopic = a\n"
    d = daemon({"escalated.ini": good, "mqtt.ini": away}).start()
    number = wait_firing(d, "broker plant", "error")[5]
    d.configure({"mqtt.ini": away + "[contact ann]\nnonsense = 1\n"})
    assert "refused" in reload(d)
    wait_firing(d, "reload", "error")
    d.kill()
    d.configure({"mqtt.ini": away})
    d.start()
    wait_over(d, "reload")
    # The broker is still away: told again, as the same incident.
    rows = wait_for(lambda: (rows := alerts(d, "broker plant"))[0][2] == 2 and rows, "the broker to be told of again")
    assert [(row[0], row[5]) for row in rows] == [("firing", number)]
    # One that is configured no more is no trouble, even where nobody was there to see it go.
    assert d.stop() == 0
    d.configure({"mqtt.ini": ""})
    d.start()
    wait_over(d, "broker plant")
    assert d.incident(number)["state"] == "resolved"


def test_a_broker_that_stays_away_and_comes_back(daemon, broker):
    b = broker()
    config = ladder("30s") + OWN.format(kind="broker") + \
        f"[mqtt plant]\nurl = {b.url}\ntrouble_after = 1s\n[source press]\nbroker = plant\ntopic = a\n"
    d = daemon(config).start()
    wait_for(lambda: "connected to the broker" in d.log_text(), "the broker to let us in")
    b.kill()
    row = wait_firing(d, "broker plant", "error")
    assert "Broker plant (127.0.0.1:" in row[3] and "cannot be reached for 1s" in row[3]
    assert json.loads(row[4]) == {"name": "plant", "trouble": "broker"} and row[6] == "own"
    b.start()
    assert len(wait_over(d, "broker plant")) == 1


def test_switched_off_it_is_said_in_the_log_only(daemon):
    away = "[mqtt plant]\nurl = mqtt://127.0.0.1:1\ntrouble_after = 1s\n[source press]\nbroker = plant\ntopic = a\n"
    config = ladder("30s") + away
    off = config.replace("[gateway]", "[gateway]\nown_troubles = no")
    d = daemon(config).start()
    wait_firing(d, "broker plant", "error")
    d.configure(off)
    assert "reloaded" in reload(d)
    wait_over(d, "broker plant")
    d.configure(off + "[contact ann]\nnonsense = 1\n")
    assert "refused" in reload(d)
    d.configure(config)
    assert "reloaded" in reload(d)
    wait_firing(d, "broker plant", "error")
    assert not alerts(d, "reload")


@pytest.mark.parametrize("days, severity", [(40, None), (20, "warning"), (5, "error"), (0.5, "critical")])
def test_the_certificate_that_we_serve(daemon, authority, days, severity):
    def put(pair):
        for source, name, mode in ((pair.cert, "server.pem", 0o644), (pair.key, "server.key", 0o600)):
            shutil.copyfile(source, d.config_dir / name)
            (d.config_dir / name).chmod(mode)

    d = daemon(ladder("30s").replace("[http]", "[http]\ntls_cert_file = server.pem\ntls_key_file = server.key")
               + OWN.format(kind="certificate"))
    put(authority.issue("old", end=ends_in(days)))
    d.start()
    if severity is None:
        assert "reloaded" in reload(d)
        assert not alerts(d, "certificate http")
        return
    row = wait_firing(d, "certificate http", severity)
    assert "that we serve ends within" in row[3] and "reload" in row[3] and row[6] == "own"
    assert d.stop() == 0  # known also after a restart
    d.start()
    wait_for(lambda: alerts(d, "certificate http")[0][2] == 2, "it to be told of again")
    put(authority.issue("new", end=ends_in(300)))
    assert "reloaded" in reload(d)
    assert len(wait_over(d, "certificate http")) == 1


SCHEDULE = """
[schedule duty]
calendar = https://localhost:{port}/private-0123456789abcdef/duty.ics
calendar_ca_file = {ca}
refresh = 1m
trouble_after = {after}
[policy own]
match = source="escalated", trouble=~"calendar|certificate"
page = carol
[policy duty]
match = service="duty"
page = @duty
"""


def with_calendar(daemon, server, authority, after="1h"):
    return daemon(ladder("30s").replace("[policy storefront]", SCHEDULE.format(
        port=server.port, ca=authority.cert, after=after) + "[policy storefront]"))


def age_copy(d, hours):
    """As if it had been good last so long ago."""
    [copy] = (d.state_dir / "calendars").iterdir()
    at = copy.stat().st_mtime - hours * 3600
    os.utime(copy, (at, at))


@pytest.mark.parametrize("days, severity, says", [(30, "warning", "is in force. See"), (5, "error", "and names nobody after ")])
def test_a_calendar_that_cannot_be_read_for_long(daemon, authority, days, severity, says):
    server = CalendarServer(authority.issue("calendar"), calendar(("Ann Lee", utc(-1), utc(days))))
    d = with_calendar(daemon, server, authority).start()
    wait_for(lambda: "the calendar has changed" in d.log_text(), "the calendar to be fetched")
    assert d.stop() == 0
    server.status = 500
    d.start()
    wait_for(lambda: "what was known before stays in force" in d.log_text(), "a look that fails")
    assert not alerts(d, "calendar duty"), "it was good a moment ago"
    assert d.stop() == 0
    age_copy(d, 2)
    d.start()
    row = wait_firing(d, "calendar duty", severity)
    assert "answers 500" in row[3] and says in row[3] and "private-" not in row[3] and row[6] == "own"
    server.status = 200
    assert "reloaded" in reload(d)  # which looks at once
    wait_over(d, "calendar duty")
    server.stop()


def test_a_calendar_that_has_not_changed_was_good_just_now(daemon, authority):
    server = CalendarServer(authority.issue("calendar"), calendar(("Ann Lee", utc(-1), utc(30))))
    d = with_calendar(daemon, server, authority).start()
    wait_for(lambda: "the calendar has changed" in d.log_text(), "the calendar to be fetched")
    age_copy(d, 2)
    assert "reloaded" in reload(d)
    wait_for(lambda: server.requests[-1][1] == 304, "a look that finds nothing new")
    wait_for(lambda: (d.log_path.stat().st_mtime - next((d.state_dir / "calendars").iterdir()).stat().st_mtime) < 3600,
             "the copy to be as good as new")
    server.stop()


def test_the_certificate_of_a_calendars_server(daemon, authority):
    server = CalendarServer(authority.issue("calendar", end=ends_in(5)), calendar(("Ann Lee", utc(-1), utc(30))))
    d = with_calendar(daemon, server, authority).start()
    row = wait_firing(d, "certificate calendar duty", "error")
    assert "calendar server of schedule duty ends within 7 days" in row[3] and row[6] == "own"
    d.configure(ladder("30s"))
    assert "reloaded" in reload(d)  # nobody looks at it any more
    wait_over(d, "certificate calendar duty")
    server.stop()


def test_the_certificate_of_where_messages_go(daemon, receiver, authority):
    """As a connection for a message has shown it; the trouble itself goes by another channel."""
    def server(pair):
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(pair.cert, pair.key)
        made.options |= ssl.OP_NO_TICKET  # a session taken up again shows the certificate of its first handshake
        made.num_tickets = 0
        return made

    tls = server(authority.issue("short", end=ends_in(5)))
    hook = receiver(lambda request: (200, {"Connection": "close"}, b""), tls)
    config = ladder("60s").replace("[channel sms]\nplugin = file",
                                   f"[channel sms]\nplugin = webhook\nurl = {hook.url}\nca_file = {authority.cert}") + \
        OWN.format(kind="certificate").replace("page = carol", "page = dora") + "[contact dora]\nemail = dora@example.com\n"
    d = daemon(config).start()
    assert d.send(EVENT, TOKEN).status == 202
    key = f"certificate channel sms 127.0.0.1:{hook.port}"
    row = wait_firing(d, key, "error")
    assert "where channel sms sends to, ends within 7 days" in row[3] and row[6] == "own"
    wait_for(lambda: any("where channel sms sends to" in text for text in d.messages("email")), "the page by another way")
    renewed = authority.issue("long", end=ends_in(300))
    tls.load_cert_chain(renewed.cert, renewed.key)
    assert d.send({**EVENT, "key": "k2", "labels": {"service": "storefront", "region": "us"}, "severity": "critical"}, TOKEN).status == 202
    assert d.send({**EVENT, "key": "k3", "labels": {"service": "other"}}, TOKEN).status == 202
    wait_over(d, key)


def test_messages_that_no_provider_takes(daemon, receiver):
    answers = [503]
    hook = receiver(lambda request: (answers[0], {}, b""))
    config = ladder("60s").replace("[channel sms]\nplugin = file", f"[channel sms]\nplugin = webhook\nurl = {hook.url}") \
        .replace("[gateway]", "[gateway]\noutbox_trouble_after = 1s") + OWN.format(kind="outbox").replace("page = carol", "page = dora") + \
        "[contact dora]\nemail = dora@example.com\n"
    d = daemon(config).start()
    assert d.send(EVENT, TOKEN).status == 202
    row = wait_firing(d, "outbox sms", "critical")
    assert "channel sms" in row[3] and "longer than 1s" in row[3] and row[6] == "own"
    wait_for(lambda: any("channel sms" in text for text in d.messages("email")), "the page by another way")
    answers[0] = 200
    wait_over(d, "outbox sms")


def test_a_full_disk(daemon):
    d = daemon(ladder("60s") + OWN.format(kind="disk")).put_on_disk().start()
    assert d.send(EVENT, TOKEN).status == 202
    d.disk.plan.capacity(d.disk.plan.used())
    sent = iter(range(100000))
    wait_for(lambda: d.send({**EVENT, "key": f"k{next(sent)}"}, TOKEN).status == 503, "the disk to be full")
    row = wait_firing(d, "disk", "critical")  # recorded on the ballast
    assert "new alerts are refused" in row[3] and row[6] == "own"
    d.disk.plan.capacity(0)
    wait_for(lambda: d.send({**EVENT, "key": f"k{next(sent)}"}, TOKEN).status == 202, "intake to open")
    wait_over(d, "disk")


def test_the_name_is_ours(daemon):
    d = daemon(ladder("30s")).start()
    assert "/in/escalated" and d.send({**EVENT, "source": "escalated"}, TOKEN).status in (202, 400)
    assert number_of_events(d) == 0
    assert d.stop() == 0
    d.configure(ladder("30s") + "[source escalated]\ntoken = 0123456789abcdef0123456789\n")
    assert d.start(ready=False).process.wait(60) == 78
    assert "is the source of what goes wrong here itself" in d.log_text()
