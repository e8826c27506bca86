"""MQTT intake against a real mosquitto: versions, TLS, topics, unusable and retained messages, sessions that outlive both
ends, a disk that is full."""

import base64
import json
import pathlib
import subprocess

import pytest

import audit
from certificates import Authority
from configs import EVENT, ladder
from daemon import wait_for
from mosquitto import Mosquitto

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def broker():
    made = []

    def make(**options):
        made.append(Mosquitto(**options))
        return made[-1].start()

    yield make
    for one in made:
        one.remove()


def config(broker, *lines, topic="plant/+/alarm", name="plant", wait="60s"):
    return ladder(wait) + "\n".join([
        f"[mqtt {name}]", f"url = {broker.url}", *lines,
        f"[source press-{name}]", f"broker = {name}", f"topic = {topic}", ""])


def event(key, **changes):
    return {**EVENT, "key": key, **changes}


def events(d):
    """(source, key, action, disposition, incident), in the order of their commits; not what the daemon says of itself."""
    return audit.query(d.state_dir, "SELECT source, key, action, disposition, incident FROM events WHERE source <> 'escalated' "
                                    "ORDER BY id")


def wait_events(d, count):
    return wait_for(lambda: len(rows := events(d)) >= count and rows, f"{count} events, there are {events(d)}")


def metric(d, name):
    for line in d.local("GET", "/metrics").body.decode().splitlines():
        if line.startswith(name + " ") or line.startswith(name + "{"):
            return int(float(line.split()[-1]))
    return 0


def wait_connected(d, times=1, broker="plant"):
    wait_for(lambda: d.log_text().count('msg="connected to the broker"') >= times, "the broker to let us in")


def pages(d):
    return audit.query(d.state_dir, "SELECT incident FROM notifications WHERE kind = 'page'")


def resolve(d, number):
    """By a person."""
    d.escalate("resolve", str(number), "--as", "ann")


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_message_becomes_an_incident(daemon, broker, version):
    b = broker()
    d = daemon(config(b, f"version = {version}")).start()
    wait_connected(d)
    b.publish("plant/7/alarm", event("a"))
    b.publish("plant/7/alarm", [event("b"), event("c", labels={"service": "other"})])
    b.publish("plant/7/alarm", event("a", action="resolve"))
    b.publish("plant/7/other", event("not ours"))
    rows = wait_events(d, 4)
    assert [(source, key, action) for source, key, action, *_ in rows] == [
        ("press-plant", "a", "trigger"), ("press-plant", "b", "trigger"), ("press-plant", "c", "trigger"),
        ("press-plant", "a", "resolve")]
    wait_for(lambda: len(d.messages("sms")) == 2, "the pages")
    assert metric(d, "escalated_mqtt_connected") == 1
    assert metric(d, "escalated_mqtt_messages_total") >= 3
    credential = audit.query(d.state_dir, "SELECT actor, credential FROM timeline WHERE kind = 'opened'")[0]
    assert credential == ("source press-plant", "mqtt plant")


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_what_comes_while_we_are_away_waits_at_the_broker(daemon, broker, version):
    b = broker()
    d = daemon(config(b, f"version = {version}")).start()
    wait_connected(d)
    assert d.stop() == 0
    for number in range(50):
        b.publish("plant/1/alarm", event(f"k{number}"))
    d.start()
    assert [key for _, key, *_ in wait_events(d, 50)] == [f"k{number}" for number in range(50)]
    wait_connected(d, 2)  # said when every topic has its answer, perhaps behind the events
    d.kill()
    b.publish("plant/1/alarm", event("last"))
    d.start()
    assert wait_events(d, 51)[-1][1] == "last"
    assert len(events(d)) == 51
    wait_connected(d, 3)
    # The session was there all the time: nothing else could have been.
    assert d.log_text().count("session=new") == 1 and d.log_text().count("session=kept") == 2


def test_a_broker_that_restarts(daemon, broker):
    b = broker()
    d = daemon(config(b)).start()
    wait_connected(d)
    b.publish("plant/1/alarm", event("before"))
    wait_events(d, 1)
    b.stop()
    wait_for(lambda: metric(d, "escalated_mqtt_connected") == 0, "the end of the connection to be noticed")
    b.start()
    wait_connected(d, 2)
    b.publish("plant/1/alarm", event("after"))
    assert [key for _, key, *_ in wait_events(d, 2)] == ["before", "after"]


def test_tls_with_an_authority_of_our_own(daemon, broker, tmp_path):
    authority = Authority(tmp_path / "ca")
    b = broker(tls=authority.issue("broker"))
    d = daemon(config(b, f"ca_file = {authority.cert}")).start()
    wait_connected(d)
    b.publish("plant/1/alarm", event("tls"), ca=authority.cert)
    for number in range(30):
        b.publish("plant/1/alarm", event(f"tls{number}"), ca=authority.cert)
    assert len(wait_events(d, 31)) == 31


def test_a_broker_that_cannot_prove_itself_is_not_spoken_to(daemon, broker, tmp_path):
    b = broker(tls=Authority(tmp_path / "ca").issue("broker"))
    d = daemon(config(b, f"ca_file = {Authority(tmp_path / 'other').cert}")).start()
    wait_for(lambda: "the broker cannot be reached" in d.log_text(), "the refusal")
    assert "connected to the broker" not in d.log_text()


def test_passwords(daemon, broker):
    b = broker(users={"escalated": "right"})
    d = daemon(config(b, "username = escalated", "password = wrong")).start()
    line = wait_for(lambda: [line for line in d.log_text().splitlines() if "cannot be reached" in line], "a refusal")[0]
    assert "uthori" in line and "wrong" not in line  # "Not authorized", and no secret
    d.configure(config(b, "username = escalated", "password = right"))
    d.process.send_signal(1)
    wait_connected(d)
    b.publish("plant/1/alarm", event("in"))
    wait_events(d, 1)


def test_several_brokers_and_topics(daemon, broker):
    one, two = broker(), broker()
    d = daemon({"a.ini": config(one, topic="plant/#"),
                "b.ini": f"[mqtt office]\nurl = {two.url}\nversion = 3.1.1\n"
                         "[source desk]\nbroker = office\ntopic = +/alarm\ntopic = $special/x\n"
                         "[source cellar]\nbroker = office\ntopic = cellar/alarm\ntopic = cellar/+/water\n"}).start()
    wait_connected(d, 2)
    one.publish("plant", event("parent"))
    one.publish("plant/a/b/c", event("deep"))
    two.publish("plant/a/b/c", event("not here"))
    two.publish("cellar/alarm", event("first source wins"))
    two.publish("cellar/1/water", event("second"))
    rows = wait_events(d, 4)
    assert sorted((source, key) for source, key, *_ in rows) == [
        ("cellar", "second"), ("desk", "first source wins"), ("press-plant", "deep"), ("press-plant", "parent")]


def test_a_reload_changes_topics_and_brokers(daemon, broker):
    one, two = broker(), broker()
    d = daemon(config(one)).start()
    wait_connected(d)
    d.configure(config(one, topic="hall/+"))
    d.process.send_signal(1)
    wait_for(lambda: "UNSUBSCRIBE" in one.log(), "the old topic to be left")
    one.publish("plant/1/alarm", event("old"))
    one.publish("hall/1", event("new"))
    assert [key for _, key, *_ in wait_events(d, 1)] == ["new"]
    d.configure(config(two, name="second"))
    d.process.send_signal(1)
    wait_connected(d, 2)
    two.publish("plant/1/alarm", event("second broker"))
    assert wait_events(d, 2)[-1][:2] == ("press-second", "second broker")
    assert "is no longer configured" in d.log_text()


def test_topics_changed_while_it_was_down(daemon, broker):
    b = broker()
    d = daemon(config(b)).start()
    wait_connected(d)
    d.stop()
    d.configure(config(b, topic="hall/+"))
    d.start()
    wait_connected(d, 2)
    wait_for(lambda: "UNSUBSCRIBE" in b.log(), "the old topic to be left")
    b.publish("plant/1/alarm", event("old"))
    b.publish("hall/1", event("new"))
    wait_events(d, 1)
    assert json.loads(d.escalate("quarantine", "--json").stdout) == []


def test_unusable_messages_are_kept_and_told(daemon, broker):
    b = broker()
    d = daemon(config(b, "message_bytes_max = 64k")).start()
    wait_connected(d)
    dead = b.subscribe("escalated/dead-letter")
    cases = [(b"water in the cellar", "not JSON"), (b"\xff\xfe\x00\x01", "bytes"),
             (json.dumps(event("x", severity="bad")), "severity"), ("{}" + " " * 70000, "at most 65536")]
    for payload, _ in cases:
        b.publish("plant/9/alarm", payload)
    b.publish("plant/9/alarm", event("good"))
    wait_events(d, 1)
    rows = json.loads(d.escalate("quarantine", "--json").stdout)
    assert len(rows) == 4
    for row, (payload, _) in zip(reversed(rows), cases):
        payload = payload if isinstance(payload, bytes) else payload.encode()
        kept = row["payload"].encode() if "payload" in row else base64.b64decode(row["payload_base64"])
        assert row["source"] == "press-plant" and row["origin"] == "topic plant/9/alarm" and row["reason"]
        assert kept == payload[:16384] and row["size"] == len(payload) and row["truncated"] == (len(payload) > 16384)
    assert "severity" in rows[1]["reason"] and "65536" in rows[0]["reason"]
    dead.wait_for(lambda s: len(s.messages) == 4, "the dead letters")
    letter = dead.messages[0].json
    assert letter["payload"] == "water in the cellar" and letter["topic"] == "plant/9/alarm"
    assert letter["source"] == "press-plant" and letter["reason"] == rows[3]["reason"]
    assert base64.b64decode(dead.messages[1].json["payload_base64"]) == cases[1][0]
    assert not any(message.is_retained for message in dead.messages)
    assert metric(d, "escalated_quarantined_total") == 4 and metric(d, "escalated_mqtt_dead_letters_total") == 4
    assert d.log_text().count("goes into quarantine") == 1  # a burst is one line
    dead.close()


def test_an_odd_topic_does_not_spoil_the_table_of_the_quarantine(daemon, broker):
    b = broker()
    d = daemon(config(b, topic="plant/#")).start()
    wait_connected(d)
    for topic in ("plant/" + "x" * 60000, "plant/\u202emrala"):
        b.publish(topic, "no JSON")
    wait_for(lambda: metric(d, "escalated_quarantined_total") == 2, "the quarantine")
    lines = d.escalate("quarantine").stdout.splitlines()
    assert len(lines) == 3 and max(map(len, lines)) < 300
    assert "plant/?mrala" in lines[1] and all("invalid token" in line for line in lines[1:])
    assert {len(row["origin"]) for row in json.loads(d.escalate("quarantine", "--json").stdout)} == {60012, 18}


def test_our_own_topics_are_not_read(daemon, broker):
    b = broker()
    d = daemon(config(b, topic="#")).start()
    wait_connected(d)
    b.publish("anything", "no JSON")
    b.publish("anything", event("good"))
    wait_events(d, 1)
    assert len(json.loads(d.escalate("quarantine", "--json").stdout)) == 1  # not the dead letter again and again
    state = b.subscribe("escalated/state")
    state.wait_latest("escalated/state", lambda message: message.json["state"] == "online")
    d.kill()
    state.wait_latest("escalated/state", lambda message: message.json == {"state": "offline"}, "the last will")
    state.close()


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_retained_messages_shown_again_do_not_page_again(daemon, broker, version):
    b = broker()
    b.publish("plant/1/alarm", event("standing"), retain=True)  # before we know of the topic: news
    d = daemon(config(b, f"version = {version}")).start()
    wait_events(d, 1)
    b.publish("plant/2/alarm", event("taken", labels={"service": "b"}), retain=True)
    wait_events(d, 2)
    for number in (1, 2):
        wait_for(lambda: (number,) in pages(d), "the page")
    resolve(d, 1)
    resolve(d, 2)
    told = len(pages(d))
    b.restart()
    wait_connected(d, 2)
    d.stop()
    d.start()
    wait_connected(d, 3)
    d.kill()
    d.start()
    wait_connected(d, 4)
    if version == "3.1.1":  # each process asks for its topics once, and a broker of that version shows everything again
        wait_for(lambda: [row[3] for row in events(d)].count("replayed") >= 4, f"the replays: {events(d)}")
    b.publish("plant/1/alarm", b"", retain=True)  # taken away: says nothing
    b.publish("plant/3/alarm", event("end", labels={"service": "c"}))
    wait_for(lambda: events(d)[-1][1] == "end", "the last event")
    assert len(audit.query(d.state_dir, "SELECT number FROM incidents")) == 3
    assert len([page for page in pages(d) if page[0] != 3]) == told
    assert json.loads(d.escalate("quarantine", "--json").stdout) == []


def test_a_retained_message_that_changed_is_news(daemon, broker):
    b = broker()
    d = daemon(config(b, "version = 3.1.1")).start()
    wait_connected(d)
    b.publish("plant/1/alarm", event("k", severity="warning"), retain=True)
    wait_events(d, 1)
    assert d.stop() == 0
    # The session ends, and with it what would have been kept for us; the state changes meanwhile.
    b.stop()
    (b.folder / "mosquitto.db").unlink()
    b.start()
    b.publish("plant/1/alarm", event("k", severity="critical"), retain=True)
    b.publish("plant/2/alarm", event("new", labels={"service": "n"}), retain=True)
    d.start()
    rows = wait_events(d, 3)
    assert sorted(row[3] for row in rows) == ["counted", "opened", "opened"]
    assert d.incident(1)["severity"] == "critical"


def test_a_cleared_alert_that_stands_again_after_a_gap_is_news(daemon, broker):
    b = broker()
    d = daemon(config(b)).start()
    wait_connected(d)
    b.publish("plant/1/alarm", event("k"), retain=True)
    b.publish("plant/1/alarm", event("k", action="resolve"), retain=True)
    wait_events(d, 2)
    d.stop()
    b.stop()
    (b.folder / "mosquitto.db").unlink()
    b.start()
    b.publish("plant/1/alarm", event("k"), retain=True)
    d.start()
    assert wait_events(d, 3)[-1][3] == "reopened"


def test_a_full_disk_confirms_nothing_and_goes_on_by_itself(daemon, broker):
    b = broker()
    d = daemon(config(b)).put_on_disk().start()
    wait_connected(d)
    b.publish("plant/1/alarm", event("before"))
    wait_events(d, 1)
    d.disk.plan.capacity(d.disk.plan.used())  # not a byte more
    sent = ["before"]

    def is_full():
        sent.append(f"k{len(sent)}")
        b.publish("plant/1/alarm", event(sent[-1], details={"filler": "x" * 5000}))
        return metric(d, "escalated_intake_open") == 0

    wait_for(is_full, "the disk to be full")  # the log may have had some room left
    for number in range(40):
        sent.append(f"full{number}")
        b.publish("plant/1/alarm", event(sent[-1]))
    wait_for(lambda: metric(d, "escalated_mqtt_connected") == 0, "the connection to be given up")
    assert len(events(d)) < len(sent) - 39, "the broker heard of something as taken that is not stored"
    d.disk.plan.capacity(0)
    assert [row[1] for row in wait_events(d, len(sent))] == sent
    assert "were not stored and not confirmed" in d.log_text()


def test_the_profile_that_is_shipped(daemon, broker):
    lines = (REPOSITORY / "config" / "packaging" / "mosquitto.conf").read_text().splitlines()
    profile = dict(line.split(" ", 1) for line in lines if line and not line.startswith("#"))
    for word in ("listener", "certfile", "keyfile", "allow_anonymous", "password_file", "acl_file",
                 "persistence_location"):
        del profile[word]
    b = broker(settings={**profile, "autosave_on_changes": None, "autosave_interval": profile["autosave_interval"]})
    d = daemon(config(b, "version = 3.1.1")).start()
    wait_connected(d)
    d.stop()
    # More than mosquitto keeps by default.
    text = "".join(json.dumps(event(f"k{number}")) + "\n" for number in range(1500))
    subprocess.run([*b.client("mosquitto_pub"), "-t", "plant/1/alarm", "-q", "1", "-l"], input=text.encode(), check=True)
    b.restart()
    d.start()
    assert [row[1] for row in wait_events(d, 1500)] == [f"k{number}" for number in range(1500)]


def test_a_broker_that_is_frozen_does_not_hold_the_stop(daemon, broker):
    b = broker()
    d = daemon(config(b)).start()
    wait_connected(d)
    b.freeze()
    try:
        assert d.stop() == 0
    finally:
        b.thaw()


@pytest.mark.parametrize("with_own", [False, True])
def test_without_a_file_the_authorities_of_the_system_hold(daemon, broker, tmp_path, with_own):
    authority = Authority(tmp_path / "ca")
    b = broker(tls=authority.issue("broker"))
    own = authority.issue("client")
    lines = [f"tls_cert_file = {own.cert}", f"tls_key_file = {own.key}"] if with_own else []
    stranger = daemon(config(b, *lines)).start()
    wait_for(lambda: "the broker cannot be reached" in stranger.log_text(), "the refusal")
    wait_for(lambda: "certificate verify failed" in b.log() or "unknown ca" in b.log(), "its reason")
    d = daemon(config(b, "client_id = second", *lines), env={"SSL_CERT_FILE": str(authority.cert)}).start()
    wait_connected(d)
    b.publish("plant/1/alarm", event("tls"), ca=authority.cert)
    wait_events(d, 1)
    assert "connected to the broker" not in stranger.log_text()
