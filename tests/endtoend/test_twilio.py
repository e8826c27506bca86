"""The stand-in for the SMS provider is as strict as the tests that rely on it need it to be."""

import base64
import http.client
import json
import pathlib
import subprocess
import urllib.parse

import pytest
from twilio import ACCOUNT, KEY, KEY_SECRET, NUMBER, SERVICE, TOKEN, refusal, segments

SUPPORT = pathlib.Path(__file__).resolve().parents[1] / "support"
SAMPLES = pathlib.Path(__file__).resolve().parents[1] / "samples" / "sms"
GOOD = {"To": "+12025550143", "From": NUMBER, "Body": "Größe – [ok] 👍"}


def post(peer, form, user=ACCOUNT, password=TOKEN, path=None, kind="application/x-www-form-urlencoded"):
    connection = http.client.HTTPConnection("127.0.0.1", peer.peer.port, timeout=30)
    body = form if isinstance(form, bytes) else urllib.parse.urlencode(form, doseq=True).encode()
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    try:
        connection.request("POST", path or f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json", body,
                           {"Authorization": f"Basic {basic}", "Content-Type": kind})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_it_answers_as_the_provider(twilio):
    peer = twilio()
    status, answer = post(peer, GOOD)
    sample = json.loads((SAMPLES / "twilio-create-201.json").read_text())
    assert status == 201 and set(answer) == set(sample)
    assert answer["status"] == "queued" and answer["num_segments"] == "1" and answer["sid"] == peer.messages[0]["sid"]
    assert {key: type(value) for key, value in answer.items()} == {key: type(value) for key, value in sample.items()}
    status, answer = post(peer, {**GOOD, "From": [], "MessagingServiceSid": SERVICE}, KEY, KEY_SECRET)
    assert (status, answer["status"], answer["num_segments"]) == (201, "accepted", "0")
    head, _, body = (SAMPLES / "twilio-create-request.http").read_text().partition("\n\n")
    assert f"/Accounts/{ACCOUNT}/" in head
    peer.numbers.add("+12025550100")
    assert post(peer, body.strip().encode())[0] == 201
    assert [message["body"] for message in peer.messages] == [GOOD["Body"]] * 2 + [
        "CRIT db01 disk /srv 97% – reply ACK 4711"]


def test_the_provider_s_own_client_is_content(twilio):
    peer = twilio()

    def send(**change):
        message = {"to": GOOD["To"], "from": NUMBER, "body": GOOD["Body"], "validityPeriod": 600,
                   "statusCallback": "https://alerts.example.com/receipt/sms", **change}
        job = {"base_url": peer.base_url, "account": ACCOUNT, "token": TOKEN, "message": message}
        result = subprocess.run(["node", SUPPORT / "twilio_client.mjs"], input=json.dumps(job), text=True,
                                capture_output=True, timeout=120, check=True, cwd=SUPPORT)
        return json.loads(result.stdout)

    answer = send()
    [message] = peer.messages
    assert (answer["sid"], answer["status"], answer["numSegments"]) == (message["sid"], "queued", "1")
    assert (message["body"], message["validity"]) == (GOOD["Body"], 600) and answer["dateCreated"].startswith("20")
    assert send(to="12")["error"] == {"code": 21211, "status": 400}


@pytest.mark.parametrize("change, want", [
    ({"To": []}, (400, 21604)),
    ({"To": "12025550143"}, (400, 21211)),
    ({"To": "+1 202 5550143"}, (400, 21211)),
    ({"To": "+15005550009"}, (400, 21614)),
    ({"To": ["+12025550143", "+12025550144"]}, (400, 20001)),
    ({"From": []}, (400, 21603)),
    ({"From": "+12025550199"}, (400, 21606)),
    ({"MessagingServiceSid": SERVICE}, (400, 21603)),
    ({"Body": []}, (400, 21602)),
    ({"Body": " "}, (400, 21602)),
    ({"Body": "a" * 1601}, (400, 21617)),
    ({"Body": "👍" * 801}, (400, 21617)),
    ({"Body": "a\0b"}, (400, 20001)),
    ({"StatusCallback": "/receipt/sms"}, (400, 21609)),
    ({"ValidityPeriod": "0"}, (400, 20001)),
    ({"ValidityPeriod": "36001"}, (400, 20001)),
    ({"Colour": "red"}, (400, 20001)),
])
def test_it_refuses(twilio, change, want):
    peer = twilio()
    status, answer = post(peer, {**GOOD, **change})
    assert (status, answer["code"]) == want == (answer["status"], answer["code"]) and set(answer) == {
        "code", "message", "more_info", "status"}
    assert not peer.messages and peer.refusals[0][:2] == want


def test_it_refuses_strangers_and_other_forms(twilio):
    peer = twilio()
    assert post(peer, GOOD, password="wrong")[1]["code"] == 20003
    assert post(peer, GOOD, user="", password="")[0] == 401
    assert post(peer, GOOD, path="/2010-04-01/Accounts/AC2/Messages.json")[0] == 404
    assert post(peer, GOOD, kind="application/json")[0] == 415
    assert post(peer, b"To=%2B12025550143&Body=a b")[0] == 400
    assert post(peer, b"To=%2B12025550143&Body=%FF&From=%2B15550111000")[0] == 400
    assert not peer.messages


def test_it_misbehaves_when_told(twilio):
    peer = twilio(lambda message: refusal(429, 20429, headers={"Retry-After": "2"}))
    assert post(peer, GOOD) == (429, {"code": 20429, "message": "Refused as the test says", "status": 429,
                                      "more_info": "https://www.twilio.com/docs/errors/20429"})
    assert not peer.messages
    peer.script = lambda message: "taken-reset"
    with pytest.raises((ConnectionError, http.client.BadStatusLine)):
        post(peer, GOOD)
    assert len(peer.messages) == 1
    peer.peer.interrupt = lambda path: "reset"
    with pytest.raises((ConnectionError, http.client.BadStatusLine)):
        post(peer, GOOD)
    assert len(peer.messages) == 1


@pytest.mark.parametrize("name", ["sent", "delivered", "undelivered-30003"])
def test_its_signatures_are_the_provider_s(twilio, name):
    head, _, body = (SAMPLES / f"twilio-status-{name}.http").read_text().partition("\n\n")
    want = next(line.split(": ")[1] for line in head.splitlines() if line.startswith("X-Twilio-Signature"))
    url = next(line.split(": ")[1] for line in head.splitlines() if line.startswith("# url"))
    token = next(line.split(": ")[1] for line in head.splitlines() if line.startswith("# auth token"))
    assert twilio().signature(url, urllib.parse.parse_qs(body.strip()), token) == want


def test_its_callbacks_and_inbound_messages(twilio, receiver):
    ledger = receiver()
    peer = twilio()
    post(peer, {**GOOD, "StatusCallback": "https://alerts.example.com/receipt/sms?x=1"})
    peer.through = ("127.0.0.1", ledger.port)
    assert peer.status(peer.messages[0], "undelivered", 30003)[0] == 200
    request = ledger.requests[0]
    form = dict(urllib.parse.parse_qsl(request["body"].decode(), keep_blank_values=True))
    assert request["path"] == "/receipt/sms?x=1" and request["headers"]["host"] == "alerts.example.com"
    assert form["ErrorCode"] == "30003" and form["MessageSid"] == peer.messages[0]["sid"]
    assert request["headers"]["x-twilio-signature"] == peer.signature("https://alerts.example.com/receipt/sms?x=1", form)
    peer.inbound("https://alerts.example.com/reply/sms", GOOD["To"], "Stop")
    assert b"OptOutType=STOP" in ledger.requests[1]["body"]
    assert post(peer, GOOD)[1]["code"] == 21610
    peer.inbound("https://alerts.example.com/reply/sms", GOOD["To"], "start")
    assert post(peer, GOOD)[0] == 201


def test_its_count_of_parts():
    for vector in json.loads((SAMPLES / "segmentation-vectors.json").read_text()):
        if "segments" in vector:
            assert segments(vector["text"]) == (vector["encoding"], vector["segments"]), vector["name"]
