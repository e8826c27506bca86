"""The mails themselves, before any server: read by Python's parsers, byte by byte at each gate, and seen in a browser."""

import json
import os
import pathlib
import subprocess

import pytest

from mails import LINKS, NO_REPLY, SNAPSHOT, Dom, make, part, read

BROWSER = pathlib.Path(__file__).resolve().parents[1] / "browser"
NAMES = ["Date", "From", "To", "Reply-To", "Subject", "Message-ID", "In-Reply-To", "References", "Thread-Topic",
         "Thread-Index", "Auto-Submitted", "X-Auto-Response-Suppress", "Importance", "X-Priority", "List-Id",
         "X-Escalated-Incident", "X-Escalated-Kind", "X-Escalated-Severity", "X-Escalated-Loop", "MIME-Version",
         "Content-Type"]
HOSTILE = ['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "'><svg/onload=alert(1)>", "</title><b>",
           "</td></tr></table><form action=//evil>", "<!-- -->", "<?php ?>", "&lt;b&gt;", "javascript:alert(1)",
           "\u202egnp.exe", "]]>", "=?UTF-8?Q?=3Cb=3E?=", "--=_escalated_alternative", "\n.\nRCPT TO:<x@y>\n",
           "${7*7}", "{{7*7}}", "\\\" onclick=x", "<a href='data:text/html,x'>", "\ufeff\u2028x", "&#0;&#x3c;b>"]


def test_a_page_reads_well():
    mail = read(make([{}])[0])
    assert mail.keys() == NAMES
    assert mail["Subject"] == "[#142] Disk /srv full"
    assert mail["From"].addresses[0].display_name == "Acme alerts"
    assert mail["To"].addresses[0].addr_spec == "ann@example.com"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert [one.get_content_type() for one in mail.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    text = part(mail, "plain")
    assert text.startswith("Bob has it.\nUntil 02:30.\n\n#142 critical: Disk /srv full\n")
    assert f"{NO_REPLY}\n" in text and "eply" not in text.replace(NO_REPLY, "")
    dom = Dom(part(mail, "html"))
    for word in ("critical", "acknowledged", "#142 Disk /srv full", "Bob has it.", "Acknowledge #142", NO_REPLY,
                 "acknowledged by Bob Ray until", "service=shop, region=eu", "Runbook"):
        assert word in dom.text, (word, dom.text)
    token = mail["Reply-To"].addresses[0].username.split(".")[1]
    assert dom.links == [f"https://alerts.example.com/a/{token}", LINKS[0]["href"]]
    assert f"/a/{token}\n" in text and token in mail["Message-ID"]


def test_text_and_html_tell_the_same_facts():
    mail = read(make([{}])[0])
    shown = Dom(part(mail, "html")).text
    told = [line for line in part(mail, "plain").split("\n") if ": " in line and "http" not in line]
    assert len(told) > 8
    for line in told:
        name, value = line.split(": ", 1)
        assert value in shown and (name in shown or name.startswith("#142")), line


def test_nothing_is_loaded_and_styles_stand_in_the_elements():
    html = part(read(make([{}])[0]), "html")
    dom = Dom(html)
    assert not {tag[0] for tag in dom.shape} & {"img", "link", "style", "script", "iframe", "object", "form", "input"}
    assert not any("url(" in style or "@import" in style for style in dom.styles)
    assert all(link.startswith("https://") for link in dom.links)


def test_no_line_of_ours_begins_with_what_answers():
    """A client that quotes badly feeds our own lines back."""
    verbs = {"ack", "known", "a", "k", "ok", "yes", "on", "eta", "escalate", "e", "pass", "take", "snooze", "resolve", "r",
             "fixed", "done", "all", "approve", "reject", "status", "help", "stop", "start", "4", "6"}
    kinds = ["page", "inform", "ask", "approve", "reminder", "notice", "digest", "answer"]
    plain = {**SNAPSHOT, "text": ""}
    for raw in make([{"kind": kind, "snapshot": json.dumps(plain)} for kind in kinds]):
        for line in part(read(raw), "plain").split("\n"):
            assert line.lower().split(" ")[0].strip(".,:!") not in verbs, line


def fields():
    """Where text from outside gets into a mail: how to put a value there."""
    def inside(name):
        return lambda value: {"snapshot": json.dumps({**SNAPSHOT, name: value})}
    for name in ("title", "summary", "state", "policy", "step", "contact_name", "key", "source", "owner_name", "cause",
                 "ack_until", "eta_at", "opened_at", "text", "uuid", "reply_hint", "priority"):
        yield name, inside(name)
    yield "label name", lambda value: {"snapshot": json.dumps({**SNAPSHOT, "labels": {value: "x"}})}
    yield "label value", lambda value: {"snapshot": json.dumps({**SNAPSHOT, "labels": {"x": value}})}
    yield "link text", lambda value: {"links": json.dumps([{**LINKS[0], "text": value}])}
    yield "link href", lambda value: {"links": json.dumps([{**LINKS[0], "href": value}])}
    for name in ("site_name", "key", "contact"):
        yield f"order {name}", lambda value, name=name: {name: value}


@pytest.mark.parametrize("name,put", fields(), ids=[name for name, _ in fields()])
def test_every_byte_in_every_text(name, put):
    """No character of any field adds a header, a part, an element or a line that was not there."""
    usual = read(make([put("aXb")])[0])
    shape = Dom(part(usual, "html")).shape
    characters = [chr(code) for code in range(256) if not chr(code).isalnum()] + ["\r\n", "\u2028", "\u2029", "\u202e", "\ufeff", "\U0001f525"]
    raws = make([put(f"a{one}b") for one in characters])
    for one, raw in zip(characters, raws):
        if raw is None:
            assert one == "\0", f"{one!r} was refused"
            continue
        mail = read(raw)
        assert mail.keys() == usual.keys(), repr(one)
        if one == "\0" and name.startswith("link"):
            continue  # links that cannot be read are left out
        assert len(list(mail.walk())) == 3
        assert Dom(part(mail, "html")).shape == shape, repr(one)
        head = raw[:raw.index(b"\r\n\r\n")]
        assert head.isascii() and b"\x7f" not in head
        assert not set(mail["Subject"]) & set("\r\n\0\u2028\u2029\u202e")


SINKS = {"address": "ann{}lee@example.com", "address domain": "ann@exam{}ple.com", "from": "Acme <al{}erts@example.com>",
         "from name": "Acme{}alerts <alerts@example.com>", "reply_to": "Acme <al{}erts@example.com>"}


@pytest.mark.parametrize("sink,text", SINKS.items(), ids=list(SINKS))
def test_every_byte_in_every_address(sink, text):
    """What reaches an envelope or a head as an address is one address, or is refused: as raw bytes, also bad UTF-8."""
    before, after = text.split("{}")
    name = sink.split(" ")[0]
    raws = make([{name: before.encode() + bytes([byte]) + after.encode()} for byte in range(1, 256)])
    passed = 0
    for byte, raw in enumerate(raws, 1):
        if raw is None:
            continue
        passed += 1
        assert byte >= 32 and byte != 127
        mail = read(raw)
        assert mail.keys() == NAMES
        for header in ("From", "To", "Reply-To"):
            assert len(mail[header].addresses) == 1, (chr(byte), mail[header])
            assert mail[header].addresses[0].domain.isascii()
    assert 60 <= passed <= 95, passed
    never = [b"\r\n", b"\n", b"\r", b">\r\nRCPT TO:<x@y.z", b"\xe2\x80\xae"]
    for bad in never + ([] if sink == "from name" else [b"> SIZE=1", b", x@y.z,", b" "]):
        assert make([{name: before.encode() + bad + after.encode()}]) == [None], bad


@pytest.mark.parametrize("name,put", fields(), ids=[name for name, _ in fields()])
def test_hostile_text_stays_text(name, put):
    usual = Dom(part(read(make([put("aXb")])[0]), "html"))
    # A receiver that begins with & is an audience.
    texts = ["a" + one for one in HOSTILE] if name == "order contact" else HOSTILE
    for one, raw in zip(texts, make([put(one) for one in texts])):
        mail = read(raw)
        dom = Dom(part(mail, "html"))
        assert dom.shape == usual.shape, one
        assert len(dom.links) == len(usual.links) and all(link.startswith("https://") for link in dom.links), one
        assert len(list(mail.walk())) == 3


def test_wide_text_survives():
    texts = ["Größe übel", "磁盘已满 on db01", "диск полон", "🔥 fire", "a" * 3000, "ä" * 3000, "=?x?Q?y?=", "word " * 60]
    mails = [read(raw) for raw in make([{"snapshot": json.dumps({**SNAPSHOT, "title": text, "contact_name": text[:100]})}
                                       for text in texts])]
    for text, mail in zip(texts, mails):
        subject = "".join(mail["Subject"].split())
        want = "".join(("[#142] " + text).split())
        assert subject == want or (subject.endswith("...") and want.startswith(subject[:-3])), text
        assert "".join(mail["To"].addresses[0].display_name.split()) == "".join(text[:100].split())


def test_in_a_browser(tmp_path):
    """No sideways scrolling on a phone, readable by day and by night, the button big enough for a thumb."""
    page = tmp_path / "mail.html"
    long = {**SNAPSHOT, "title": "x" * 200, "labels": {f"label{i}": "y" * 90 for i in range(12)}, "cause": "z" * 900}
    shots = os.environ.get("ESCALATED_SCREENSHOTS", str(tmp_path / "shots"))
    for snapshot in (SNAPSHOT, long):
        page.write_text(part(read(make([{"snapshot": json.dumps(snapshot)}])[0]), "html"))
        result = subprocess.run(["node", BROWSER / "mail.mjs", page.as_uri(), shots], capture_output=True, text=True,
                                timeout=240, check=False)
        assert result.returncode == 0, result.stderr
        for view in json.loads(result.stdout):
            assert view["requests"] == 1, "only the file itself"
            assert not view["overflow"], view
            assert view["button"]["height"] >= 44 and view["button"]["width"] >= 44
            assert view["preview"] == 0, "what the list of messages shows is not seen in the mail"
            assert min(view["contrasts"].values()) >= 4.5, view
