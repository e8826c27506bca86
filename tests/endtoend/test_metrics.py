"""What /metrics says of what is held back, put off and bundled; and that the manual lists all of it."""

import collections
import datetime
import pathlib
import re
import signal

from configs import EVENT, TOKEN, ladder
from daemon import wait_for
from mosquitto import Mosquitto

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLE = re.compile(r"(escalated_[a-z_]+)(?:\{(.*)\})? (\S+)")


def metrics(d):
    """(name, label's value) -> number."""
    found = {}
    for line in d.local("GET", "/metrics").body.decode().splitlines():
        if not line.startswith("#"):
            name, labels, value = SAMPLE.fullmatch(line).groups()
            found[name, re.sub(r'^[a-z]+="|"$', "", labels or "")] = float(value)
    return found


def documented():
    """name -> its labels, as the manual has them."""
    text = (ROOT / "config/manual/metrics.md").read_text()
    rows = [line.split("|")[1] for line in text[text.index("## Intake"):].splitlines() if line.startswith("| `")]
    return {name: label for row in rows for name, label in re.findall(r"`(escalated_[a-z_]+)(?:\{([a-z]+)=\})?`", row)}


def test_the_manual_lists_every_metric():
    made = set()
    for path in (ROOT / "gateway").rglob("*.c"):
        made |= set(re.findall(r'"(escalated_[a-z_]+)"', path.read_text()))
    made -= {"escalated_channel"}
    assert made == set(documented())


# There once there is something to say: with TLS, after the first success.
MADE_LATER = {"escalated_tls_certificate_expires_seconds", "escalated_heartbeat_last_success_seconds"}


def test_labels_are_those_of_the_manual(daemon):
    broker = Mosquitto()
    try:
        broker.start()
        more = (f"[mqtt plant]\nurl = {broker.url}\n[source machines]\nbroker = plant\ntopic = plant/+\n"
                "[source job]\nexpect_every = 24h\n[schedule cal]\ncalendar = cal.ics\n")
        d = daemon({"escalated.ini": ladder("1h") + more, "cal.ics": CALENDAR}).start()
        wait_for(lambda: metrics(d).get(("escalated_mqtt_connected", "plant")) == 1, "the broker")
        said = collections.defaultdict(set)
        for line in d.local("GET", "/metrics").body.decode().splitlines():
            if line.startswith("#"):
                continue
            name, labels, _ = SAMPLE.fullmatch(line).groups()
            name = name if name in documented() else re.sub("_(bucket|sum|count)$", "", name)
            said[name] |= {label for label in re.findall(r'([a-z]+)="', labels or "") if label != "le"}
        wanted = documented()
        assert {name: wanted[name] for name in said} == {name: "".join(labels) for name, labels in said.items()}
        assert sorted(set(wanted) - set(said) - MADE_LATER) == []
    finally:
        broker.remove()


CALENDAR = """BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//test//\r
BEGIN:VEVENT\r
UID:1\r
DTSTART:20200101T000000Z\r
DTEND:20400101T000000Z\r
SUMMARY:ann\r
END:VEVENT\r
END:VCALENDAR\r
"""


def test_the_age_of_a_calendar(daemon):
    config = ladder("1h") + "[schedule cal]\ncalendar = cal.ics\nrefresh = 1m\n"
    d = daemon({"escalated.ini": config, "cal.ics": CALENDAR}).start()
    good = wait_for(lambda: metrics(d)["escalated_calendar_last_good_seconds", "cal"], "the first look")
    assert abs(good - datetime.datetime.now().timestamp()) < 3600
    # What is no longer to be had or read grows old; what is gone from the configuration is of no age.
    (d.config_dir / "cal.ics").write_text("no calendar")
    begin = d.log_path.stat().st_size
    d.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "reload refused" in d.log_text(begin), "the reload to be refused")
    assert metrics(d)["escalated_calendar_last_good_seconds", "cal"] == good
    d.configure(ladder("1h"))
    d.process.send_signal(signal.SIGHUP)
    wait_for(lambda: metrics(d)["escalated_calendar_last_good_seconds", "cal"] == 0, "the calendar to be forgotten")


def test_what_is_held_back_is_counted(daemon):
    rules = ("[maintenance works]\nmatch = service=\"press\"\nduring = mon-sun 00:00-24:00\n"
             "[inhibit site]\nwhen = service=\"site\"\nmute = service=\"shop\"\n")
    d = daemon(ladder("1h") + rules).start()

    def send(service, action="trigger"):
        event = {"action": action, "key": service, "summary": "x", "labels": {"service": service}}
        assert d.send(event, TOKEN).status == 202

    def counts(name):
        return tuple(metrics(d)[name, kind] for kind in ("maintenance", "silence", "inhibition"))

    assert counts("escalated_suppressions") == (1, 0, 0) and counts("escalated_suppressed_incidents") == (0, 0, 0)
    d.escalate("silence", "service=blog", "--for", "2h")
    for service in ("press", "blog", "site", "shop"):
        send(service)
    wait_for(lambda: counts("escalated_suppressed_incidents") == (1, 1, 1), "the marks")
    assert counts("escalated_suppressions") == (1, 1, 1)
    # They are counted anew after a restart, and leave one by one.
    d.kill()
    d.start()
    wait_for(lambda: counts("escalated_suppressed_incidents") == (1, 1, 1), "the marks after a kill")
    send("site", "resolve")
    wait_for(lambda: counts("escalated_suppressed_incidents") == (1, 1, 0), "the inhibition's end")
    d.escalate("silence", "end", "1")
    wait_for(lambda: counts("escalated_suppressed_incidents") == (1, 0, 0), "the silence's end")
    send("press", "resolve")
    wait_for(lambda: counts("escalated_suppressed_incidents") == (0, 0, 0), "the last one's end")
    assert counts("escalated_suppressions") == (1, 0, 0)


def test_what_waits_for_the_morning_or_a_digest_is_counted(daemon):
    now = datetime.datetime.now(datetime.timezone.utc)
    quiet = f"{now - datetime.timedelta(hours=2):%H}:00-{now + datetime.timedelta(hours=3):%H}:00"
    config = ladder("1h").replace("group_by = service", "").replace("email = ann@example.com\n",
                                                                     f"email = ann@example.com\nquiet = {quiet}\n")
    d = daemon(config.replace("[channel sms]\nplugin = file", "[channel sms]\nplugin = file\nper_contact_critical = 6")).start()
    assert d.send({**EVENT, "severity": "error"}, TOKEN).status == 202
    wait_for(lambda: metrics(d)["escalated_deferred_total", ""] == 1, "the page that waits")
    assert metrics(d)["escalated_bundled_total", ""] == 0
    assert d.send([{**EVENT, "key": f"k{i}"} for i in range(20)], TOKEN).status == 202
    wait_for(lambda: metrics(d)["escalated_bundled_total", ""] >= 1, "what goes into a digest")


def test_a_pattern_at_its_limits_is_counted_and_logged_and_tells_somebody(daemon):
    more = '[policy odd]\nmatch = team=~"(d+)+x"\npage = ann\n[inhibit one]\nwhen = team=~"(d+)+y"\nmute = a="b"\n'
    d = daemon(ladder("1h") + more).start()
    d.escalate("silence", 'team=~"(d+)+z"', "--for", "2h")
    sent = d.send({**EVENT, "labels": {"team": "d" * 300 + "xyz."}}, TOKEN).json["results"][0]
    incident = d.incident(sent["incident"])
    assert incident["policy"] == "default" and incident["suppressed_by"] == "", incident
    found = metrics(d)
    counted = {use: found["escalated_matcher_limit_total", use] for use in ("policy", "maintenance", "silence", "inhibition")}
    assert counted["policy"] == 1 and counted["maintenance"] == 0, counted
    assert counted["silence"] >= 1 and counted["inhibition"] >= 1, counted
    wait_for(lambda: d.log_text().count("a pattern ran into its limits") == 3, "the log")
    assert re.search(r'of=policy name=odd matcher="team=~\\"\(d\+\)\+x\\"" count=1', d.log_text()), d.log_text()
