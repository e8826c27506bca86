"""What the SMS provider posts to us, signed by its own library: what people said, and what became of messages."""

import http.client
import re
import secrets
import threading
import urllib.parse

import pytest

from configs import TOKEN as SOURCE_TOKEN
from daemon import wait_for
from twilio import ACCOUNT, NUMBER, TOKEN

ANN, BOB, CAROL = "+12025550143", "+12025550144", "+12025550145"
URL = "https://alerts.example.com"
FORM = "application/x-www-form-urlencoded"

CONFIG = f"""
[gateway]
public_url = {URL}

[http]
listen = 127.0.0.1:0

[source storefront]
token = {SOURCE_TOKEN}

[channel sms]
plugin = sms
account = {ACCOUNT}
token = {TOKEN}
from = {NUMBER}
base_url = BASE_URL
sms_code = off

[channel other]
plugin = sms
account = {ACCOUNT}
token = another-token-0123456789abcdef
from = {NUMBER}
base_url = BASE_URL

[channel email]
plugin = file

[contact ann]
sms = {ANN}
email = ann@example.com
page = sms, email after 1h

[contact bob]
sms = {BOB}
email = bob@example.com
page = sms

[contact carol]
sms = {CAROL}
page = sms

[team crew]
members = ann, bob

[policy default]
page = ann

[policy crew]
match = service="crew"
page = crew

[policy climb]
match = service="climb"

[step climb/first]
page = ann
wait = 1h

[step climb/second]
page = carol
wait = 1h
"""


class World:
    """A daemon, the provider, and the phones."""

    def __init__(self, daemon, twilio, script=None, config=CONFIG):
        self.peer = twilio(script)
        self.daemon = daemon(config.replace("BASE_URL", self.peer.base_url)).start()
        self.peer.through = ("127.0.0.1", self.daemon.port)

    def fire(self, key, service="shop", severity="error"):
        event = {"action": "trigger", "key": key, "summary": f"{key} is broken", "severity": severity,
                 "labels": {"service": service}}
        answer = self.daemon.send(event, SOURCE_TOKEN)
        assert answer.status == 202, answer
        return answer.json["results"][0]["incident"]

    def page(self, key, service="shop", severity="error", to=ANN):
        """Fires an alert and waits until the provider has the page, and we its answer."""
        number = self.fire(key, service, severity)
        message = wait_for(lambda: [m for m in self.peer.messages if m["to"] == to and f"#{number}" in m["body"]],
                           "the page")[0]
        self.until(number, "accepted", to)
        return number, message

    def rows(self, number, address):
        names = {ANN: "ann", BOB: "bob", CAROL: "carol"}
        return [row for row in self.daemon.incident(number)["notifications"]
                if row["to"] == names[address] and row["via"] == "sms"]

    def until(self, number, state, address=ANN):
        wait_for(lambda: any(row["state"] == state for row in self.rows(number, address)), f"a page to be {state}")

    def say(self, sender, text, **more):
        status, headers, body = self.peer.inbound(f"{URL}/reply/sms", sender, text, **more)
        assert status == 200 and headers["Content-Type"].startswith("text/xml"), (status, body)
        found = re.fullmatch(r'<\?xml version="1.0" encoding="UTF-8"\?>\n<Response>(?:<Message>(.*)</Message>)?</Response>\n',
                             body.decode(), re.S)
        assert found, body
        return found.group(1)

    def state(self, number):
        incident = self.daemon.incident(number)
        return incident["state"], incident["owner"]

    def timeline(self, number):
        return [row["kind"] for row in self.daemon.incident(number)["timeline"]]

    def metric(self, result):
        text = self.daemon.request("GET", "/metrics").body.decode()
        return int(re.search(rf'^escalated_webhooks_total{{result="{result}"}} (\d+)$', text, re.M).group(1))


@pytest.fixture
def world(daemon, twilio):
    return lambda script=None, config=CONFIG: World(daemon, twilio, script, config)


def code_of(message):
    return re.search(r"^Reply \d+ ([bcdfghjkmnpqrstvwxz][bcdfghjkmnpqrstvwxz2-9]{4}) ack$", message["body"], re.M).group(1)


def test_an_answer_to_the_page_acknowledges(world):
    w = world()
    number, message = w.page("one", "crew")
    assert f"Reply {number} ack" in message["body"]
    answer = w.say(ANN, "4")
    assert answer.startswith(f"#{number} is yours until "), answer
    assert w.state(number) == ("acknowledged", "ann")
    assert w.say(BOB, "ack").startswith(f"ann already has #{number}")
    assert w.say(BOB, "take").startswith(f"#{number} is yours")
    row = next(row for row in w.daemon.incident(number)["timeline"] if row["kind"] == "ack")
    assert row["actor"] == "contact ann" and row["credential"] == f"twilio {ANN}"


@pytest.mark.parametrize("text", ["ack", " ACK! ", "a", "ok", "On it.", "yes", "\"Ack\"", "known", "eta 45m",
                                  "1 ack known p2 eta 45m cause db failover", "#1 ack", "ack I look at it"])
def test_what_acknowledges(world, text):
    w = world()
    number, _ = w.page("one")
    assert number == 1
    assert "#1 is yours" in w.say(ANN, text) or "p2" in text
    assert w.state(1) == ("acknowledged", "ann")


def test_fields_and_resolution(world):
    w = world()
    number, _ = w.page("one")
    assert "cause recorded" in w.say(ANN, "ack p2 eta 30m cause db failover; note calling the vendor")
    incident = w.daemon.incident(number)
    assert (incident["priority"], incident["cause"], incident["owner"]) == ("p2", "db failover", "ann")
    assert w.say(ANN, "status").startswith(f"#{number} is acknowledged, error, p2: one is broken.")
    assert w.say(ANN, "help").startswith("Reply with: ack")
    assert w.say(ANN, "6") == f"#{number} is resolved."
    assert w.state(number)[0] == "resolved"
    assert w.say(ANN, "ack").startswith(f"#{number} was resolved at ")  # the last she was notified of


def test_free_text_is_a_note_and_says_so(world):
    w = world()
    number, _ = w.page("one")
    answer = w.say(ANN, "I am on the train, <somebody> & else?")
    assert "did not acknowledge" in answer and w.state(number)[0] == "triggered"
    assert any("on the train, <somebody> & else?" in row["text"] for row in w.daemon.incident(number)["timeline"])


def test_several_incidents_are_listed_not_guessed(world):
    w = world()
    first, _ = w.page("one")
    second, _ = w.page("two <b> & \"c\"")
    answer = w.say(ANN, "ack")
    assert f"#{first} one is broken" in answer and f"#{second} two &lt;b&gt; &amp; " in answer, answer
    assert w.state(first)[0] == w.state(second)[0] == "triggered"
    assert w.say(ANN, f"{second} ack").startswith(f"#{second} is yours")
    assert w.say(ANN, "ack").startswith(f"#{first} is yours")  # one is left that she was paged for
    assert "Which one?" in w.say(ANN, "resolve")  # she owns both
    assert w.say(ANN, "77 ack") == "There is no incident #77."
    assert w.say(BOB, "ack") == "No open incident of yours was found; put #N first to name one."


def test_four_and_six_name_incidents_where_nothing_was_paged(world):
    w = world()
    for i in range(4):
        w.page(f"k{i}")
    # Bob was paged for nothing: his 4 is a number, not a key.
    answer = w.say(BOB, "4")
    assert "#4" in answer and w.state(4)[0] == "triggered", answer
    assert "Which one?" in w.say(ANN, "4") and w.state(4)[0] == "triggered"


def test_strangers_hear_and_change_nothing(world):
    w = world()
    number, _ = w.page("one")
    before = w.daemon.incident(number)
    for sender in ("+12025550199", "12345", "ALERTS", "+1202555014", "+١٢٠٢٥٥٥٠١٤٣", ANN + "0", ANN.replace("+", "")):
        assert w.say(sender, "ack") is None, sender
        assert w.say(sender, f"{number} ack") is None
        assert w.say(sender, "stop") is None
    assert w.daemon.incident(number) == before
    assert w.metric("stranger") == 21 and w.metric("reply") == 0


def test_a_message_is_applied_once_however_often_it_comes(world):
    w = world()
    number, _ = w.page("one")
    params = w.peer.inbound_params(ANN, "ack note once")
    url = f"{URL}/reply/sms"
    answers = [w.peer.post(url, params) for _ in range(5)]
    assert {answer[0] for answer in answers} == {200} and len({answer[2] for answer in answers}) == 1
    assert f"#{number} is yours".encode() in answers[0][2]
    w.daemon.kill()
    w.daemon.start()
    w.peer.through = ("127.0.0.1", w.daemon.port)
    assert w.peer.post(url, params)[2] == answers[0][2]
    assert w.timeline(number).count("ack") == w.timeline(number).count("note") == 1
    # At once, from two connections.
    params = w.peer.inbound_params(ANN, "note twice")
    signature = w.peer.signature(url, params)
    threads = [threading.Thread(target=w.peer.post, args=(url, params, signature)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert w.timeline(number).count("note") == 2


def test_nobody_hears_for_ever_that_nothing_was_understood(world):
    w = world()
    number, _ = w.page("one")
    answers = [w.say(ANN, f"driving, will look at it later {i}") for i in range(8)]
    assert all(answers[:5]) and answers[5:] == [None] * 3
    assert w.timeline(number).count("note") == 8  # recorded all the same
    assert w.say(ANN, "ack").startswith(f"#{number} is yours")
    assert w.say(ANN, "99 ack") == "There is no incident #99."


def test_stop_switches_the_method_off_and_start_on(world):
    w = world()
    first, _ = w.page("one", "climb")
    assert w.say(ANN, "STOP") is None  # the provider has answered itself
    stopped = w.daemon.local("GET", "/v1/incidents").json
    assert stopped["incidents"], stopped
    second = w.fire("two", "climb")
    wait_for(lambda: [row for row in w.daemon.incident(second)["notifications"] if row["via"] == "email"],
             "the other method")
    assert not w.rows(second, ANN)
    w.daemon.kill()
    w.daemon.start()
    w.peer.through = ("127.0.0.1", w.daemon.port)
    third = w.fire("three", "climb")
    wait_for(lambda: [row for row in w.daemon.incident(third)["notifications"] if row["via"] == "email"],
             "the other method after a restart")
    assert not w.rows(third, ANN)
    assert w.say(ANN, "start") == "Messages by sms are on."
    w.page("four", "climb")
    assert w.say(CAROL, "quit") is None
    fifth = w.fire("five", "climb")
    w.until(fifth, "accepted")
    assert "Now no way is left" not in (w.say(ANN, "status") or "")
    w.say(ANN, f"{fifth} escalate")
    # Carol has no other method: the fallback is paged at once.
    wait_for(lambda: any(row["step"] == "fallback" for row in w.daemon.incident(fifth)["notifications"]), "the fallback")
    assert not w.rows(fifth, CAROL)


def test_codes(world):
    w = world(config=CONFIG.replace("sms_code = off", "sms_code = critical"))
    number, message = w.page("one", severity="critical")
    code = code_of(message)
    assert w.say(ANN, "ack") == "Put the code of the message first, then what to do."
    assert w.say(ANN, f"{number} ack") == "Put the code of the message first, then what to do."
    assert "is triggered" in w.say(ANN, "status")
    assert w.state(number)[0] == "triggered"
    assert w.say(ANN, f"{number} {code} ack").startswith(f"#{number} is yours")
    plain, message = w.page("two", severity="warning")
    assert f"Reply {plain} ack" in message["body"]
    assert w.say(ANN, f"{plain} ack").startswith(f"#{plain} is yours")
    third, message = w.page("three", severity="critical")
    fourth, other = w.page("four", severity="critical")
    # The code alone names the message.
    assert w.say(ANN, f"{code_of(message).upper()} Ack").startswith(f"#{third} is yours")
    wrong = "bbbbb" if code_of(other) != "bbbbb" else "ccccc"
    for _ in range(5):
        assert "code" in (w.say(ANN, f"{wrong} {fourth} ack") or "code")
    w.say(ANN, f"{code_of(other)} ack")
    assert w.state(fourth)[0] == "triggered"  # too many tries, for ten minutes
    assert BOB and w.say(BOB, f"{code_of(other)} ack") is not None  # another's code is none
    assert w.state(fourth)[0] == "triggered"


def test_receipts_lead_forwards_only(world):
    w = world()
    number, message = w.page("one")
    for status in ("queued", "sent"):
        assert w.peer.status(message, status)[0] == 204
    w.until(number, "accepted")
    assert w.peer.status(message, "delivered")[0] == 204
    w.until(number, "delivered")
    for status, code in (("sent", None), ("undelivered", 30003), ("failed", 30008), ("delivered", None)):
        assert w.peer.status(message, status, code)[0] == 204
    assert [row["state"] for row in w.rows(number, ANN)] == ["delivered"]
    assert w.state(number)[0] == "triggered"  # a receipt is no answer
    assert w.peer.status({**message, "sid": "SM" + "0" * 32}, "delivered", url=f"{URL}/receipt/sms")[0] == 204
    assert w.metric("unknown") == 1
    assert w.peer.status(message, "delivered", url=f"{URL}/receipt/sms?n=999999")[0] == 204
    assert w.metric("unknown") == 2
    assert w.peer.status(message, "received")[0] == 204


def test_an_undelivered_page_brings_the_next_method(world):
    w = world()
    number, message = w.page("one")
    assert w.peer.status(message, "undelivered", 30003)[0] == 204
    wait_for(lambda: w.daemon.messages("email"), "the page by the next method, an hour before its time")
    row = w.rows(number, ANN)[0]
    assert (row["state"], row["reason"]) == ("failed", "twilio-30003 (undelivered)")


def test_a_receipt_may_come_before_the_result_of_its_own_sending(world):
    told = []

    def script(message):
        told.append(w.peer.status(message, "sent")[0])
        told.append(w.peer.status(message, "delivered")[0])

    w = world(script)
    number = w.fire("one")
    w.until(number, "delivered")
    assert told == [204, 204]
    assert len(w.peer.messages) == 1 and len(w.rows(number, ANN)) == 1


@pytest.mark.parametrize("mood, status", [("taken-reset", "delivered"), ("taken-reset", "sent"),
                                          ("taken-broken-json", "delivered")])
def test_a_receipt_stands_for_an_answer_that_was_lost(world, mood, status):
    """Without it the same text would go out again."""
    def script(message):
        if not w.peer.messages:
            assert w.peer.status(message, status)[0] == 204
            return mood
        return None

    w = world(script)
    number = w.fire("one")
    w.until(number, "delivered" if status == "delivered" else "accepted")
    assert [row["attempts"] for row in w.rows(number, ANN)] == [1]
    assert len(w.peer.messages) == 1


def test_a_failure_before_its_result_counts(world):
    def script(message):
        if message["to"] == ANN:
            assert w.peer.status(message, "failed", 30006)[0] == 204

    w = world(script)
    number = w.fire("one")
    w.until(number, "failed")
    wait_for(lambda: w.daemon.messages("email"), "the next method")


def raw(w, path, body, headers, method="POST"):
    connection = http.client.HTTPConnection("127.0.0.1", w.daemon.port, timeout=60)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_what_is_no_request_of_the_provider_is_refused(world):
    w = world()
    number, message = w.page("one")
    before = w.daemon.incident(number)
    params = w.peer.inbound_params(ANN, "ack")
    url = f"{URL}/reply/sms"
    good = w.peer.signature(url, params)
    body = urllib.parse.urlencode(params)
    kind = {"Content-Type": FORM, "X-Twilio-Signature": good}
    assert raw(w, "/reply/nowhere", body, kind)[0] == 404
    assert raw(w, "/reply/email", body, kind)[0] == 404
    assert raw(w, "/reply/", body, kind)[0] == 404
    assert raw(w, "/reply/sms", None, kind, "GET")[0] == 405
    assert raw(w, "/receipt/sms", None, kind, "GET")[0] == 405
    assert raw(w, "/reply/sms", body, {**kind, "Content-Type": "application/json"})[0] == 415
    assert raw(w, "/reply/sms", body, {**kind, "Content-Type": FORM + "; charset=utf-16"})[0] == 415
    assert raw(w, "/reply/sms", body, {"X-Twilio-Signature": good})[0] == 415
    assert raw(w, "/reply/sms", body, {"Content-Type": FORM})[0] == 403
    assert raw(w, "/reply/sms", "Body=" + "a" * (1 << 20), kind)[0] == 413
    assert raw(w, "/reply/sms", "&".join(f"f{i}=1" for i in range(200)), kind)[0] == 413
    for broken in ("Body=%", "Body=%4", "Body=%zz", "Body=%00", "Body=%ff", "=x", "Body=\xff"):
        assert raw(w, "/reply/sms", broken.encode("latin-1"), kind)[0] == 400, broken
    for text in ("", "x" * 5000):
        assert w.peer.post(url, {**params, "Body": text})[0] == (200 if text == "" else 413)
    for change in ({"MessageSid": ""}, {"MessageSid": "SM/../1"}, {"MessageSid": "S" * 65}, {"From": ""},
                   {"Body": ["ack", "ack 1"]}, {"From": [ANN, BOB]}, {"MessageSid": ["SM1", "SM2"]}):
        assert w.peer.post(url, {**params, **change})[0] == 400, change
    for name in ("MessageSid", "From", "Body"):
        assert w.peer.post(url, {key: value for key, value in params.items() if key != name})[0] == 400
    assert w.peer.post(url, {**params, "AccountSid": ACCOUNT[:-1] + "9"})[0] == 403
    receipt = f"{URL}/receipt/sms"
    status = w.peer.status_params(message, "delivered")
    for query in ("?n=0", "?n=-1", "?n=1e3", "?n=18446744073709551616", "?n=x"):
        assert w.peer.post(receipt + query, status)[0] == 400, query
    assert w.peer.post(receipt, {**status, "MessageStatus": ["sent", "delivered"]})[0] == 400
    assert w.peer.post(receipt, {**status, "ErrorCode": "1; drop"})[0] == 400
    after = w.daemon.incident(number)
    assert [row for row in after["timeline"] if row["kind"] != "note"] == before["timeline"]
    assert after["state"] == "triggered" and after["notifications"] == before["notifications"]


def test_forged_requests_change_nothing(world):
    w = world()
    number, message = w.page("one")
    before = w.daemon.incident(number)
    url = f"{URL}/reply/sms"
    params = w.peer.inbound_params(ANN, "ack")
    body = urllib.parse.urlencode(params).encode()
    good = w.peer.signature(url, params)
    forged = 0

    def refused(path, sent, signature):
        nonlocal forged
        status = raw(w, path, sent, {"Content-Type": FORM, "X-Twilio-Signature": signature})[0]
        assert status in (400, 403), (status, path, sent, signature)
        forged += status == 403

    for i in range(len(body)):  # one byte changed, one left out
        refused("/reply/sms", body[:i] + bytes([body[i] ^ 1]) + body[i + 1:], good)
        if body[i:i + 1] not in b"=&":
            refused("/reply/sms", body[:i] + body[i + 1:], good)
    for i in range(0, len(body), 7):
        refused("/reply/sms", body[:i], good)
    for i in range(len(good)):
        refused("/reply/sms", body, good[:i] + ("A" if good[i] != "A" else "B") + good[i + 1:])
    for signature in (good[:-1], good + "=", good + "A", "A" * 28, good.lower(), good.swapcase(), secrets.token_hex(4000)):
        refused("/reply/sms", body, signature)
    refused("/reply/sms", body + b"&Extra=1", good)
    refused("/reply/sms?x=1", body, good)
    refused("/reply/other", body, good)  # of another channel, with another token
    refused("/receipt/sms", body, good)
    refused("/receipt/sms?n=1", urllib.parse.urlencode(w.peer.status_params(message, "failed", 30008)).encode(),
            w.peer.signature(f"{URL}/receipt/sms?n=2", w.peer.status_params(message, "failed", 30008)))
    for token in ("", "wrong", TOKEN[:-1], TOKEN + "0"):
        refused("/reply/sms", body, w.peer.signature(url, params, token))
    assert w.daemon.incident(number) == before
    assert w.metric("forged") >= forged > 300 and w.metric("reply") == w.metric("receipt") == 0
    # What the other channel's token signs reaches the other channel only: its notifications are not those of this one.
    status = w.peer.status_params(message, "failed", 30008)
    other = f"{URL}/receipt/other?n={message['status_callback'].split('=')[1]}"
    assert w.peer.post(other, status, w.peer.signature(other, status, "another-token-0123456789abcdef"))[0] == 204
    assert w.daemon.incident(number)["notifications"] == before["notifications"]
    assert "the signature of a webhook does not fit" in w.daemon.log_text() and TOKEN not in w.daemon.log_text()


@pytest.mark.parametrize("public, signed", [
    ("https://alerts.example.com", "https://alerts.example.com:443"),
    ("https://alerts.example.com:443", "https://alerts.example.com"),
    ("http://alerts.example.com", "http://alerts.example.com:80"),
    ("https://alerts.example.com:8443", "https://alerts.example.com:8443"),
    ("https://alerts.example.com/sub/path", "https://alerts.example.com/sub/path"),
])
def test_the_public_address_is_what_is_signed(world, public, signed):
    w = world(config=CONFIG.replace(f"public_url = {URL}", f"public_url = {public}"))
    number, _ = w.page("one")
    params = w.peer.inbound_params(ANN, "ack")
    sent = urllib.parse.urlencode(params).encode()
    kind = {"Content-Type": FORM, "X-Twilio-Signature": w.peer.signature(f"{signed}/reply/sms?who=a%20b", params),
            "Host": "evil.example.com"}
    assert raw(w, "/reply/sms?who=a%20b", sent, kind)[0] == 200
    assert w.state(number) == ("acknowledged", "ann")


def test_a_new_token_is_in_force_after_a_reload(world):
    w = world()
    number, _ = w.page("one")
    w.daemon.configure(CONFIG.replace("BASE_URL", w.peer.base_url).replace(f"token = {TOKEN}", "token = renewed-0123456789"))
    begin = len(w.daemon.log_text())
    w.daemon.process.send_signal(1)
    wait_for(lambda: "configuration reloaded" in w.daemon.log_text()[begin:], "the reload")
    url, params = f"{URL}/reply/sms", w.peer.inbound_params(ANN, "ack")
    assert w.peer.post(url, params)[0] == 403
    assert w.state(number)[0] == "triggered"
    assert w.peer.post(url, params, w.peer.signature(url, params, "renewed-0123456789"))[0] == 200
    assert w.state(number)[0] == "acknowledged"


def test_long_answers_fit_two_parts(world):
    w = world()
    for i in range(8):
        w.page(f"a very long name of something that is surely broken by now, number {i}, é — ☃")
    answer = w.say(ANN, "ack")
    assert all(f"#{i}" in answer for i in range(1, 9)), answer
    from twilio import segments
    assert segments(answer.replace("&amp;", "&"))[1] <= 2, answer
