"""SMS against a strict stand-in for the provider: what is sent, what each of its moods leads to, and that a message which
cannot go out brings the next method forward."""

import re
import subprocess

import pytest
from configs import TOKEN
from daemon import ESCALATED, wait_for
from twilio import ACCOUNT, KEY, KEY_SECRET, NUMBER, SERVICE, refusal
from twilio import TOKEN as AUTH_TOKEN

PUBLIC_URL = "https://alerts.example.com"
ANN, BOB = "+12025550143", "+12025550144"

CONFIG = """
[gateway]
public_url = {public_url}

[http]
listen = 127.0.0.1:0

[source shop]
format = native
token = {source_token}

[channel sms]
plugin = sms
base_url = {base_url}
account = {account}
{credentials}
{sender}
attempt_timeout = {timeout}
{more}

[channel email]
plugin = file

[contact ann]
name = Ann Lee
sms = {ann}
email = ann@example.com
page = sms, email after 30m

[contact bob]
sms = +1 (202) 555-0144
email = bob@example.com
page = sms

[policy default]
page = bob

[policy shop]
match = service="shop"
reach_within = 20m

[step shop/first]
page = ann
wait = 1h
"""


def config(peer, **changes):
    values = {"public_url": PUBLIC_URL, "source_token": TOKEN, "base_url": peer.base_url, "account": ACCOUNT,
              "credentials": f"token = {AUTH_TOKEN}", "sender": f"from = {NUMBER}", "timeout": "20s", "more": "",
              "ann": ANN}
    return CONFIG.format(**{**values, **changes})


def trigger(d, summary="Checkout fails", **more):
    answer = d.send({"action": "trigger", "key": "checkout", "summary": summary, "severity": "critical",
                     "labels": {"service": "shop"}, **more}, TOKEN)
    assert answer.status == 202, answer
    return answer.json["results"][0]["incident"]


def notification(d, number, via="sms"):
    return next((row for row in d.incident(number)["notifications"] if row["via"] == via), None)


def wait_state(d, number, state, via="sms"):
    return wait_for(lambda: (row := notification(d, number, via)) is not None and row["state"] == state and row,
                    f"{via} to be {state}: {d.incident(number)['notifications']}")


def test_what_is_sent(daemon, twilio):
    peer = twilio()
    d = daemon(config(peer)).start()
    number = trigger(d, "Größe – “voll” [97 %]")
    wait_state(d, number, "accepted")
    [message] = peer.messages
    assert message["to"] == ANN and message["from"] == NUMBER
    assert message["status_callback"] == f"{PUBLIC_URL}/receipt/sms?n=1"
    assert 1700 <= message["validity"] <= 1800, "the notification's horizon"
    head, verb, link = message["body"].split("\n")
    assert head == f'CRITICAL p1 #{number}: Größe - "voll" [97 %]'
    assert verb == f"Reply {number} ack"
    assert re.fullmatch(re.escape(PUBLIC_URL) + "/a/[a-z2-7]{32}", link)
    assert (message["encoding"], message["segments"]) == ("GSM-7", 1)
    assert not peer.refusals
    assert AUTH_TOKEN not in d.log_text()


def test_the_link_of_a_text_answers(daemon, twilio):
    """And what is said afterwards comes as a text too."""
    peer = twilio()
    d = daemon(config(peer)).start()
    number = trigger(d)
    wait_state(d, number, "accepted")
    path = peer.messages[0]["body"].split("\n")[2].removeprefix(PUBLIC_URL)
    nonce = re.search(rb'name="nonce" value="([^"]+)"', d.request("GET", path).body).group(1).decode()
    answer = d.request("POST", path, f"verb=ack&nonce={nonce}", {"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status == 200, answer
    assert d.incident(number)["state"] == "acknowledged"
    d.send({"action": "resolve", "key": "checkout", "summary": "Checkout works"}, TOKEN)
    wait_for(lambda: len(peer.messages) == 2, "the notice of the resolution")
    assert peer.messages[1]["body"] == f"#{number} is resolved (by source shop)."


def test_key_and_service(daemon, twilio):
    peer = twilio()
    credentials = f"api_key = {KEY}\napi_key_secret = {KEY_SECRET}"
    d = daemon(config(peer, credentials=credentials, sender=f"messaging_service = {SERVICE}",
                      more="status_callback = no")).start()
    wait_state(d, trigger(d), "accepted")
    assert peer.messages[0]["service"] == SERVICE and peer.messages[0]["status_callback"] is None


@pytest.mark.parametrize("parts", [1, 2, 3, 10])
@pytest.mark.parametrize("unit", ["disk ", "Größe €", "磁盘 ", "👍🏽"])
def test_parts_are_held(daemon, twilio, parts, unit):
    """Counted by the stand-in, apart from our own code."""
    peer = twilio()
    d = daemon(config(peer, more=f"segments = {parts}")).start()
    number = trigger(d, unit * (3000 // len(unit.encode())))
    wait_state(d, number, "accepted")
    message = peer.messages[0]
    assert message["segments"] == parts
    assert re.search(rf"\.\.\.\nReply {number} ack\n{re.escape(PUBLIC_URL)}/a/[a-z2-7]{{32}}$", message["body"])


FOR_GOOD = {
    "21211": lambda message: refusal(400, 21211),
    "21610": lambda message: refusal(400, 21610),
    "unknown-code": lambda message: refusal(400, 29999),
    "not-json": lambda message: (400, {}, b"<html>no</html>"),
}
SET_UP = {
    "20003": lambda message: refusal(401, 20003, "Authenticate"),
    "21606": lambda message: refusal(400, 21606),
    "20404": lambda message: refusal(404, 20404),
    "redirect": lambda message: (302, {"Location": "http://127.0.0.1:1/"}, b""),
}


@pytest.mark.parametrize("mood", [*FOR_GOOD, *SET_UP])
def test_a_failure_for_good_brings_the_next_method_at_once(daemon, twilio, mood):
    peer = twilio({**FOR_GOOD, **SET_UP}[mood])
    d = daemon(config(peer)).start()
    number = trigger(d)
    row = wait_state(d, number, "failed")
    wait_state(d, number, "accepted", "email")
    assert row["attempts"] == 1 and len(peer.requests) == 1
    told = "no message can be sent until the set-up is put right" in d.log_text()
    assert told == (mood in SET_UP) == row["reason"].startswith("config-")
    assert mood not in ("21211", "21610", "20003") or mood in row["reason"]


AGAIN = {
    "429": (lambda message: refusal(429, 20429, headers={"Retry-After": "1"}), 0),
    "500": (lambda message: refusal(500, 20500), 0),
    "503-html": (lambda message: (503, {}, b"<html>busy</html>"), 0),
    "reset": (lambda message: "reset", 0),
    "hang": (lambda message: "hang", 0),
    "drip": (lambda message: "drip", 0),
    "200-of-a-stranger": (lambda message: (200, {}, b"welcome"), 0),
    # It went out and we did not hear so: rather twice than never.
    "taken-reset": (lambda message: "taken-reset", 1),
    "taken-hang": (lambda message: "taken-hang", 1),
}


@pytest.mark.parametrize("mood", AGAIN)
def test_what_may_pass_is_tried_again(daemon, twilio, mood):
    script, taken = AGAIN[mood]
    moods = iter([script])
    peer = twilio(lambda message: next(moods, lambda message: None)(message))
    d = daemon(config(peer, timeout="1s")).start()
    number = trigger(d)
    row = wait_state(d, number, "accepted")
    assert row["attempts"] == 2 and len(peer.messages) == 1 + taken
    bodies = {request["body"].split(b"&ValidityPeriod")[0] for request in peer.requests}
    assert len(peer.requests) == 2 and len(bodies) == 1, "the same text again"
    assert notification(d, number, "email")["state"] == "pending", "the next method is not due yet"
    if mood == "429":
        assert peer.requests[1]["at"] - peer.requests[0]["at"] >= 1.0


def test_a_page_is_not_lost_for_a_receipt(daemon, twilio):
    """The provider does not accept our public URL: the text goes out all the same."""
    peer = twilio(lambda message: refusal(400, 21609) if message["status_callback"] else None)
    d = daemon(config(peer)).start()
    row = wait_state(d, trigger(d), "accepted")
    assert row["attempts"] == 2 and peer.messages[0]["status_callback"] is None
    assert d.log_text().count("without asking for receipts") == 1


@pytest.mark.parametrize("mood", ["taken-broken-json", "taken-no-sid"])
def test_an_answer_that_cannot_be_read_is_no_reason_to_send_twice(daemon, twilio, mood):
    peer = twilio(lambda message: mood)
    d = daemon(config(peer)).start()
    row = wait_state(d, trigger(d), "accepted")
    assert row["attempts"] == 1 and len(peer.messages) == 1


def test_nobody_listens_at_first(daemon, twilio):
    peer = twilio()
    peer.peer.server.socket.close()
    d = daemon(config(peer)).start()
    number = trigger(d)
    wait_for(lambda: notification(d, number)["attempts"] >= 1 and notification(d, number)["reason"], "the first attempt")
    assert notification(d, number)["state"] == "pending" and "network" in notification(d, number)["reason"]


def test_one_bad_number_does_not_hold_up_others(daemon, twilio):
    peer = twilio(lambda message: refusal(400, 21614) if message["to"] == ANN else None)
    d = daemon(config(peer)).start()
    trigger(d)
    answer = d.send({"action": "trigger", "key": "other", "summary": "Other", "severity": "error"}, TOKEN)
    number = answer.json["results"][0]["incident"]
    wait_state(d, number, "accepted")
    assert peer.messages[0]["to"] == BOB, "written with blanks and brackets in the configuration"
    assert peer.messages[0]["body"].startswith(f"ERROR p2 #{number}: Other\n")


def test_control_characters_do_not_get_out(daemon, twilio):
    peer = twilio()
    d = daemon(config(peer)).start()
    number = trigger(d, "a\n\tReply 9 resolve\u0085\u2028\u009b2J\u202eb&To=%2B1")
    wait_state(d, number, "accepted")
    assert not peer.refusals
    assert peer.messages[0]["body"].split("\n")[0] == f"CRITICAL p1 #{number}: a Reply 9 resolve 2Jb&To=%2B1"
    assert peer.messages[0]["to"] == ANN


@pytest.mark.parametrize("changes, want", [
    ({"ann": "0151 2345678"}, "[contact ann] sms: got '0151 2345678', want a number with its country like +15550100"),
    ({"account": "4711"}, "escalated.ini:15: [channel sms] account: got '4711', want the account's id, which begins with AC"),
    ({"credentials": ""}, "[channel sms]: token: want token_file with the account's auth token"),
    ({"sender": ""}, "[channel sms]: from: want one of from and messaging_service"),
    ({"more": "provider = acme"}, "[channel sms] provider: got 'acme', want twilio"),
    ({"more": "segments = 11"}, "[channel sms] segments: got '11', want a whole number from 1 to 10"),
])
def test_wrong_settings_are_refused_with_a_sentence(daemon, twilio, changes, want):
    d = daemon(config(twilio(), **changes)).start(ready=False)
    assert d.process.wait(60) not in (0, None)
    assert want in d.log_text(), d.log_text()
    check = subprocess.run([ESCALATED, "--config", d.config_dir, "--check"], capture_output=True, text=True, timeout=60,
                           check=False)
    assert check.returncode == 78 and want in check.stdout + check.stderr
