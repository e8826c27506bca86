"""One alert, all the way through: tech lead, VP, affected parties; an answer stops the ladder. On every store."""

import re

import pytest

from configs import EVENT, READ_TOKEN, TOKEN, ladder
from daemon import STORES, wait_for


@pytest.fixture(params=STORES)
def daemon(request, daemon):
    """Daemons whose [store] is the parameter's; each has a database of its own."""
    if request.param == "sqlite":
        return daemon
    server = request.getfixturevalue("postgres")
    return lambda config: daemon(config.replace("sqlite:escalated.db", server.url(server.make_database())))


def told(daemon, number):
    rows = daemon.incident(number)["notifications"]
    return [(row["step"], row["to"]) for row in sorted(rows, key=lambda row: row["id"])]


def test_climbs_in_order(daemon):
    d = daemon(ladder("1s")).start()
    answer = d.send(EVENT, TOKEN)
    assert answer.status == 202, answer
    number = answer.json["results"][0]["incident"]
    wait_for(lambda: len(told(d, number)) >= 4, "the whole ladder")
    assert told(d, number)[:2] == [("tech-lead", "ann"), ("vp", "carol")]
    assert [step for step, _ in told(d, number)[2:4]] == ["affected", "affected"]
    wait_for(lambda: len(d.messages("sms")) >= 2 and len(d.messages("email")) == 2, "four captured messages")
    states = {row["state"] for row in d.incident(number)["notifications"]}
    wait_for(lambda: {row["state"] for row in d.incident(number)["notifications"]} == {"accepted"}, str(states))
    exhausted = re.compile(r"^escalated_ladders_exhausted_total 1$", re.M)
    wait_for(lambda: exhausted.search(d.request("GET", "/metrics").body.decode()), "the end of the ladder, counted")


def test_an_acknowledgement_stops_the_ladder(daemon):
    d = daemon(ladder("1500ms")).start()
    number = d.send(EVENT, TOKEN).json["results"][0]["incident"]
    wait_for(lambda: d.messages("sms"), "the page")
    result = d.escalate("ack", str(number), "--as", "ann", "--eta", "30m")
    assert f"#{number}" in result.stdout
    incident = d.incident(number)
    assert (incident["state"], incident["owner"]) == ("acknowledged", "ann")
    assert incident["eta_at"] is not None
    # The VP would have been paged 1.5 s after the tech lead: another incident's ladder is the clock.
    other = d.send({**EVENT, "key": "other", "labels": {"service": "storefront-2"}, "summary": "second"}, TOKEN)
    assert other.status == 202
    wait_for(lambda: not [row for row in d.incident(number)["notifications"] if row["state"] == "pending"],
             "nothing to be pending")
    assert ("vp", "carol") not in told(d, number)


def test_resolve_tells_everybody_once(daemon):
    d = daemon(ladder("30s")).start()
    number = d.send(EVENT, TOKEN).json["results"][0]["incident"]
    wait_for(lambda: d.messages("sms"), "the page")
    assert d.send({"action": "resolve", "key": "checkout"}, TOKEN).status == 202
    wait_for(lambda: d.incident(number)["state"] == "resolved", "the resolution")
    notices = [row for row in d.incident(number)["notifications"] if row["kind"] == "notice"]
    assert [row["to"] for row in notices] == ["ann"]


def test_a_link_shows_by_get_and_acts_by_post(daemon):
    d = daemon(ladder("30s")).start()
    number = d.send(EVENT, TOKEN).json["results"][0]["incident"]
    message = wait_for(lambda: d.messages("sms"), "the page")[0]
    path = re.search(r"/a/[a-z2-7]{32}", message).group(0)
    for method in ("GET", "HEAD", "GET"):
        assert d.request(method, path).status == 200
    assert d.incident(number)["state"] == "triggered"
    page = d.request("GET", path)
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Referrer-Policy"] == "no-referrer"
    nonce = re.search(rb'name="nonce" value="([^"]+)"', page.body).group(1).decode()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert d.request("POST", path, "verb=ack&nonce=1.aaaa", form).status == 403
    assert d.request("POST", path[:-1] + ("a" if path[-1] != "a" else "b"), f"verb=ack&nonce={nonce}", form).status == 404
    assert d.incident(number)["state"] == "triggered"
    done = d.request("POST", path, f"verb=ack&eta=45m&note=on+my+way&nonce={nonce}", form)
    assert done.status == 200, done
    incident = d.incident(number)
    assert (incident["state"], incident["owner"]) == ("acknowledged", "ann")
    assert any(row["kind"] == "note" and "on my way" in row["text"] for row in incident["timeline"])


def test_restart_goes_on_where_it_was(daemon):
    d = daemon(ladder("3s")).start()
    number = d.send(EVENT, TOKEN).json["results"][0]["incident"]
    wait_for(lambda: d.messages("sms"), "the page")
    d.kill()
    d.start()
    wait_for(lambda: ("vp", "carol") in told(d, number), "the next step after the restart")
    assert told(d, number)[:2] == [("tech-lead", "ann"), ("vp", "carol")]


def test_tokens_and_reads(daemon):
    d = daemon(ladder("30s")).start()
    assert d.send(EVENT, "wrong").status == 401
    assert d.request("GET", "/v1/incidents").status == 401
    assert d.request("GET", "/v1/incidents", token=READ_TOKEN).json["incidents"] == []
    number = d.send(EVENT, TOKEN).json["results"][0]["incident"]
    assert d.request("POST", f"/v1/incidents/{number}/ack", {}, token=READ_TOKEN).status == 403
    assert d.request("GET", f"/v1/incidents/{number}", token=READ_TOKEN).json["state"] == "triggered"
    assert d.request("GET", "/v1/incidents/999999", token=READ_TOKEN).status == 404
    for path in ("/healthz", "/readyz", "/metrics"):
        assert d.request("GET", path).status == 200
    metrics = d.request("GET", "/metrics").body.decode()
    assert re.search(r"^escalated_open_incidents 1$", metrics, re.M), metrics
