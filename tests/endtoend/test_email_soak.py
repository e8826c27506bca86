"""Thousands of sessions, each with one mail, over TLS 1.2 and 1.3 with two kinds of server: every one must come through at the
first try. A session that stalls is ended by its time-out and would show as a mail to be tried again."""

import collections
import os

import pytest

import postfix
from certificates import Authority
from channel_driver import ChannelDriver
from daemon import wait_for
from mails import make
from postfix import Postfix
from smtp import SmtpServer

SESSIONS = 2000 if os.environ.get("ESCALATED_DEEP") else 40
AT_ONCE = 50  # what the driver has tickets for


class PostfixLedger:
    def __init__(self, pair):
        self.server = Postfix(cert=pair)

    def address(self, implicit):
        return self.server.smtps if implicit else self.server.address

    def wait_arrived(self, count):
        wait_for(lambda: self.server.count() >= count, f"{count} mails in the Maildir")
        return self.server.count()

    def protocols(self):
        words = [line.split("TLS connection established")[1] for line in self.server.log_text().splitlines()
                 if "TLS connection established" in line]
        return collections.Counter(word.split(": ")[1].split(" ")[0] for word in words)

    def stop(self):
        self.server.stop()


class SmtpServerLedger:
    def __init__(self, pair):
        self.by_starttls, self.implicit = SmtpServer(cert=pair), SmtpServer(cert=pair, secure=True)

    def address(self, implicit):
        return (self.implicit if implicit else self.by_starttls).address

    def arrived(self):
        return len(self.by_starttls.messages) + len(self.implicit.messages)

    def wait_arrived(self, count):
        """The ledger is told of a mail a moment after the client is."""
        wait_for(lambda: self.arrived() >= count, f"{count} mails in the ledger")
        return self.arrived()

    def protocols(self):
        events = self.by_starttls.of("secure") + self.implicit.of("secure")
        return collections.Counter(event["protocol"] for event in events)

    def stop(self):
        self.by_starttls.stop()
        self.implicit.stop()


@pytest.mark.parametrize("way", ["1.2", "1.3", "smtps"])
@pytest.mark.parametrize("kind", ["postfix", "smtp-server"])
def test_no_session_stalls(tmp_path, kind, way):
    if kind == "postfix" and not postfix.USABLE:
        pytest.skip("Postfix runs as root only")
    authority = Authority(tmp_path / "ca")
    pair = authority.issue("localhost", sans="DNS:localhost,IP:127.0.0.1")
    ledger = PostfixLedger(pair) if kind == "postfix" else SmtpServerLedger(pair)
    body = make([{}])[0].decode()
    channel = ChannelDriver("email", tmp_path, **{
        "server": ledger.address(way == "smtps"), "from": "alerts@example.com", "ca_file": authority.cert, "sessions": 4,
        "messages_per_session": 1, "timeout": 10000, "tls_max": "1.2" if way == "1.2" else "1.3"})
    try:
        results = []
        while len(results) < SESSIONS:
            batch = min(AT_ONCE, SESSIONS - len(results))
            results += channel.send([("ann@example.com", body)] * batch, within_ms=600000)
        outcomes = collections.Counter((result.outcome, result.reason) for result in results)
        stalled = sum(count for (outcome, _), count in outcomes.items() if outcome != "sent")
        print(f"soak: {kind} {way}: {SESSIONS} sessions, {stalled} stalled, {dict(ledger.protocols())}")
        assert stalled == 0, outcomes
        assert ledger.wait_arrived(SESSIONS) == SESSIONS, "each mail once"
        wanted = "TLSv1.2" if way == "1.2" else "TLSv1.3"
        assert dict(ledger.protocols()) == {wanted: SESSIONS}
    finally:
        code = channel.stop()
        ledger.stop()
    assert code == 0
