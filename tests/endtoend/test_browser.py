"""The page behind a link, in Chromium."""

import json
import os
import pathlib
import re
import subprocess

from configs import EVENT, TOKEN, ladder
from daemon import wait_for

BROWSER = pathlib.Path(__file__).resolve().parents[1] / "browser"


JOB = "\n[source nightly]\nexpect_every = 24h\nbackup = yes\ntoken = nightly-token-0123456789abcdef\n"
JOB_TOKEN = "nightly-token-0123456789abcdef"


def look(d, message, tmp_path, name=""):
    path = re.search(r"/a/[a-z2-7]{32}", message).group(0)
    shots = os.environ.get("ESCALATED_SCREENSHOTS", str(tmp_path / "shots"))
    result = subprocess.run(["node", BROWSER / "link.mjs", f"http://127.0.0.1:{d.port}{path}", f"{shots}/{name}"],
                            capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_link_page(daemon, tmp_path):
    d = daemon(ladder("1h")).start()
    hostile = '<img src=x onerror=alert(1)> Checkout <b>fails</b> & "burns" ' + "x" * 300
    number = d.send({**EVENT, "summary": hostile}, TOKEN).json["results"][0]["incident"]
    seen = look(d, wait_for(lambda: d.messages("sms"), "the page")[0], tmp_path)
    assert seen["heading"].startswith(f"#{number} <img src=x")
    assert (seen["scripts"], seen["injected"], seen["dialogs"]) == (0, 0, 0)
    assert seen["styled"] == "600", "the style sheet was not applied"
    assert not seen["overflow"]
    assert seen["violations"] == []
    assert seen["answerHeading"] == "Thank you"
    assert "acknowledged" in seen["afterwards"]
    incident = d.incident(number)
    assert (incident["state"], incident["owner"]) == ("acknowledged", "ann")
    assert seen["warnings"] == [] and "backup" not in seen["afterwards"]


def test_the_link_page_says_what_is_at_risk(daemon, tmp_path):
    """The last good backup and how far back it is; what is doubtful about it stands out."""
    d = daemon(ladder("1h") + JOB).start()
    for signal in ("success", "fail"):
        assert d.send({"action": "heartbeat", "key": "db1", "signal": signal}, JOB_TOKEN).status == 202
    d.send(EVENT, TOKEN)
    message = wait_for(lambda: [m for m in d.messages("sms") if EVENT["summary"] in m], "the page")[0]
    seen = look(d, message, tmp_path, "backup")
    said = re.search(r"Last good backup: (.* before it began \(nightly db1\); the latest one FAILED)", message).group(1)
    assert seen["warnings"] == [said] and seen["warningWeight"] == "600"
    assert seen["violations"] == [] and not seen["overflow"]
