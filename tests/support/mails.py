"""Reading mails as strangers do: Python's parsers over what mail_maker or a mail server has."""

import email
import email.policy
import html.parser
import json
import re
import subprocess

from daemon import BUILD, DEADLINE

NO_REPLY = "What is sent back to this mail acknowledges nothing."
SNAPSHOT = {
    "incident": 142, "uuid": "0196f3a0-0000-7000-8000-000000000001", "title": "Disk /srv full", "summary": "97 % used",
    "severity": "critical", "priority": 1, "state": "acknowledged", "policy": "storefront", "step": "tech-lead",
    "kind": "page", "climb": 2, "contact_name": "Ann Lee", "labels": {"service": "shop", "region": "eu"},
    "key": "db01/disk", "source": "mon", "owner": "bob", "owner_name": "Bob Ray", "cause": "log growth",
    "ack_until": "2026-03-01T02:30:00Z", "eta_at": "2026-03-01T02:20:00Z", "opened_at": "2026-03-01T02:00:00Z",
    "firing_count": 3, "text": "Bob has it.\nUntil 02:30.", "local": {"opened_at": "Sun 1 Mar 2026 03:00 CET"}}
LINKS = [{"href": "https://wiki.example.com/disk", "text": "Runbook"}]


def make(orders):
    """What the renderer makes of each order (a dict of str or bytes); None where it refuses."""
    lines = []
    for order in orders:
        order = {"snapshot": json.dumps(SNAPSHOT), "links": json.dumps(LINKS), **order}
        lines.append(" ".join(f"{name}={(value if isinstance(value, bytes) else value.encode()).hex()}"
                              for name, value in order.items()))
    result = subprocess.run([BUILD / "tests" / "mail_maker"], input="\n".join(lines) + "\n", text=True,
                            capture_output=True, timeout=DEADLINE, check=True)
    answers = result.stdout.splitlines()
    assert len(answers) == len(orders), result.stdout[-300:]
    return [bytes.fromhex(answer[5:]) if answer.startswith("mail ") else None for answer in answers]


def read(raw):
    """Parsed, after checking that no two readers can disagree about where a line or the head ends."""
    raw = bytes(raw)
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\0", raw), "a bare CR, a bare LF or a NUL"
    assert raw.endswith(b"\r\n")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    for part in mail.walk():
        assert part.defects == [], (part.defects, raw)
    for name, value in mail.items():
        assert value.defects == (), (name, value, value.defects)
    return mail


def part(mail, subtype):
    found = [one for one in mail.walk() if one.get_content_type() == f"text/{subtype}"]
    assert len(found) == 1
    return found[0].get_content().replace("\r\n", "\n")


class Dom(html.parser.HTMLParser):
    """The elements with the names of their attributes, the links, and the text that is seen."""

    def __init__(self, text):
        super().__init__()
        self.shape, self.links, self.words, self.styles = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.shape.append((tag, *sorted(name for name, _ in attributes)))
        self.links += [value for name, value in attributes if name in ("href", "src", "background")]
        self.styles += [value for name, value in attributes if name == "style"]

    def handle_data(self, data):
        self.words.append(data)

    def handle_comment(self, data):
        self.shape.append(("comment",))

    def handle_pi(self, data):
        self.shape.append(("instruction",))

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())
