"""MQTT intake with brokers that are within the standard and unlike mosquitto, or not within it at all."""

import json

import pytest

import audit
from configs import EVENT, ladder
from daemon import wait_for
from odd_broker import OddBroker, packet


@pytest.fixture
def broker():
    made = []

    def make(**options):
        made.append(OddBroker(**options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def config(broker, topics=("plant/+/alarm",)):
    return ladder("60s") + f"[mqtt plant]\nurl = {broker.url}\nversion = 3.1.1\n[source press]\nbroker = plant\n" + "".join(
        f"topic = {topic}\n" for topic in topics)


def said(d, text, times=1):
    wait_for(lambda: d.log_text().count(text) >= times, f"{text!r} in the log")


def metric(d, name):
    for line in d.local("GET", "/metrics").body.decode().splitlines():
        if line.startswith(name + " ") or line.startswith(name + "{"):
            return int(float(line.split()[-1]))
    return None


def body(action="trigger"):
    return json.dumps({**EVENT, "key": "k", "action": action}).encode()


def actions(d):
    return [row[0] for row in audit.query(d.state_dir, "SELECT action FROM events ORDER BY id")]


def give(broker, payload, **how):
    """The lowest free packet id, each time: everything has been confirmed."""
    count = len(broker.confirmed)
    broker.publish("plant/1/alarm", payload, packet_id=1, **how)
    broker.wait_for(lambda: len(broker.confirmed) > count, "the PUBACK")


def test_an_alert_that_rises_again_after_a_reconnection_is_no_repetition(daemon, broker):
    b = broker()
    d = daemon(config(b)).start()
    said(d, "connected to the broker")
    for action in ("trigger", "resolve"):
        give(b, body(action))
    b.cut()
    give(b, body())
    assert actions(d) == ["trigger", "resolve", "trigger"]
    # And where only a person has resolved it: the very bytes, under the very id, of the last one taken.
    d.escalate("resolve", "1", "--as", "ann")
    b.cut()
    give(b, body())
    assert actions(d) == ["trigger", "resolve", "trigger", "trigger"]
    # Also after a restart, with what the store knows.
    assert d.stop() == 0
    d.start()
    b.wait_for(lambda: b.client is not None, "the daemon")
    give(b, body())
    assert len(actions(d)) == 5 and metric(d, "escalated_mqtt_repeated_total") == 0


def test_what_the_broker_delivers_again_is_known_and_confirmed(daemon, broker):
    b = broker()
    d = daemon(config(b)).start()
    said(d, "connected to the broker")
    give(b, body())
    b.cut()
    give(b, body(), dup=True)
    assert metric(d, "escalated_mqtt_repeated_total") == 1
    give(b, body(), dup=True)  # in the middle of a connection nothing is delivered again
    assert actions(d) == ["trigger", "trigger"]


def test_a_message_delivered_again_that_was_not_stored_is_no_repetition_of_an_older_one(daemon, broker):
    b = broker()
    d = daemon(config(b)).start()
    said(d, "connected to the broker")
    for action in ("trigger", "resolve"):
        give(b, body(action))
    b.cut()
    give(b, body(), dup=True)  # its first delivery got lost on the way to us
    assert actions(d) == ["trigger", "resolve", "trigger"]


def test_topics_that_are_refused_are_told_and_asked_for_again(daemon, broker):
    refused = {"hall/+"}
    b = broker(granted=lambda topic: 0x80 if topic in refused or topic.startswith("$SYS") else 1)
    d = daemon(config(b, ("plant/+/alarm", "hall/+"))).start()
    said(d, "does not let us subscribe")
    wait_for(lambda: metric(d, "escalated_mqtt_refused_topics") == 1, "the topic to be counted, and only it")
    assert 'topic=hall/+' in d.log_text() and "$SYS" not in d.log_text()
    give(b, body())  # the other one is there
    assert actions(d) == ["trigger"]
    refused.clear()
    b.cut()
    wait_for(lambda: metric(d, "escalated_mqtt_refused_topics") == 0, "the topic to be granted")
    assert b.filters.count("hall/+") == 2


def test_a_topic_granted_at_qos_0_only_is_told(daemon, broker):
    b = broker(granted=lambda topic: 0)
    d = daemon(config(b)).start()
    said(d, "grants QoS 0 only", 2)  # the topic and the one of replies
    said(d, "connected to the broker")
    assert d.log_text().count("grants QoS 0 only") == 2
    b.publish("plant/1/alarm", body())
    wait_for(lambda: actions(d) == ["trigger"], "the event")


def test_messages_that_the_broker_drops_are_told(daemon, broker):
    b = broker()
    d = daemon(config(b)).start()
    said(d, "connected to the broker")
    topic = "$SYS/broker/publish/messages/dropped"
    for payload in (b"7", b"many", b"-1", b"9" * 40, b"", b"7"):
        b.publish(topic, payload)
    wait_for(lambda: metric(d, "escalated_mqtt_broker_dropped") == 7, "the count")
    give(b, body())
    assert "drops messages" not in d.log_text()  # it was so before
    b.publish(topic, b"9")
    said(d, "drops messages")
    assert "dropped=9 before=7" in d.log_text() and metric(d, "escalated_mqtt_broker_dropped") == 9
    assert json.loads(d.escalate("quarantine", "--json").stdout) == []


@pytest.mark.parametrize("rubbish", [
    b"\xff" * 64, b"HTTP/1.1 400 Bad Request\r\n\r\n", packet(3, b"\xff\xffplant", 2), packet(3, b"\0\x01", 6), packet(2, b"\0\0"),
    packet(9, b"\x7f\x7f"), packet(4, b"\0"), packet(3, b"\0\0\0\1{}", 2), packet(3, b"\0\3a/\xff\0\1{}", 2),
    b"\x32\xff\xff\xff\xff\x7f", packet(14)])
def test_rubbish_ends_a_connection_and_nothing_else(daemon, broker, rubbish):
    b = broker()
    d = daemon(config(b, ("#",))).start()
    said(d, "connected to the broker")
    b.send(rubbish)
    if b.connections == 1:  # the daemon may be waiting for the rest
        b.end()
    b.wait_for(lambda: b.connections > 1 and b.client is not None, "the daemon to come back")
    give(b, body())
    assert actions(d) == ["trigger"]
    assert d.stop() == 0
