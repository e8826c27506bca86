"""The ladder through several ways out at once: an alert over MQTT pages by SMS, which fails, then by mail; the next step pages
by SMS, whose answer stops the ladder; the affected parties are told by mail, over SMTP with STARTTLS and a login."""

import re

import pytest

from certificates import Authority
from daemon import wait_for
from mails import part, read
from mosquitto import Mosquitto
from twilio import ACCOUNT, NUMBER, TOKEN

ANN, CAROL = "+12025550143", "+12025550145"
URL = "https://alerts.example.com"

CONFIG = f"""
[gateway]
public_url = {URL}

[http]
listen = 127.0.0.1:0

[mqtt plant]
url = BROKER_URL

[source press-line]
broker = plant
topic = plant/+/alarm

[channel sms]
plugin = sms
account = {ACCOUNT}
token = {TOKEN}
from = {NUMBER}
base_url = SMS_URL

[channel email]
plugin = email
server = MAIL_SERVER
ca_file = MAIL_CA
username = alerts
password = right
from = Plant alerts <alerts@example.com>

[contact ann]
name = Ann Lee
sms = {ANN}
email = ann@example.com
page = sms, email after 1h

[contact carol]
sms = {CAROL}
email = carol@example.com
page = sms
inform = email

[audience customers]
addresses = one@example.com, two@example.com

[policy default]
page = ann

[policy press]
match = service="press"

[step press/affected]
when = acked
inform = &customers

[step press/lead]
page = ann
wait = 1h

[step press/manager]
page = carol
wait = 1h
"""

ALERT = {"action": "trigger", "key": "press-7", "summary": "Hydraulic pressure is falling", "severity": "critical",
         "labels": {"service": "press", "line": "7"}}


@pytest.fixture
def broker():
    one = Mosquitto()
    yield one.start()
    one.remove()


@pytest.fixture
def mail_server(tmp_path, smtp):
    authority = Authority(tmp_path / "ca")
    server = smtp(cert=authority.issue("localhost"), users={"alerts": "right"})
    server.ca = authority.cert
    return server


def test_the_ladder_by_sms_mail_and_mqtt(daemon, twilio, broker, mail_server):
    peer = twilio()
    places = {"SMS_URL": peer.base_url, "BROKER_URL": broker.url, "MAIL_SERVER": mail_server.address,
              "MAIL_CA": str(mail_server.ca)}
    config = CONFIG
    for word, place in places.items():
        config = config.replace(word, place)
    d = daemon(config).start()
    peer.through = ("127.0.0.1", d.port)
    wait_for(lambda: 'msg="connected to the broker"' in d.log_text(), "the broker to let us in")
    broker.publish("plant/7/alarm", ALERT)

    def texts(number):
        return [message for message in peer.messages if message["to"] == number]

    def mails(address):
        return [read(message["data"]) for message in mail_server.to(address)]

    # The lead is paged by SMS; her telephone is off, so her mail comes an hour early.
    page = wait_for(lambda: texts(ANN), "the page by SMS")[0]
    number = int(re.search(r"CRITICAL p1 #(\d+): Hydraulic pressure is falling", page["body"]).group(1))
    assert mail_server.messages == []
    assert peer.status(page, "undelivered", 30003)[0] == 204
    wait_for(lambda: mails("ann@example.com"), "the page by mail")
    assert "Hydraulic pressure is falling" in part(mails("ann@example.com")[0], "plain")
    assert re.match(r"Plant alerts|alerts\+", mails("ann@example.com")[0]["Reply-To"])
    rows = {(row["to"], row["via"]): row for row in d.incident(number)["notifications"]}
    assert rows["ann", "sms"]["state"] == "failed" and rows["ann", "sms"]["reason"] == "twilio-30003 (undelivered)"

    # She passes by SMS all the same; the manager is paged.
    assert "Which" not in (peer.inbound(f"{URL}/reply/sms", ANN, f"{number} pass")[2].decode())
    page = wait_for(lambda: texts(CAROL), "the next step")[0]
    assert peer.status(page, "delivered")[0] == 204
    assert d.incident(number)["state"] == "triggered"  # delivered is no answer
    assert not mails("one@example.com")  # nobody has acknowledged yet

    # The manager answers: the ladder stops, and the affected parties hear of it.
    status, _, body = peer.inbound(f"{URL}/reply/sms", CAROL, "ack eta 45m cause a pump")
    assert status == 200 and f"#{number} is yours until ".encode() in body
    incident = d.incident(number)
    assert (incident["state"], incident["owner"], incident["cause"]) == ("acknowledged", "carol", "a pump")
    wait_for(lambda: mails("one@example.com") and mails("two@example.com"), "the mails to the affected parties")
    affected = [row for row in d.incident(number)["notifications"] if row["to"] == "&customers"]
    assert len(affected) == 2 and {row["via"] for row in affected} == {"email"}
    for address in ("one@example.com", "two@example.com"):
        told = mails(address)[0]
        assert "/a/" not in part(told, "plain") + part(told, "html")  # outsiders get no link
        assert "+" not in (told["Reply-To"] or "")  # nor a token
    kinds = [row["kind"] for row in d.incident(number)["timeline"]][::-1]  # oldest first
    assert kinds.index("not-sent") < kinds.index("pass") < kinds.index("ack")

    # It ends where it began, and whoever was told hears so.
    broker.publish("plant/7/alarm", {"action": "resolve", "key": "press-7"})
    wait_for(lambda: d.incident(number)["state"] == "resolved", "the end")
    wait_for(lambda: any("resolved" in message["body"] for message in texts(CAROL)), "the notice")
