"""Heartbeats: pings as cron jobs send them, over HTTP, the control socket and MQTT; missed ones, lists, limits, restarts."""

import json
import pathlib
import subprocess

import audit
from configs import READ_TOKEN
from daemon import wait_for
from mosquitto import Mosquitto

SAMPLES = pathlib.Path(__file__).resolve().parents[1] / "samples" / "heartbeat"
TOKEN = "jobs-token-0123456789abcdef"
OTHER_TOKEN = "other-token-0123456789abcdef"
WRITE_TOKEN = "writer-token-0123456789abcdef"

CONFIG = f"""
[http]
listen = 127.0.0.1:0
[token reader]
secret = {READ_TOKEN}
[token writer]
secret = {WRITE_TOKEN}
access = write
[channel sms]
plugin = file
[contact ann]
sms = +15550100
[source other]
token = {OTHER_TOKEN}
[policy default]
page = ann
"""


def config(*lines, every="1h", grace="10m"):
    return CONFIG + "\n".join(["[source jobs]", "format = heartbeat", f"token = {TOKEN}", f"expect_every = {every}",
                               f"grace = {grace}", *lines, ""])


def rows(d):
    return {(row["source"], row["key"]): row for row in json.loads(d.escalate("heartbeats", "--json").stdout)}


def incidents(d):
    return json.loads(d.escalate("list", "--all", "--json").stdout)


def samples():
    for line in (SAMPLES / "pings.txt").read_text().splitlines():
        if not line.startswith("#"):
            yield line.replace("TOKEN", TOKEN).split()


def test_the_incident_is_called_what_the_source_says(daemon):
    d = daemon(config("summary = {key} steht still ({what}; siehe wiki/{key})", every="1s", grace="0s")).start()
    assert d.request("GET", f"/ping/{TOKEN}/db/3").status == 200
    [incident] = wait_for(lambda: incidents(d), "the failure")
    assert incident["title"] == "db steht still (db failed with exit status 3; siehe wiki/db)"
    assert d.request("GET", f"/ping/{TOKEN}/files").status == 200
    missed = wait_for(lambda: [i for i in incidents(d) if i["number"] == 2], "its silence")[0]
    assert missed["title"] == "files steht still (no success from files in 1s; siehe wiki/files)"


def test_pings_as_clients_send_them(daemon):
    d = daemon(config()).start()
    for method, target, status, body, state in samples():
        got = d.request(method, "/ping/" + target, "log" if method == "POST" else None, {"Content-Type": "text/plain"})
        assert (got.status, got.body) == (int(status), body.encode() if body != "-" else got.body), (target, got)
        if method == "HEAD":
            assert got.body == b""
        assert rows(d)["jobs", "db-backup"]["state"] == state, target
    assert set(rows(d)) == {("jobs", "db-backup"), ("jobs", "new-job")}
    row = rows(d)["jobs", "db-backup"]
    assert row["exit_status"] == 137 and row["duration_ms"] > 0 and not row["running"]
    # The failures were one incident, which ended, reopened and ended again; what the job said stands with its alert.
    assert [(i["number"], i["state"]) for i in incidents(d)] == [(1, "resolved")]
    alert = d.incident(1)["alerts"][0]
    assert alert["summary"].startswith("jobs: db-backup failed with exit status 137; last success ")
    assert alert["details"] == {"log": "log"} and alert["labels"] == {"key": "db-backup", "source": "jobs"}
    events = audit.query(d.state_dir, "SELECT disposition, count(*) FROM events GROUP BY 1 ORDER BY 1")
    assert dict(events)["refused"] == 1  # the log line of a job that nobody knows
    assert TOKEN not in d.log_text()


def test_who_may_ping(daemon):
    d = daemon(config()).start()
    assert d.request("GET", "/ping/jobs/a", token=TOKEN).status == 200
    assert d.local("GET", "/ping/jobs/a").status == 200
    # Wrong, another source's, unknown: the same answer.
    refused = [d.request("GET", "/ping/jobs/a", token="wrong"), d.request("GET", "/ping/jobs/a", token=OTHER_TOKEN),
               d.request("GET", "/ping/jobs/a"), d.request("GET", "/ping/none/a", token=TOKEN),
               d.request("GET", "/ping/wrong/a"), d.local("GET", "/ping/none/a")]
    assert {(answer.status, answer.body) for answer in refused} == {(404, b"not found")}
    unwatched = d.request("GET", f"/ping/{OTHER_TOKEN}/a")
    assert unwatched.status == 404 and b"want expect_every" in unwatched.body
    assert set(rows(d)) == {("jobs", "a")}
    assert d.request("PUT", f"/ping/{TOKEN}/a", "").status == 405


def test_cron_jobs(daemon):
    program = ["curl", "-fsS", "-m", "10", "--retry", "5", "-o", "/dev/null"]
    d = daemon(config()).start()
    url = f"http://127.0.0.1:{d.port}/ping/{TOKEN}/nightly"
    subprocess.run([*program, url + "/start"], check=True, timeout=60)
    assert rows(d)["jobs", "nightly"]["running"]
    subprocess.run(["sh", "-c", 'url=$1; shift; false; "$@" "$url/$?"', "job", url, *program], check=True, timeout=60)
    row = rows(d)["jobs", "nightly"]
    assert (row["state"], row["exit_status"], row["running"]) == ("failed", 1, False)
    assert wait_for(lambda: d.messages("sms"), "the page")[0].count("nightly failed with exit status 1") > 0


def test_a_missed_heartbeat_is_an_incident_until_it_is_heard(daemon):
    d = daemon(config("severity = critical", "expect = never", every="1s", grace="1s")).start()
    d.request("GET", f"/ping/{TOKEN}/db")
    wait_for(lambda: len(incidents(d)) == 2, "both to be missed")
    by_key = {d.incident(n)["alerts"][0]["key"]: d.incident(n) for n in (1, 2)}
    assert by_key["db"]["severity"] == "critical"
    assert by_key["db"]["title"].startswith("jobs: no success from db in 2s; last success ")
    assert by_key["never"]["title"].startswith("jobs: no success from never in 2s; never a success since ")
    assert d.request("GET", f"/ping/{TOKEN}/never").status == 200
    assert ("never", "resolved", by_key["never"]["number"]) in audit.query(
        d.state_dir, "SELECT key, disposition, incident FROM events")
    metrics = d.local("GET", "/metrics").body.decode()
    missed = [line for line in metrics.splitlines() if line.startswith('escalated_heartbeats_missed_total{source="jobs"}')]
    assert int(missed[0].split()[-1]) >= 2
    assert 'escalated_heartbeat_last_success_seconds{source="jobs"} 1' in metrics
    listed = d.escalate("heartbeats", "jobs").stdout
    assert "LAST SUCCESS" in listed and "never" in listed


def test_forgetting(daemon):
    d = daemon(config("expect = fixed")).start()
    d.request("GET", f"/ping/{TOKEN}/old/fail")
    assert incidents(d)[0]["state"] == "triggered"
    body = {"source": "jobs", "key": "old"}
    assert d.request("POST", "/v1/heartbeats/forget", body, token=READ_TOKEN).status == 403
    assert d.request("POST", "/v1/heartbeats/forget", {"source": "jobs"}, token=WRITE_TOKEN).status == 400
    assert d.escalate("heartbeats", "--forget", "jobs", "old").stdout == "'old' of jobs is forgotten\n"
    assert incidents(d)[0]["state"] == "resolved"
    assert set(rows(d)) == {("jobs", "fixed")}
    again = d.escalate("heartbeats", "--forget", "jobs", "old", check=False)
    assert again.returncode != 0 and "no heartbeat is known by the key 'old' of jobs" in again.stderr
    fixed = d.escalate("heartbeats", "--forget", "jobs", "fixed", check=False)
    assert fixed.returncode != 0 and "take it out of `expect` first" in fixed.stderr
    # What a sender says is no command.
    assert d.request("GET", f"/ping/{TOKEN}/fixed/forget").status == 400
    got = d.send({"action": "heartbeat", "key": "fixed", "signal": "forget"}, TOKEN)
    assert got.status == 400 and "want success, start, fail or log" in got.json["error"]


def test_no_more_keys_than_allowed(daemon):
    d = daemon(config("keys_max = 2")).start()
    assert [d.request("GET", f"/ping/{TOKEN}/{key}").status for key in ("a", "b", "c", "a")] == [200, 200, 409, 200]
    got = d.send({"action": "heartbeat", "key": "d"}, TOKEN)
    assert got.status == 409 and "as many heartbeat keys as keys_max allows" in got.json["error"]
    assert "escalated_heartbeats_refused_total 2" in d.local("GET", "/metrics").body.decode()


def test_native_heartbeats(daemon):
    d = daemon(config()).start()
    got = d.send([{"action": "heartbeat"}, {"action": "heartbeat", "key": "k", "signal": "start", "run": "7"},
                  {"action": "heartbeat", "key": "k", "signal": "fail", "run": "7", "summary": "the disk is full"}],
                 TOKEN)
    assert got.status == 202 and [r["key"] for r in got.json["results"]] == ["jobs", "k", "k"]
    assert d.incident(got.json["results"][2]["incident"])["title"] == "the disk is full"
    bad = d.send({"action": "resolve", "key": "k", "signal": "start"}, TOKEN)
    assert bad.status == 400 and bad.json["field"] == "signal"


def test_what_is_known_survives_restarts_and_kills(daemon):
    d = daemon(config("expect = db")).start()
    d.request("GET", f"/ping/{TOKEN}/db/start")
    d.request("GET", f"/ping/{TOKEN}/files")
    before = rows(d)
    assert d.stop() == 0
    d.start()
    assert rows(d) == before
    d.kill()
    d.start()
    assert rows(d) == before
    assert d.request("GET", f"/ping/{TOKEN}/db").status == 200
    assert rows(d)["jobs", "db"]["duration_ms"] > 0
    assert incidents(d) == []


def test_pages_of_the_list(daemon):
    d = daemon(config()).start()
    events = [{"action": "heartbeat", "key": f"a/{i:03}"} for i in range(90)]
    assert d.send(events, TOKEN).status == 202
    seen, after = [], ""
    while True:
        got = d.local("GET", f"/v1/heartbeats?source=jobs&limit=40&after={after}").json
        seen += [row["key"] for row in got["heartbeats"]]
        if "after" not in got:
            break
        after = got["after"]
    assert seen == [event["key"] for event in events]
    assert d.local("GET", "/v1/heartbeats?after=x").status == 400
    assert d.request("GET", "/v1/heartbeats").status == 401
    assert len(rows(d)) == 90


def test_devices_over_mqtt(daemon):
    broker = Mosquitto().start()
    try:
        d = daemon(config("broker = plant", "topic = status/#") + f"[mqtt plant]\nurl = {broker.url}\n").start()
        wait_for(lambda: 'msg="connected to the broker"' in d.log_text(), "the broker to let us in")
        for topic, payload in (("status/press", "online"), ("status/oven", "21.5"), ("status/pump", "0"),
                               ("status/saw", "offline"), ("status/mill", "3")):
            broker.publish(topic, payload)
        broker.publish("status/json", {"action": "heartbeat", "key": "lathe", "signal": "fail"})
        states = {"status/press": "up", "status/oven": "up", "status/pump": "up", "status/saw": "failed",
                  "status/mill": "failed", "lathe": "failed"}
        wait_for(lambda: {key: row["state"] for (_, key), row in rows(d).items()} == states,
                 f"all of them, there are {rows(d)}")
        assert len(incidents(d)) == 3
    finally:
        broker.remove()
