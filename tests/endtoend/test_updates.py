"""Telling those affected, with approval, and asking everyone: by link, command line and API, across a restart. On every store."""

import re

import pytest

from configs import EVENT, READ_TOKEN, TOKEN
from daemon import STORES, wait_for

CONFIG = """
[http]
listen = 127.0.0.1:0
[store]
url = sqlite:escalated.db
[gateway]
public_url = https://alerts.example.com
[channel sms]
plugin = file
[channel email]
plugin = file
[contact ann]
sms = +15550100
email = ann@example.com
page = sms
[contact carol]
sms = +15550102
email = carol@example.com
page = sms
[audience customers]
addresses = c1@example.com
[source storefront]
token = %s
[token dashboard]
secret = %s
access = write
[policy storefront]
match = service="storefront"
[step storefront/lead]
page = ann
wait = 1s
[step storefront/affected]
inform = &customers
require = what, doing, avoid
approve = carol within 1h then escalate
every = 1h
[step storefront/roll-call]
ask = ann, carol
question = What has taken place (\\(.incident.title))?
deadline = 2h
[step storefront/last]
page = carol
wait = 1h
[policy default]
page = ann
""" % (TOKEN, READ_TOKEN)


@pytest.fixture(params=STORES)
def daemon(request, daemon):
    """Daemons whose [store] is the parameter's; each has a database of its own."""
    if request.param == "sqlite":
        return daemon
    server = request.getfixturevalue("postgres")
    return lambda config: daemon(config.replace("sqlite:escalated.db", server.url(server.make_database())))


def of_kind(daemon, number, kind):
    return [row for row in daemon.incident(number)["notifications"] if row["kind"] == kind]


def link_in(messages, part):
    return wait_for(lambda: next((re.search(r"/a/[a-z2-7]{32}", text).group(0) for text in messages() if part in text), None),
                    f"a message with {part}")


def post(daemon, path, fields):
    page = daemon.request("GET", path)
    assert page.status == 200, page.body
    nonce = re.search(rb'name="nonce" value="([^"]+)"', page.body).group(1).decode()
    body = "&".join(f"{key}={value}" for key, value in {**fields, "nonce": nonce}.items())
    answer = daemon.request("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded"})
    return page.body.decode(), answer


def test_an_update_and_a_question(daemon):
    d = daemon(CONFIG).start()
    number = d.send(EVENT, TOKEN).json["results"][0]["incident"]
    d.escalate("ack", str(number), "--as", "ann", "--eta", "4h")
    wait_for(lambda: of_kind(d, number, "ask"), "the question")
    assert {row["to"] for row in of_kind(d, number, "reminder")} == {"ann"}

    # The owner writes two parts behind the link of the request, and the third on the command line.
    path = link_in(lambda: d.messages("sms"), "lacks: what, doing, avoid")
    page, answer = post(d, path, {"verb": "update", "what": "payments+fail", "doing": "failing+over", "avoid": ""})
    assert "What happened?" in page and answer.status == 200, answer.body
    assert b"still missing: avoid" in answer.body
    assert "waits for approval" in d.escalate("update", str(number), "--avoid", "more disks", "--as", "ann").stdout

    assert d.stop() == 0
    d.start()
    path = link_in(lambda: d.messages("sms"), "May this go out")
    page, answer = post(d, path, {"verb": "approve", "note": ""})
    assert "payments fail" in page and answer.status == 200, answer.body
    sent = wait_for(lambda: [text for text in d.messages("email") if "What happened: payments fail" in text], "the update")
    assert len(sent) == 1 and "How it will be avoided: more disks" in sent[0] and "Next update by" in sent[0]

    # The question: one answers behind the link, the other's answer closes the list.
    question = link_in(lambda: d.messages("email"), "What has taken place (Checkout fails)?")
    page, answer = post(d, question, {"verb": "answer", "answer": "01%3A40+deployed+4.2%0Aack+nothing+else"})
    assert answer.status == 200 and b"2 lines of yours" in answer.body, answer.body
    incident = d.incident(number)
    (ask,) = incident["asks"]
    assert ask["state"] == "open" and len(ask["silent"]) == 1
    assert [line["text"] for line in ask["answers"]] == ["01:40 deployed 4.2", "ack nothing else"]
    assert incident["update"]["what"] == "payments fail" and incident["update"]["author"] == "ann"
    assert [(row["step"], row["state"], row["sent"]) for row in incident["updates"]] == [("affected", "sent", 1)]
    assert incident["state"] == "acknowledged"

    shown = d.escalate("show", str(number)).stdout
    assert "payments fail" in shown and "silent: " in shown and "01:40 deployed 4.2" in shown


def test_the_api_writes_rejects_and_says_why_not(daemon):
    d = daemon(CONFIG).start()
    number = d.send(EVENT, TOKEN).json["results"][0]["incident"]
    place = f"/v1/incidents/{number}/updates"

    def put(**fields):
        return d.request("POST", place, fields, token=READ_TOKEN)

    wait_for(lambda: of_kind(d, number, "ask"), "the steps to run")
    assert put(what="payments fail", doing="failing over", avoid="more disks").status == 200
    assert put(reject="too short", **{"as": "ann"}).status == 409
    assert put(reject="too short", **{"as": "carol"}).status == 200
    answer = d.request("GET", place, token=READ_TOKEN)
    assert answer.status == 200 and answer.json["updates"][0]["state"] == "returned"
    assert put().status == 400 and put(eta="4m").status == 400 and put(approve="yes").status == 400
    assert put(approve=True).status == 409
    assert d.escalate("reject", str(number), "still too short", check=False).returncode != 0
