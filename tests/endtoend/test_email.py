"""Alerts as mail: the whole daemon against Postfix and smtp-server, good and bad; what arrives is read as strangers do."""

import re
import socket
import subprocess

import pytest

import postfix
from certificates import Authority
from configs import TOKEN
from daemon import DEADLINE, ESCALATED, wait_for
from mails import NO_REPLY, Dom, part, read
from postfix import Postfix

CONFIG = """
[gateway]
name = Acme operations
public_url = https://alerts.example.com

[http]
listen = 127.0.0.1:0

[source shop]
format = native
token = {token}

[channel email]
plugin = email
per_contact = 0
server = {server}
from = "Acme alerts" <alerts@example.com>
ca_file = {ca}
{options}

[channel log]
plugin = file

[contact ann]
name = Ann Lee
email = ann@example.com
log = ann-phone
page = {reach}

[contact bob]
name = Bob Ray
email = bob@example.org
inform = email

[audience customers]
addresses = one@example.org, two@example.org

[policy default]
page = ann

[policy shop]
match = source="shop"
group_by = host

[step shop/tell]
inform = bob

[step shop/affected]
inform = &customers

[step shop/first]
page = ann
wait = 1h
"""


class Both:
    """The two kinds of server behind one face."""

    def __init__(self, kind, authority, pair, make_smtp, **options):
        self.ca = authority.cert
        self.is_postfix = kind.startswith("postfix")
        if self.is_postfix:
            self.server = Postfix(cert=pair, users={"alerts": "right"}, **options)
        else:
            self.server = make_smtp(cert=pair, users={"alerts": "right"}, secure=kind.endswith("smtps"))
        self.address = self.server.smtps if kind == "postfix-smtps" else self.server.address

    def to(self, address):
        if self.is_postfix:
            return [raw.replace(b"\n", b"\r\n") for raw in self.server.to(address)]
        return [message["data"] for message in self.server.to(address)]

    def wait_to(self, address, count=1):
        wait_for(lambda: len(self.to(address)) >= count, f"{count} mails for {address}")
        return [read(raw) for raw in self.to(address)]

    def answer(self, address, first):
        """What the first RCPT of this address hears; the later ones are welcome."""
        if self.is_postfix:
            self.server.verdicts[address] = [first, "DUNNO"]
        elif first.startswith("5"):
            self.server.fault(rcpt={address: first})
        else:
            self.server.fault(greylist=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca") / "own")


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue("localhost", sans="DNS:localhost,IP:127.0.0.1")


@pytest.fixture(params=["postfix", "postfix-smtps", "smtp-server", "smtp-server-smtps"])
def mail(request, authority, pair, smtp):
    if request.param.startswith("postfix") and not postfix.USABLE:
        pytest.skip("Postfix runs as root only")
    both = Both(request.param, authority, pair, smtp)
    yield both
    if both.is_postfix:
        both.server.stop()


def start(daemon, server, ca, options="username = alerts\npassword = right", reach="email, log after 1h"):
    return daemon(CONFIG.format(token=TOKEN, server=server, ca=ca, options=options, reach=reach)).start()


def trigger(d, key="disk", **more):
    answer = d.send({"action": "trigger", "key": key, "summary": "Disk /srv is full – Größe 97 %", "severity": "critical",
                     "labels": {"host": key}, **more}, TOKEN)
    assert answer.status == 202, answer
    return answer.json["results"][0]["incident"]


def rows(d, number, to, via="email"):
    return [row for row in d.incident(number)["notifications"] if (row["to"], row["via"]) == (to, via)]


def wait_state(d, number, to, state, via="email"):
    return wait_for(lambda: [row for row in rows(d, number, to, via) if row["state"] == state], f"{to}: {state}")[0]


def token_of(message):
    return re.search(r"/a/([a-z2-7]{32})", part(message, "plain")).group(1)


def test_one_incident_is_one_thread(daemon, mail):
    """Page, inform and what follows, at both kinds of server, over STARTTLS and over TLS from the first byte."""
    d = start(daemon, mail.address, mail.ca)
    number = trigger(d)
    page, = mail.wait_to("ann@example.com")
    token = token_of(page)
    assert page["Subject"] == f"[#{number}] Disk /srv is full – Größe 97 %"
    assert str(page["Reply-To"]) == f"Acme alerts <alerts+{number}.{token}@example.com>"
    assert token in page["Message-ID"] and page["Message-ID"].endswith("@example.com>")
    assert page["To"].addresses[0].display_name == "Ann Lee"
    assert page["Auto-Submitted"] == "auto-generated" and page["Importance"] == "high"
    assert NO_REPLY in part(page, "plain") and f"Acknowledge #{number}" in Dom(part(page, "html")).text

    for to in ("ann", "bob", "&customers"):
        wait_state(d, number, to, "accepted")
    mail.wait_to("bob@example.org")
    d.escalate("resolve", str(number))
    mails = mail.wait_to("ann@example.com", 2) + mail.wait_to("bob@example.org", 2)
    assert len({one["Message-ID"] for one in mails}) == 4
    for mine in (mails[:2], mails[2:]):
        assert len({one["References"] for one in mine}) == 1, "one thread a reader"
        assert len({one["Subject"] for one in mine}) == 1 and len({one["Thread-Index"] for one in mine}) == 1
        assert mine[1]["X-Escalated-Kind"] == "notice" and mine[1]["Reply-To"] is None
        assert "resolved" in part(mine[1], "plain")
    assert mails[0]["References"] != mails[2]["References"]
    for address in ("one@example.org", "two@example.org"):
        told = mail.wait_to(address)[0]
        assert told["Reply-To"] is None and token not in told.as_string() and "/a/" not in part(told, "plain")
    wait_for(lambda: {row["state"] for row in d.incident(number)["notifications"] if row["via"] == "email"} == {"accepted"},
             "all to be accepted")


def test_greylisted_once_then_sent_under_the_same_id(daemon, mail):
    mail.answer("ann@example.com", "450 4.2.0 greylisted, try again later")
    d = start(daemon, mail.address, mail.ca)
    number = trigger(d)
    row = wait_state(d, number, "ann", "accepted")
    assert row["attempts"] == 2
    assert len(mail.wait_to("ann@example.com")) == 1
    assert len(d.incident(number)["notifications"]) >= 4, "the method after it was not brought forward"
    assert rows(d, number, "ann", "log")[0]["state"] == "pending"


def test_a_refused_address_brings_the_next_method_forward(daemon, mail):
    mail.answer("ann@example.com", "550 5.1.1 no such user")
    d = start(daemon, mail.address, mail.ca)
    number = trigger(d)
    row = wait_state(d, number, "ann", "failed")
    assert row["attempts"] == 1 and "550" in row["reason"], row
    wait_state(d, number, "ann", "accepted", "log")
    mail.wait_to("bob@example.org")
    assert not mail.to("ann@example.com")


def test_a_wrong_password_is_said_and_tried_again(daemon, mail):
    d = start(daemon, mail.address, mail.ca, "username = alerts\npassword = wrong-hunter2")
    number = trigger(d)

    def mails():
        return [row for row in d.incident(number)["notifications"] if row["via"] == "email"]
    wait_for(lambda: len(mails()) == 4 and sum(row["attempts"] for row in mails()) > 4, "attempts after the first ones")
    assert {row["state"] for row in mails()} <= {"pending", "claimed"}
    assert "credentials" in {row["reason"] for row in mails()}
    assert "535" in d.log_text() and "check username and password" in d.log_text()
    assert "hunter2" not in d.log_text() and not mail.to("ann@example.com")


@pytest.mark.skipif(not postfix.USABLE, reason="Postfix runs as root only")
def test_postfix_that_wants_tls_and_a_stranger_s_certificate(daemon, authority, pair, tmp_path):
    server = Postfix(cert=pair, smtpd_tls_security_level="encrypt")
    try:
        d = start(daemon, server.address, authority.cert, "")
        assert wait_state(d, trigger(d), "ann", "accepted")["attempts"] == 1
        stranger = Authority(tmp_path / "other", "Stranger")
        d = start(daemon, server.address, stranger.cert, "")
        number = trigger(d)
        wait_for(lambda: rows(d, number, "ann")[0]["attempts"] >= 1 and rows(d, number, "ann")[0]["reason"], "an attempt")
        assert "tls" in rows(d, number, "ann")[0]["reason"]
        assert len(server.to("ann@example.com")) == 1, "only what the first daemon sent"
        d = start(daemon, server.address, authority.cert, "tls = none")
        number = trigger(d)
        wait_for(lambda: "530" in rows(d, number, "ann")[0]["reason"] or "credentials" in rows(d, number, "ann")[0]["reason"],
                 "Postfix to insist on TLS")
    finally:
        server.stop()


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_the_second_server_when_the_first_is_down(daemon, mail):
    d = start(daemon, f"localhost:{closed_port()}, {mail.address}", mail.ca)
    assert wait_state(d, trigger(d), "ann", "accepted")["attempts"] == 1
    mail.wait_to("ann@example.com")


def test_a_lost_answer_is_unknown_and_sent_again_under_the_same_id(daemon, authority, pair, smtp):
    """At least once, marked: the reader's mailbox sees two mails with one Message-ID and the same bytes."""
    server = smtp(cert=pair, faults={"data": {"ann@example.com": "drop-after-dot"}})
    second = smtp(cert=pair)
    d = start(daemon, f"{server.address}, {second.address}", authority.cert, "")
    number = trigger(d)
    wait_for(lambda: len(server.to("ann@example.com")) >= 1, "the first copy")
    assert not second.to("ann@example.com"), "no other server is asked while it is not known"
    server.fault()
    wait_state(d, number, "ann", "accepted")
    copies = server.to("ann@example.com")
    assert len(copies) >= 2 and len({copy["data"] for copy in copies}) == 1
    assert len({read(copy["data"])["Message-ID"] for copy in copies}) == 1


@pytest.mark.parametrize("how", ["mute", "drip"])
def test_a_server_that_hangs_delays_nobody(daemon, authority, pair, smtp, how):
    """Its helper is killed at the deadline; another channel and a good server go on meanwhile."""
    good, bad = smtp(cert=pair), smtp(odd=how)
    config = CONFIG.format(token=TOKEN, server=good.address, ca=authority.cert, options="", reach="bad")
    config += f"""
[channel bad]
plugin = email
server = {bad.address}
from = alerts@example.com
tls = none
timeout = 60s
attempt_timeout = 2s
"""
    config = config.replace("log = ann-phone", "log = ann-phone\nbad = ann@example.com")
    d = daemon(config).start()
    numbers = [trigger(d, f"disk{i}") for i in range(10)]
    for number in numbers:
        wait_state(d, number, "bob", "accepted")
    assert all(rows(d, number, "ann", "bad")[0]["state"] in ("pending", "claimed") for number in numbers)
    wait_for(lambda: rows(d, numbers[0], "ann", "bad")[0]["attempts"] >= 1
             and "timeout" in rows(d, numbers[0], "ann", "bad")[0]["reason"], "the deadline of the first attempt")
    assert len(good.to("bob@example.org")) == 10


def test_addresses_and_names_in_utf8(daemon, mail):
    config = CONFIG.format(token=TOKEN, server=mail.address, ca=mail.ca, reach="email",
                           options="username = alerts\npassword = right")
    config = config.replace("Ann Lee", "Änne 李").replace("ann@example.com", "änne@example.com")
    d = daemon(config).start()
    wait_state(d, trigger(d), "ann", "accepted")
    wait_for(lambda: mail.to("änne@example.com"), "the mail")
    raw = mail.to("änne@example.com")[0]
    assert "To: =?UTF-8?B?w4RubmUg5p2O?= <änne@example.com>\r\n".encode() in raw
    assert "97 %" in part(read(raw.replace("änne".encode(), b"anne")), "plain")


def test_what_cannot_work_is_refused_before_it_runs(daemon, authority):
    """--check and a reload read the section as the channel itself will."""
    good = CONFIG.format(token=TOKEN, server="localhost:1", ca=authority.cert, options="", reach="email")
    for old, new, says in (
            ("server = localhost:1", "server = localhost:99999", "server: "),
            ("server = localhost:1", "server = localhost:1\ntls = maybe", "tls: got 'maybe', want required, optional or none"),
            ("server = localhost:1", "server = localhost:1\nusername = u", "username: "),
            ("<alerts@example.com>", "<alerts@example.com>, x@y", "from: got"),
            ("<alerts@example.com>", "<alerts@example.com>\nreply_to = a b@c", "reply_to: got 'a b@c'"),
            ("email = ann@example.com", "email = ann@exam ple.com", "email: got 'ann@exam ple.com'")):
        d = daemon(good.replace(old, new))
        result = subprocess.run([ESCALATED, "--config", d.config_dir, "--check"], capture_output=True, text=True,
                                timeout=DEADLINE, check=False)
        assert result.returncode == 78 and says in result.stderr, (new, result.stderr)
        assert "escalated.ini:" in result.stderr


def test_nothing_in_an_alert_opens_a_connection(daemon, authority, pair, smtp):
    """Where mail goes is the configuration's alone: no address, link or name in an alert is looked up or fetched."""
    server = smtp(cert=pair)
    d = start(daemon, server.address, authority.cert, "", reach="email")
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.setblocking(False)
        port = trap.getsockname()[1]
        hosts = [f"127.0.0.1:{port}", f"localhost:{port}", f"2130706433:{port}", f"0x7f000001:{port}", f"[::ffff:127.0.0.1]:{port}",
                 f"a@127.0.0.1:{port}", f"127.1:{port}"]
        for i, host in enumerate(hosts):
            for scheme in ("http", "https"):
                trigger(d, f"{scheme}{i}", summary=f"{scheme}://{host}/x ann@[127.0.0.1] smtp://{host}",
                        links=[{"href": f"{scheme}://{host}/", "text": f"<img src='{scheme}://{host}/'>"}])
        wait_for(lambda: len(server.to("ann@example.com")) == 2 * len(hosts), "all pages")
        with pytest.raises(BlockingIOError):
            trap.accept()


def test_a_long_list_of_readers(daemon, authority, pair, smtp):
    """Each of the audience gets one mail of its own."""
    server = smtp(cert=pair)
    addresses = [f"customer{i}@example{i % 7}.org" for i in range(300)]
    config = CONFIG.format(token=TOKEN, server=server.address, ca=authority.cert, options="sessions = 4", reach="log")
    config = config.replace("addresses = one@example.org, two@example.org", "addresses_file = list.csv")
    d = daemon({"escalated.ini": config, "list.csv": "mail;name\r\n" + "".join(f"{a};x\r\n" for a in addresses)}).start()
    trigger(d)
    wait_for(lambda: len(server.messages) >= 301, "all mails")
    assert sorted(to for message in server.messages for to in message["to"]) == sorted(addresses + ["bob@example.org"])
    assert len({read(message["data"])["Message-ID"] for message in server.messages}) == 301
