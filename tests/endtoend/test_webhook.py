"""Webhooks: signed so that others can verify, retried under one key, and never held up by a neighbour."""

import json
import pathlib
import subprocess

from configs import TOKEN
from daemon import wait_for

SUPPORT = pathlib.Path(__file__).resolve().parents[1] / "support"
SECRET = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="
OLD_SECRET = "whsec_ISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0A="

CONFIG = """
[http]
listen = 127.0.0.1:0

[source shop]
format = native
token = {token}

[channel hook]
per_contact = 0
plugin = webhook
url = {url}
secret = {secret}
secret_old = {old}
attempt_timeout = {timeout}

[channel other]
per_contact = 0
plugin = webhook
url = {other}
secret = {secret}

[contact ann]
hook = {url}

[contact bob]
other = {other}

[policy default]
page = ann

[policy shop]
match = source="shop"

[step shop/first]
page = ann, bob
wait = 1h
"""


def start(daemon, url, other=None, timeout="3s"):
    return daemon(CONFIG.format(token=TOKEN, url=url, other=other or url, secret=SECRET, old=OLD_SECRET,
                                timeout=timeout)).start()


def verify(requests, secret):
    lines = [json.dumps({"secret": secret, "headers": request["headers"], "body": request["body"].decode()})
             for request in requests]
    result = subprocess.run(["node", SUPPORT / "verify_webhook.mjs"], input="\n".join(lines) + "\n", text=True,
                            capture_output=True, timeout=60, check=True, cwd=SUPPORT)
    return [json.loads(line) for line in result.stdout.splitlines()]


def trigger(d, key="checkout", **more):
    answer = d.send({"action": "trigger", "key": key, "summary": f"{key} fails", "severity": "critical", **more}, TOKEN)
    assert answer.status == 202, answer
    return answer.json["results"][0]["incident"]


def notification(d, number, to="ann"):
    return next(row for row in d.incident(number)["notifications"] if row["to"] == to)


def test_signature_is_verified_by_others(daemon, receiver):
    ledger = receiver()
    d = start(daemon, ledger.url)
    trigger(d, details={"note": "Größe > 5 & <b>"}, links=[{"href": "https://example.com/x", "text": "runbook"}])
    wait_for(lambda: len(ledger.requests) == 2, "both webhooks")
    assert verify(ledger.requests, SECRET) == [{"ok": True}] * 2
    hook = [request for request in ledger.requests if b'"ann"' in request["body"]]
    assert verify(hook, OLD_SECRET) == [{"ok": True}]
    broken = [{**request, "body": request["body"] + b" "} for request in ledger.requests]
    assert all("error" in row for row in verify(broken, SECRET))
    body = json.loads(ledger.requests[0]["body"])
    assert body["type"] == "incident.page"
    assert body["data"]["title"] == "checkout fails"


def test_429_and_5xx_are_retried_under_one_key(daemon, receiver):
    answers = iter([(429, {"Retry-After": "1"}, b""), (503, {}, b"")])
    ledger = receiver(lambda request: next(answers, (200, {}, b"")) if b'"ann"' in request["body"] else (200, {}, b""))
    d = start(daemon, ledger.url)
    number = trigger(d)
    wait_for(lambda: notification(d, number)["state"] == "accepted", "the third attempt")
    mine = [request for request in ledger.requests if b'"ann"' in request["body"]]
    assert len(mine) == 3
    assert len({request["headers"]["webhook-id"] for request in mine}) == 1
    assert len({request["body"] for request in mine}) == 1
    assert mine[1]["at"] - mine[0]["at"] >= 1.0
    assert notification(d, number)["attempts"] == 3


def test_a_permanent_refusal_ends_at_once(daemon, receiver):
    ledger = receiver(lambda request: (404, {}, b"gone"))
    d = start(daemon, ledger.url)
    number = trigger(d)
    wait_for(lambda: notification(d, number)["state"] == "failed", "the failure")
    assert "404" in notification(d, number)["reason"]
    keys = [request["headers"]["webhook-id"] for request in ledger.requests]
    assert len(keys) == len(set(keys)), "nothing that was refused for good is sent again"


def test_bad_peers_do_not_delay_the_good_one(daemon, receiver):
    good = receiver()
    for how in ("hang", "reset", "drip"):
        bad = receiver(lambda request, how=how: how)
        d = start(daemon, bad.url, good.url)
        numbers = [trigger(d, f"{how}-{i}") for i in range(20)]
        wait_for(lambda d=d, numbers=numbers: all(
            notification(d, number, "bob")["state"] == "accepted" for number in numbers), f"bob, while ann's peer {how}s")
        assert all(notification(d, number)["state"] in ("pending", "claimed") for number in numbers)
        bad.stop()
        d.kill()
