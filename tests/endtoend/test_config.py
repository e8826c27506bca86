"""Configuration: every problem at once and exit 78; SIGHUP swaps all of it or nothing."""

import signal
import subprocess

from configs import EVENT, READ_TOKEN, TOKEN, ladder
from daemon import ESCALATED, wait_for


def check(folder):
    return subprocess.run([ESCALATED, "--config", folder, "--check"], capture_output=True, text=True, timeout=60,
                          check=False)


def test_all_problems_at_once(daemon):
    d = daemon(ladder() + "\n[polcy typo]\nx = 1\n[step storefront/late]\npage = @nobody\nwiat = 5m\n")
    result = check(d.config_dir)
    assert result.returncode == 78
    lines = result.stderr.splitlines()
    assert len(lines) >= 3, result.stderr
    assert all(line.startswith(("escalated.ini:", str(d.config_dir))) for line in lines), result.stderr
    assert "policy" in result.stderr and "wait" in result.stderr and "nobody" in result.stderr
    process = d.start(ready=False).process
    assert process.wait(60) == 78


def test_good_folder_and_defaults(daemon, tmp_path):
    assert check(daemon(ladder()).config_dir).returncode == 0
    defaults = subprocess.run([ESCALATED, "--print-defaults"], capture_output=True, text=True, timeout=60, check=True)
    for section in ("[gateway]", "[http]", "[store]", "[policy", "[step"):
        assert section in defaults.stdout


def test_reload_takes_all_or_nothing(daemon):
    d = daemon(ladder("30s")).start()
    first = d.send(EVENT, TOKEN).json["results"][0]["incident"]
    wait_for(lambda: d.messages("sms"), "the first page")

    d.configure(ladder("30s").replace("[policy storefront]", "[policy storefront]\nnonsense = 1"))
    d.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "reload refused" in d.log_text(), "the refusal")
    assert "nonsense" in d.log_text()

    d.configure(ladder("30s").replace("members = ann", "members = carol"))
    d.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "configuration reloaded" in d.log_text(), "the reload")
    second = d.send({**EVENT, "key": "k2", "labels": {"service": "storefront", "region": "us"}}, TOKEN)
    assert second.json["results"][0]["incident"] == first, "the same group, the same incident"
    d.send({"action": "resolve", "key": "checkout"}, TOKEN)
    d.send({"action": "resolve", "key": "k2"}, TOKEN)
    wait_for(lambda: d.incident(first)["state"] == "resolved", "the resolution")
    assert [row["to"] for row in d.incident(first)["notifications"] if row["kind"] == "page"] == ["ann"]


def test_a_running_ladder_changes_on_demand_only(daemon):
    d = daemon(ladder("30s")).start()
    number = str(d.send(EVENT, TOKEN).json["results"][0]["incident"])
    wait_for(lambda: d.messages("sms"), "the page")
    unchanged = d.escalate("repolicy", number, check=False)
    assert unchanged.returncode == 65 and "already runs the current version" in unchanged.stderr
    before = d.incident(int(number))
    d.configure(ladder("1ms"))
    d.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "configuration reloaded" in d.log_text(), "the reload")
    after = d.incident(int(number))
    assert len(after["notifications"]) == len(before["notifications"]) == 1
    assert d.request("POST", f"/v1/incidents/{number}/repolicy", {}, token=READ_TOKEN).status == 403
    assert f"#{number} now runs version" in d.escalate("repolicy", number, "--as", "ann").stdout
    wait_for(lambda: any(row["to"] == "carol" for row in d.incident(int(number))["notifications"]), "the next step")
    entries = [row for row in d.incident(int(number))["timeline"] if row["kind"] == "repolicy"]
    assert len(entries) == 1 and "ann moves it" in entries[0]["text"]
    assert entries[0]["data"]["from"] != entries[0]["data"]["to"]
    d.kill()
    d.start()
    assert "already runs the current version" in d.escalate("repolicy", number, check=False).stderr


def test_people_are_the_current_ones_after_a_reload(daemon):
    d = daemon(ladder("2s")).start()
    number = d.send(EVENT, TOKEN).json["results"][0]["incident"]
    wait_for(lambda: d.messages("sms"), "the first page")
    d.configure(ladder("1h").replace("sms = +15550101", "sms = +15550199"))
    d.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "configuration reloaded" in d.log_text(), "the reload")
    vp = wait_for(lambda: [row for row in d.incident(number)["notifications"] if row["step"] == "vp"],
                  "the VP, after the wait of the policy the incident opened with")
    assert vp[0]["address"] == "+15550199"
