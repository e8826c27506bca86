"""The page behind a link, in Chromium."""

import json
import os
import pathlib
import re
import subprocess

from configs import EVENT, TOKEN, ladder
from daemon import wait_for

BROWSER = pathlib.Path(__file__).resolve().parents[1] / "browser"


def test_link_page(daemon, tmp_path):
    d = daemon(ladder("1h")).start()
    hostile = '<img src=x onerror=alert(1)> Checkout <b>fails</b> & "burns" ' + "x" * 300
    number = d.send({**EVENT, "summary": hostile}, TOKEN).json["results"][0]["incident"]
    message = wait_for(lambda: d.messages("sms"), "the page")[0]
    path = re.search(r"/a/[a-z2-7]{32}", message).group(0)
    shots = os.environ.get("ESCALATED_SCREENSHOTS", str(tmp_path / "shots"))
    result = subprocess.run(["node", BROWSER / "link.mjs", f"http://127.0.0.1:{d.port}{path}", shots],
                            capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout)
    assert seen["heading"].startswith(f"#{number} <img src=x")
    assert (seen["scripts"], seen["injected"], seen["dialogs"]) == (0, 0, 0)
    assert seen["styled"] == "600", "the style sheet was not applied"
    assert not seen["overflow"]
    assert seen["violations"] == []
    assert seen["answerHeading"] == "Thank you"
    assert "acknowledged" in seen["afterwards"]
    incident = d.incident(number)
    assert (incident["state"], incident["owner"]) == ("acknowledged", "ann")
