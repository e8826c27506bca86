"""Over a real broker: pages go out, replies come in, and what stands retained is what is true."""

import itertools
import json
import socket
import threading

import pytest

from configs import EVENT, TOKEN
from daemon import wait_for
from mosquitto import Mosquitto

CONFIG = """
[gateway]
public_url = http://127.0.0.1:1

[http]
listen = 127.0.0.1:0

[source storefront]
format = native
token = {token}

[mqtt plant]
url = {url}
prefix = acme/escalated
show_resolved = {show}

[channel mqtt]
plugin = mqtt
url = {url}
topic = acme/pages/{{contact}}
reply_topic = acme/escalated/reply
version = {version}

[channel file]
plugin = file

[contact ann]
mqtt = default

[contact carol]
mqtt = acme/phones/carol

[policy default]
page = ann

[policy storefront]
match = service="storefront"

[step storefront/first]
page = ann
wait = {wait}

[step storefront/second]
page = carol
"""
PREFIX = "acme/escalated"


def config(url, wait="1h", show="1h", version=5):
    return CONFIG.format(token=TOKEN, url=url, wait=wait, show=show, version=version)


@pytest.fixture
def broker():
    one = Mosquitto()
    try:
        yield one.start()
    finally:
        one.remove()


@pytest.fixture
def subscribe(broker):
    made = []

    def make(*topics, **options):
        made.append(broker.subscribe(*topics, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def state_of(daemon, number):
    return daemon.incident(number)["state"]


def entries(daemon, number, kind=None):
    return [entry for entry in daemon.incident(number)["timeline"] if kind is None or entry["kind"] == kind]


def quarantine(daemon):
    return daemon.local("GET", "/v1/quarantine").json["quarantine"]


def is_state(state):
    return lambda message: message.json["state"] == state


def reply(broker, token, text, *options, **more):
    broker.publish(f"{PREFIX}/reply", {"token": token, "text": text, **more}, *options)


@pytest.mark.parametrize("version", [5, 3])
def test_page_reply_and_retained_state(daemon, broker, subscribe, version):
    world = subscribe(f"{PREFIX}/#")
    phone = subscribe("acme/pages/ann", version=version)
    one = daemon(config(broker.url, version="5" if version == 5 else "3.1.1")).start()
    world.wait_latest(f"{PREFIX}/state", is_state("online"))
    assert one.send(EVENT, TOKEN).status == 202
    page = phone.wait_latest("acme/pages/ann", lambda message: True)
    data = page.json["data"]
    assert (page.json["type"], data["notification"]["to"], page.qos) == ("incident.page", "ann", 1)
    if version == 5:
        assert page.properties["content-type"] == "application/json"
        assert page.properties["response-topic"] == f"{PREFIX}/reply"
        assert page.properties["user-properties"]["key"] == data["notification"]["key"]
    open_one = world.wait_latest(f"{PREFIX}/incidents/1", is_state("triggered")).json
    assert (open_one["number"], open_one["severity"], open_one["policy"], open_one["title"], open_one["owner"]) == (
        1, "critical", "storefront", EVENT["summary"], "")
    # The same members as over HTTP, and two of its own.
    over_http = one.incident(1)
    same = [key for key in open_one if key not in ("eta", "updated_at")]
    assert set(same) == set(over_http) - {"alerts", "notifications", "timeline"}
    assert {key: open_one[key] for key in same if key != "next_due_at"} == {
        key: over_http[key] for key in same if key != "next_due_at"}

    reply(broker, data["token"], "ack known eta 30m")
    acked = world.wait_latest(f"{PREFIX}/incidents/1", is_state("acknowledged")).json
    assert acked["owner"] == "ann" and acked["eta"] is not None
    incident = one.incident(1)
    assert (incident["state"], incident["owner"], incident["known"]) == ("acknowledged", "ann", True)
    ack = entries(one, 1, "ack")[0]
    assert ack["actor"] == "contact ann" and ack["credential"].startswith("mqtt ")

    # Who subscribes now sees what stands.
    late = subscribe(f"{PREFIX}/#")
    assert late.wait_latest(f"{PREFIX}/incidents/1", is_state("acknowledged")).is_retained
    assert late.wait_latest(f"{PREFIX}/state", is_state("online")).is_retained
    # Tokens stand in pages only.
    assert all(data["token"] not in message.payload for message in world.messages if not message.topic.endswith("reply"))
    one.stop()
    world.wait_latest(f"{PREFIX}/state", is_state("offline"))


def test_last_will_and_convergence(daemon, broker, subscribe):
    world = subscribe(f"{PREFIX}/#")
    one = daemon(config(broker.url)).start()
    one.send(EVENT, TOKEN)
    world.wait_latest(f"{PREFIX}/incidents/1", is_state("triggered"))
    one.kill()
    world.wait_latest(f"{PREFIX}/state", is_state("offline"))
    # Left there by somebody else, or by a life whose store is gone: cleared at the next connection.
    broker.publish(f"{PREFIX}/incidents/77", {"number": 77}, retain=True)
    one.start()
    world.wait_latest(f"{PREFIX}/state", is_state("online"))
    world.wait_for(lambda self: f"{PREFIX}/incidents/77" not in self.latest, "the stranger to be cleared")
    assert world.latest[f"{PREFIX}/incidents/1"].json["state"] == "triggered"

    # A broker that lost everything gets it again.
    broker.stop()
    one.escalate("ack", "1", "--as", "ann")
    (broker.folder / "mosquitto.db").unlink()
    broker.start()
    fresh = subscribe(f"{PREFIX}/#")
    fresh.wait_latest(f"{PREFIX}/incidents/1", is_state("acknowledged"))
    fresh.wait_latest(f"{PREFIX}/state", is_state("online"))


def test_resolved_incidents_are_cleared(daemon, broker, subscribe):
    world = subscribe(f"{PREFIX}/incidents/+")
    one = daemon(config(broker.url, show="1s")).start()
    one.send(EVENT, TOKEN)
    world.wait_latest(f"{PREFIX}/incidents/1", is_state("triggered"))
    one.send({"action": "resolve", "key": EVENT["key"]}, TOKEN)
    world.wait_for(lambda self: f"{PREFIX}/incidents/1" not in self.latest, "the topic to be cleared")
    states = [message.json["state"] for message in world.messages if message.payload]
    assert states[-1] == "resolved"
    assert not subscribe(f"{PREFIX}/#").latest.get(f"{PREFIX}/incidents/1")


JOB_TOKEN = "nightly-token-0123456789abcdef"
JOB = f"\n[source nightly]\nexpect_every = 24h\nbackup = yes\ntoken = {JOB_TOKEN}\n"
UPDATE = "\n[audience shoppers]\naddresses = one@example.com\nchannel = file\n[step storefront/affected]\ninform = &shoppers\n" \
         "require = what\napprove = carol within 1h then drop\n"


def test_what_people_say_and_why_nobody_is_called(daemon, broker, subscribe):
    """Silences with their reasons, causes, losses, promises, updates and backups, as they are told over HTTP."""
    world = subscribe(f"{PREFIX}/#")
    topic, state = f"{PREFIX}/incidents/1", f"{PREFIX}/state"
    one = daemon(config(broker.url).replace("[step storefront/first]", UPDATE + "[step storefront/first]") + JOB).start()
    one.escalate("silence", "service=storefront", "--for", "2h", "--reason", "deploy", "--as", "ann")
    one.send(EVENT, TOKEN)
    held = world.wait_latest(topic, lambda message: message.json["suppressed_by"]).json
    assert (held["suppressed_by"], held["suppressed_text"]) == ("silence 1", "silence 1 (deploy, by ann)")
    assert held["backup"]["silent"] == "nightly" and held["backup"]["text"] == "no backup known (nightly)"
    told = world.wait_latest(state, lambda message: message.json.get("suppressed_by")).json
    assert told["suppressed_by"] == [{"by": "silence 1", "text": "silence 1 (deploy, by ann)", "incidents": 1}]
    assert told["incidents"]["suppressed"] == 1 and told["severity"] is None and told["backup"]["silent"] == "nightly"

    one.escalate("silence", "end", "1")
    world.wait_latest(topic, lambda message: message.json["suppressed_by"] == "")
    told = world.wait_latest(state, lambda message: message.json.get("suppressed_by") == []).json
    assert (told["severity"], told["priority"], told["incidents"]["triggered"]) == ("critical", "p1", 1)
    one.escalate("ack", "1", "--as", "ann", "--eta", "30m", "--cause", "db failover", "--loss", "two orders", "--priority", "2")
    one.escalate("ack", "1", "--as", "ann", "--eta", "45m")
    one.escalate("update", "1", "--as", "ann", "--what", "The shop is down")
    said = world.wait_latest(topic, lambda message: message.json.get("update", {}).get("what") and message.json["slips"]).json
    assert (said["cause"], said["loss"], said["priority"], said["slips"]) == ("db failover", "two orders", "p2", 1)
    assert said["eta"] == said["eta_at"] == one.incident(1)["eta_at"]
    assert said["update"]["what"] == "The shop is down" and said["updates"][0]["step"] == "affected"
    world.wait_latest(topic, lambda message: message.json["updates"][0]["state"] == one.incident(1)["updates"][0]["state"])
    # A backup is no incident's business, and is seen all the same.
    assert one.send({"action": "heartbeat", "key": "db1"}, JOB_TOKEN).status == 202
    at = world.wait_latest(topic, lambda message: message.json["backup"]["key"] == "db1").json["backup"]
    assert at == one.incident(1)["backup"] and " after it began (nightly db1)" in at["text"]
    told = world.wait_latest(state, lambda message: message.json.get("backup", {}).get("key") == "db1").json["backup"]
    assert {key: told[key] for key in told} == {key: at[key] for key in told}
    assert one.send({"action": "heartbeat", "key": "db1", "signal": "fail"}, JOB_TOKEN).status == 202
    world.wait_latest(topic, lambda message: message.json["backup"]["stale"])
    world.wait_latest(state, lambda message: message.json["backup"]["stale"])


def test_answers(daemon, broker, subscribe):
    answers = subscribe("acme/#")
    phone = subscribe("acme/pages/ann")
    one = daemon(config(broker.url)).start()
    one.send(EVENT, TOKEN)
    token = phone.wait_latest("acme/pages/ann", lambda message: True).json["data"]["token"]

    def respond_to(topic):
        return ("-D", "publish", "response-topic", topic, "-D", "publish", "correlation-data", "c-17")

    # Nobody makes us write where the owner of the token may not.
    reply(broker, token, "note one", *respond_to("acme/elsewhere"))
    reply(broker, token, "note two", *respond_to(f"{PREFIX}/incidents/1"))
    # A stranger hears nothing, at whatever topic.
    reply(broker, "a" * 32, "ack", *respond_to(f"{PREFIX}/answers/eve"))
    reply(broker, token, "ack eta 45m", *respond_to(f"{PREFIX}/answers/ann"))
    answer = answers.wait_latest(f"{PREFIX}/answers/ann", lambda message: True)
    assert answer.json["status"] == "done" and answer.json["incident"] == 1 and answer.json["text"]
    assert answer.properties["correlation-data"] == "c-17" and not answer.is_retained
    reply(broker, token, "the router again", *respond_to(f"{PREFIX}/answers/ann"))
    answers.wait_for(lambda self: len(self.of(f"{PREFIX}/answers/ann")) == 2, "the second answer")
    assert [entry["text"] for entry in entries(one, 1) if "router" in entry["text"]]
    topics = {message.topic for message in answers.messages}
    assert not {f"{PREFIX}/answers/eve", "acme/elsewhere"} & topics
    assert state_of(one, 1) == "acknowledged"


def test_unusable_replies_are_quarantined_without_their_token(daemon, broker, subscribe):
    phone = subscribe("acme/pages/ann")
    dead = subscribe(f"{PREFIX}/dead-letter")
    one = daemon(config(broker.url)).start()
    one.send(EVENT, TOKEN)
    token = phone.wait_latest("acme/pages/ann", lambda message: True).json["data"]["token"]
    bad = ["ack", "{}", json.dumps({"token": token}), json.dumps({"token": token, "txt": "ack"}),
           json.dumps({"token": "b" * 32, "text": "ack"}), json.dumps({"token": token, "text": "x" * 5000})]
    for payload in bad:
        broker.publish(f"{PREFIX}/reply", payload)
    rows = wait_for(lambda: len(quarantine(one)) == len(bad) and quarantine(one), "the quarantine to fill")
    reasons = " ".join(row["reason"] for row in rows)
    for part in ("text is missing", "a field txt", "none of ours", "want at most 4096"):
        assert part in reasons, reasons
    dead.wait_for(lambda self: len(self.messages) == len(bad), "the dead letters")
    assert token not in json.dumps(rows) and not any(token in message.payload for message in dead.messages)
    assert state_of(one, 1) == "triggered"
    # And the next good one goes its way.
    reply(broker, token, "ack")
    wait_for(lambda: state_of(one, 1) == "acknowledged", "the ack")


def test_a_reply_survives_a_kill_and_counts_once(daemon, broker, subscribe):
    """Published while the daemon is away, and delivered again after a kill: one acknowledgement, no slip."""
    phone = subscribe("acme/pages/ann")
    world = subscribe(f"{PREFIX}/state")
    one = daemon(config(broker.url)).start()
    one.send(EVENT, TOKEN)
    token = phone.wait_latest("acme/pages/ann", lambda message: True).json["data"]["token"]
    one.kill()
    world.wait_latest(f"{PREFIX}/state", is_state("offline"))
    reply(broker, token, "ack eta 30m")
    one.start()
    wait_for(lambda: state_of(one, 1) == "acknowledged", "the ack of the time away")
    one.kill()
    one.start()
    reply(broker, token, "ack eta 30m")  # a client that did not hear its broker says it once more
    reply(broker, token, "note the end")
    wait_for(lambda: any("the end" in entry["text"] for entry in entries(one, 1)), "the note behind it")
    incident = one.incident(1)
    assert len(entries(one, 1, "ack")) == 1 and incident["slips"] == 0


def test_nobody_subscribes(daemon, broker, subscribe):
    """The first person's phone is not there: the page has not been sent, and the ladder goes on; nothing is lost."""
    carol = subscribe("acme/phones/carol")
    one = daemon(config(broker.url, wait="2s")).start()
    one.send(EVENT, TOKEN)
    carol.wait_latest("acme/phones/carol", lambda message: True)
    pages = {n["to"]: n for n in one.incident(1)["notifications"]}
    assert (pages["ann"]["state"], pages["ann"]["reason"]) == ("pending", "no-subscribers")
    wait_for(lambda: one.incident(1)["notifications"] and any(
        n["to"] == "carol" and n["state"] == "accepted" for n in one.incident(1)["notifications"]), "carol's page")
    ann = subscribe("acme/pages/ann")
    ann.wait_latest("acme/pages/ann", lambda message: True)


def test_a_broker_away_loses_no_page(daemon, broker, subscribe):
    one = daemon(config(broker.url)).start()
    broker.stop()
    assert one.send(EVENT, TOKEN).status == 202
    wait_for(lambda: one.incident(1)["notifications"][0]["attempts"] >= 1, "a first attempt")
    broker.start()
    phone = subscribe("acme/pages/ann")
    phone.wait_latest("acme/pages/ann", lambda message: True)
    wait_for(lambda: one.incident(1)["notifications"][0]["state"] == "accepted", "the broker's word")


def test_standby_nodes_publish_nothing(daemon, broker, subscribe, postgres):
    database = postgres.url(postgres.make_database())
    world = subscribe(f"{PREFIX}/#")
    key = broker.folder / "token.key"
    key.write_bytes(b"k" * 32)
    key.chmod(0o600)
    text = config(broker.url).replace("[http]", f"token_key_file = {key}\n\n[http]")
    text += f"\n[store]\nurl = {database}\nlease = 2s\n"
    first = daemon(text).start()
    world.wait_latest(f"{PREFIX}/state", is_state("online"))
    second = daemon(text).start()
    first.send(EVENT, TOKEN)
    world.wait_latest(f"{PREFIX}/incidents/1", is_state("triggered"))
    assert len(world.of(f"{PREFIX}/incidents/1")) == 1
    assert {message.json["state"] for message in world.of(f"{PREFIX}/state")} == {"online"}
    first.kill()
    world.wait_for(lambda self: [state for state, _ in itertools.groupby(
        message.json["state"] for message in self.of(f"{PREFIX}/state"))] == ["online", "offline", "online"], "the other node")
    assert state_of(second, 1) == "triggered"
    second.send({**EVENT, "key": "search"}, TOKEN)
    world.wait_latest(f"{PREFIX}/incidents/2", is_state("triggered"))
