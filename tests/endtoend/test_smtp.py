"""Channel email and its helper against an independent mail server: what arrives, and what every kind of failure is called.

The plugin is driven without a daemon: what happens behind a result is not its business.
"""

import pathlib
import socket

import pytest

from certificates import Authority
from channel_driver import ChannelDriver
from daemon import wait_for

HEAD = ("From: Acme <alerts@example.com>\r\nTo: ann@example.com\r\nDate: Fri, 27 Nov 2026 23:00:00 +0000\r\n"
        "Message-ID: <1.token@example.com>\r\nSubject: Checkout fails\r\nReply-To: alerts+token@example.com\r\n"
        "X-Folded: one\r\n two\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n")
MAIL = HEAD + "\r\n.a line that begins with a dot\r\n..\r\n.\r\n" + "x" * 900 + "\r\n\r\nthe end\r\n"
# More than sockets buffer: a part of it has not left when the server goes away.
BIG = HEAD + "\r\n" + ("z" * 76 + "\r\n") * 100000
ANN, BOB, CAT = "ann@example.com", "bob@example.com", "cat@example.com"
# What is meant to be killed at its deadline is given this long; everything else has the tests' own patience.
SHORT_MS = 5000


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca") / "own")


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue("localhost", sans="DNS:localhost,IP:127.0.0.1")


@pytest.fixture
def email(tmp_path, authority):
    made = []

    def make(*servers, **options):
        defaults = {"server": ", ".join(server if isinstance(server, str) else server.address for server in servers),
                    "from": "Acme alerts <alerts@example.com>", "ca_file": authority.cert, "sessions": 1,
                    "connect_timeout": 60000, "timeout": 60000}
        made.append(ChannelDriver("email", tmp_path, **{**defaults, **options}))
        return made[-1]

    yield make
    for one in made:
        code = one.stop()
        assert code == 0 or one.refused, code


def one(results):
    assert len(results) == 1
    assert results[0].count == 1, "finished once"
    return results[0]


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# --- what arrives ---

@pytest.mark.parametrize("options", [
    {}, {"secure": True}, {"pipelining": False}, {"starttls": False},
    {"users": {"u": "pässword"}}, {"users": {"u": "pässword"}, "secure": True},
    {"users": {"u": "p"}, "auth_methods": ["CRAM-MD5"], "secure": True}, {"users": {"u": "p"}, "auth_methods": ["LOGIN"]}],
    ids=str)
def test_bytes_arrive_as_they_are(email, smtp, pair, options):
    server = smtp(cert=pair, **options)
    login = {"username": "u", "password": options["users"]["u"]} if "users" in options else {}
    tls = {"tls": "none"} if options.get("starttls") is False else {}
    channel = email(server, **login, **tls)
    results = channel.send([(ANN, MAIL), (BOB, MAIL), (CAT, MAIL)])
    assert [result.outcome for result in results] == ["sent"] * 3, results
    assert "queued as" in results[0].detail
    for address in (ANN, BOB, CAT):
        message, = server.to(address)
        assert message["data"] == MAIL.encode()
        assert message["from"] == "alerts@example.com"
        assert message["to"] == [address], "one recipient a message"
        assert message["secure"] == (tls == {})
        assert message["user"] == login.get("username", "")
        assert message["hello"] == "example.com"


def test_utf8_addresses_and_text(email, smtp, pair):
    server = smtp(cert=pair)
    text = HEAD + "\r\nGrüße, 早上好\r\n"
    results = email(server).send([("jörg@example.com", text), (ANN, text)])
    assert [result.outcome for result in results] == ["sent"] * 2, results
    message, = server.to("jörg@example.com")
    assert message["data"] == text.encode()
    assert "SMTPUTF8" in message["args"]
    assert "SMTPUTF8" not in server.to(ANN)[0]["args"]


@pytest.mark.parametrize("secure", [False, True], ids=["libesmtp", "libcurl"])
def test_lone_line_ends_become_whole_ones(email, smtp, pair, secure):
    """A server that takes LF . LF for an end would take the rest for commands."""
    server = smtp(cert=pair, secure=secure)
    bodies = ["one\n.\nMAIL FROM:<x@y>\n", "one\r.\rtwo", "no end", "\n.\n", ""]
    results = email(server).send([(f"p{i}@example.com", HEAD.replace("\r\n", "\n") + "\n" + body)
                                  for i, body in enumerate(bodies)])
    assert [result.outcome for result in results] == ["sent"] * len(bodies), results
    for i, body in enumerate(bodies):
        message, = server.to(f"p{i}@example.com")
        expected = HEAD + "\r\n" + body.replace("\r", "\n").replace("\n", "\r\n")
        assert message["data"].decode() == expected + ("" if expected.endswith("\r\n") else "\r\n")


def test_waiting_messages_share_a_session(email, smtp, pair):
    server = smtp(cert=pair, faults={"delay_ms": 20})
    addresses = [f"p{i}@example.com" for i in range(30)]
    channel = email(server, messages_per_session=8)
    results = channel.send([(address, MAIL) for address in addresses])
    assert [result.outcome for result in results] == ["sent"] * 30, results
    assert sorted(message["to"][0] for message in server.messages) == sorted(addresses)
    per_session = {}
    for message in server.messages:
        per_session.setdefault(message["session"], []).append(message)
    assert max(len(messages) for messages in per_session.values()) == 8
    assert len(per_session) < 10


def test_sender_for_bounces(email, smtp, pair):
    server = smtp(cert=pair)
    assert one(email(server, bounces_to="bounces@example.com", hello="gw.example.com").send([(ANN, MAIL)])).outcome == "sent"
    message, = server.messages
    assert (message["from"], message["hello"]) == ("bounces@example.com", "gw.example.com")


def test_tls_versions(email, smtp, pair):
    server = smtp(cert=pair)
    for tls_max, protocol in (("1.2", "TLSv1.2"), ("1.3", "TLSv1.3")):
        assert one(email(server, tls_max=tls_max).send([(ANN, MAIL)])).outcome == "sent"
        assert server.of("secure")[-1]["protocol"] == protocol


def test_server_by_address(email, smtp, pair):
    server = smtp(cert=pair)
    assert one(email(f"127.0.0.1:{server.port}").send([(ANN, MAIL)])).outcome == "sent"
    assert server.messages[0]["secure"]


# --- what fails, by whose word ---

# faults of the server, outcome, reason, whether the server is well, a word of the detail
REFUSALS = {
    "nobody": ({"rcpt": {ANN: "550 5.1.1 no such user"}}, "rejected", "smtp-550", True, "no such user"),
    "greylisted": ({"rcpt": {ANN: "450 4.2.0 greylisted"}}, "retry", "smtp-450", True, "greylisted"),
    "full": ({"rcpt": {ANN: "452 4.2.2 mailbox full"}}, "rejected", "mailbox-full", True, "full"),
    "sender": ({"mail": "550 5.7.1 not yours"}, "rejected", "sender-refused", True, "from"),
    "no-space": ({"mail": "452 4.3.1 no space"}, "retry", "smtp-452", False, "no space"),
    "login-first": ({"mail": "530 5.7.0 authentication required"}, "retry", "credentials", False, "check username"),
    "closing": ({"mail": "421 4.3.2 shutting down"}, "retry", "smtp-421", False, "shutting down"),
    "content": ({"data": {ANN: "554 5.6.0 looks like spam"}}, "rejected", "smtp-554", True, "spam"),
    "too-big": ({"data": {ANN: "552 5.3.4 too big"}}, "rejected", "too-big", True, "too big"),
    "later": ({"data": {ANN: "451 4.7.1 later"}}, "retry", "smtp-451", True, "later"),
    "greeting": ({"connect": "554 5.3.2 not here"}, "retry", "greeting", False, "not here"),
    "busy": ({"connect": "421 4.3.2 too many"}, "retry", "smtp-421", False, "too many"),
    "dropped": ({"data": {ANN: "drop-before-dot"}}, "retry", "dropped", False, ""),
    "unknown": ({"data": {ANN: "drop-after-dot"}}, "unknown", "no-answer", False, "not known"),
}


@pytest.mark.parametrize("secure", [False, True], ids=["libesmtp", "libcurl"])
def test_refusals(email, smtp, pair, secure):
    """Both libraries come to the same words; and the message after it is served."""
    server = smtp(cert=pair, secure=secure)
    channel = email(server)
    for name, (faults, outcome, reason, is_well, word) in REFUSALS.items():
        server.fault(**faults)
        taken = len(server.messages)
        result = one(channel.send([(ANN, BIG if name == "dropped" else MAIL)]))
        assert (result.outcome, result.reason, result.peer_is_well) == (outcome, reason, is_well), (name, result)
        assert word in result.detail, (name, result)
        assert server.address.removeprefix("smtps://") in result.detail
        assert len(server.messages) == taken + (1 if name == "unknown" else 0), name
        server.fault()
        assert one(channel.send([(BOB, MAIL)])).outcome == "sent", name


def test_each_recipient_has_its_own_result(email, smtp, pair):
    server = smtp(cert=pair, faults={"delay_ms": 30, "rcpt": {"p3@example.com": "550 5.1.1 nobody"},
                                     "data": {"p5@example.com": "451 4.7.1 later"}})
    results = email(server, messages_per_session=10).send([(f"p{i}@example.com", MAIL) for i in range(10)])
    assert [result.outcome for result in results] == [
        {3: "rejected", 5: "retry"}.get(i, "sent") for i in range(10)], results
    assert len(server.messages) == 8


def test_greylisted_comes_through_later(email, smtp, pair):
    server = smtp(cert=pair, faults={"greylist": True})
    channel = email(server)
    first, second = one(channel.send([(ANN, MAIL)])), one(channel.send([(ANN, MAIL)]))
    assert (first.outcome, first.peer_is_well, second.outcome) == ("retry", True, "sent")


@pytest.mark.parametrize("secure", [False, True], ids=["libesmtp", "libcurl"])
def test_wrong_password(email, smtp, pair, secure):
    server = smtp(cert=pair, secure=secure, users={"u": "right"})
    result = one(email(server, username="u", password="wrong-hunter2").send([(ANN, MAIL)]))
    assert (result.outcome, result.reason) == ("retry", "credentials"), result
    assert "535" in result.detail and "check username" in result.detail and "hunter2" not in result.detail
    assert not server.messages


# --- certificates ---

@pytest.mark.parametrize("secure", [False, True], ids=["libesmtp", "libcurl"])
@pytest.mark.parametrize("case", ["good", "stranger", "expired", "other-host"])
def test_certificates(email, smtp, tmp_path, authority, pair, case, secure):
    """libesmtp by itself would take any name that DNS gives the server; ours must be in the certificate."""
    word = {"stranger": "issuer certificate", "expired": "expired", "other-host": "host"}.get(case, "")
    cert = {"good": lambda: pair,
            "stranger": lambda: Authority(tmp_path / "other", "Stranger").issue("localhost", sans="DNS:localhost"),
            "expired": lambda: authority.issue("old", sans="DNS:localhost", end="20210101000000Z"),
            "other-host": lambda: authority.issue("other", sans="DNS:mail.example.org")}[case]()
    server = smtp(cert=cert, secure=secure)
    result = one(email(server).send([(ANN, MAIL)]))
    if case == "good":
        assert result.outcome == "sent"
    else:
        assert (result.outcome, result.reason, result.peer_is_well) == ("retry", "tls", False), result
        assert word in result.detail.lower(), result
        assert not server.messages and not server.of("auth")


def test_starttls_is_required_unless_told_otherwise(email, smtp, pair):
    server = smtp(cert=pair, starttls=False)
    result = one(email(server).send([(ANN, MAIL)]))
    assert (result.outcome, result.reason) == ("retry", "starttls") and not server.messages, result
    assert one(email(server, tls="optional").send([(ANN, MAIL)])).outcome == "sent"
    secured = smtp(cert=pair)
    assert one(email(secured, tls="optional").send([(ANN, MAIL)])).outcome == "sent"
    assert secured.messages[0]["secure"]


# --- several servers ---

@pytest.mark.parametrize("first", ["closed", "unknown-name", "greeting", "starttls", "certificate", "credentials", "closing",
                                   "dropped", "garbage"])
def test_next_server(email, smtp, tmp_path, pair, first):
    """Where the first cannot have taken it."""
    second = smtp(cert=pair, users={"u": "p"})
    stranger = Authority(tmp_path / "other", "Stranger").issue("localhost", sans="DNS:localhost")
    one_address = {
        "closed": lambda: f"localhost:{closed_port()}",
        "unknown-name": lambda: "no-such-host.invalid:25",
        "greeting": lambda: smtp(cert=pair, faults={"connect": "554 5.3.2 not here"}),
        "starttls": lambda: smtp(cert=pair, starttls=False),
        "certificate": lambda: smtp(cert=stranger),
        "credentials": lambda: smtp(cert=pair, users={"u": "other"}),
        "closing": lambda: smtp(cert=pair, users={"u": "p"}, faults={"mail": "421 4.3.2 shutting down"}),
        "dropped": lambda: smtp(cert=pair, users={"u": "p"}, faults={"after": {"count": 0, "what": "drop"}}),
        "garbage": lambda: smtp(odd="garbage"),
    }[first]()
    channel = email(one_address, second, username="u", password="p")
    results = channel.send([(ANN, MAIL), (BOB, MAIL)])
    assert [result.outcome for result in results] == ["sent"] * 2, results
    assert len(second.messages) == 2


def test_next_server_by_the_other_library(email, smtp, pair):
    first, second = smtp(cert=pair, secure=True, faults={"connect": "421 4.3.2 no"}), smtp(cert=pair)
    assert one(email(first, second).send([(ANN, MAIL)])).outcome == "sent"
    assert one(email(smtp(cert=pair, faults={"connect": "421 4.3.2 no"}), smtp(cert=pair, secure=True)).send(
        [(ANN, MAIL)])).outcome == "sent"


@pytest.mark.parametrize("secure", [False, True], ids=["libesmtp", "libcurl"])
@pytest.mark.parametrize("faults, outcome", [
    ({"data": {"*": "drop-after-dot"}}, "unknown"), ({"rcpt": {"*": "550 5.1.1 nobody"}}, "rejected"),
    ({"rcpt": {"*": "450 4.2.0 greylisted"}}, "retry"), ({"data": {"*": "554 5.6.0 spam"}}, "rejected")], ids=str)
def test_no_other_server_is_asked_after_that(email, smtp, pair, faults, outcome, secure):
    first, second = smtp(cert=pair, secure=secure, faults=faults), smtp(cert=pair)
    assert one(email(first, second).send([(ANN, MAIL)])).outcome == outcome
    assert not second.of("connect")


def test_a_server_that_gives_up_in_the_middle(email, smtp, pair):
    """Those it took are sent, the rest goes to the next; nobody gets two."""
    first = smtp(cert=pair, faults={"delay_ms": 30, "after": {"count": 3, "what": "421 4.7.0 enough"}})
    second = smtp(cert=pair)
    results = email(first, second, messages_per_session=10).send([(f"p{i}@example.com", MAIL) for i in range(10)])
    assert [result.outcome for result in results] == ["sent"] * 10, results
    assert (len(first.messages), len(second.messages)) == (3, 7)
    everyone = [message["to"][0] for message in first.messages + second.messages]
    assert sorted(everyone) == [f"p{i}@example.com" for i in range(10)]


# --- what hangs ---

@pytest.mark.parametrize("what, secure", [("mute", False), ("mute", True), ("drip", False), ("stop-reading", False),
                                          ("stop-reading", True), ("hang-after-dot", False), ("hang-after-dot", True)])
def test_hangs_are_ended_from_outside(email, smtp, pair, what, secure):
    """Unknown is only what the server may have; and the next message is served by a new process."""
    if what in ("mute", "drip"):
        server = smtp(odd=what, secure=secure)
    else:
        server = smtp(cert=pair, secure=secure, faults={"data": {ANN: what}})
    body = BIG if what == "stop-reading" else MAIL
    channel = email(server)
    results = channel.send([(ANN, body), (BOB, MAIL)], within_ms=SHORT_MS)
    assert all(result.count == 1 for result in results)
    assert results[0].outcome == ("unknown" if server.messages else "retry"), results
    assert what == "hang-after-dot" or not server.to(ANN)
    assert results[0].reason == "timeout", results
    assert results[1].outcome in ("retry", "sent"), results
    if what not in ("mute", "drip"):
        assert one(channel.send([(CAT, MAIL)])).outcome == "sent"


def test_server_that_answers_too_slowly(email, smtp):
    """Its own time-out ends it before the deadline does, and there is time for the next server."""
    server = smtp(odd="mute")
    result = one(email(server, timeout=1000).send([(ANN, MAIL)]))
    assert (result.outcome, result.reason) == ("retry", "greeting"), result


def test_stop_in_the_middle(email, smtp, pair):
    """What the server may have is unknown, the rest can be tried again; nothing is left without a result."""
    server = smtp(cert=pair, faults={"data": {ANN: "hang-after-dot"}})
    channel = email(server, messages_per_session=1)
    channel.start([(ANN, MAIL), (BOB, MAIL), (CAT, MAIL)])
    server.wait_messages(1)
    channel.destroy()
    results = channel.collect(3)
    assert [(result.count, result.outcome) for result in results] == [(1, "unknown"), (1, "retry"), (1, "retry")], results


def is_alive(pid):
    try:
        return "State:\tZ" not in pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_no_helper_outlives_its_daemon(smtp, pair, tmp_path, authority):
    server = smtp(cert=pair, faults={"data": {ANN: "hang-after-dot"}})
    channel = ChannelDriver("email", tmp_path, **{"server": server.address, "from": "a@example.com",
                                                  "ca_file": authority.cert})
    channel.start([(ANN, MAIL)])
    server.wait_messages(1)
    tasks = pathlib.Path(f"/proc/{channel.process.pid}/task").glob("*/children")
    helpers = [pid for task in tasks for pid in task.read_text().split()]
    assert len(helpers) == 1 and is_alive(helpers[0])
    channel.process.kill()
    channel.stop()
    wait_for(lambda: not is_alive(helpers[0]), "the helper to end with its daemon")


# --- what is refused before anything is sent ---

def test_bad_addresses(email, smtp, pair):
    server = smtp(cert=pair)
    channel = email(server)
    for address in ("", "ann", "ann@example.com>\r\nRCPT TO:<eve@example.com", "a b@c", "ann@ex,bob@ex"):
        result = one(channel.send([(address, MAIL)]))
        assert (result.outcome, result.reason) == ("rejected", "bad-address"), result
    assert not server.of("connect")


def test_bad_options(email):
    for options, word in (
            ({"server": "a b"}, "server"), ({"server": "host:99999"}, "port"), ({"server": ",".join("abcdefghi")}, "at most 8"),
            ({"tls": "yes"}, "required, optional or none"), ({"tls_max": "1.1"}, "1.2 or 1.3"), ({"username": "u"}, "together"),
            ({"password": "p"}, "together"), ({"username": "u", "password": "p", "tls": "optional"}, "tls = required"),
            ({"from": "nobody"}, "from"), ({"from": "A <a@b"}, "from"), ({"reply_to": "x"}, "reply_to"),
            ({"bounces_to": "x y@z"}, "bounces_to"), ({"hello": "a b"}, "hello")):
        assert word in (email("localhost:1", **options).refused or ""), options
