"""Webhooks over https: the peer proves who it is or gets nothing, and hears of it when it can."""

import sqlite3
import ssl

import pytest

from certificates import Authority
from configs import TOKEN
from daemon import wait_for

pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")

CONFIG = """
[http]
listen = 127.0.0.1:0

[source shop]
format = native
token = {token}

[channel hook]
plugin = webhook
url = {url}
{ca}

[contact ann]
hook = {url}

[policy default]
page = ann
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca") / "own")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca") / "other", "Another CA")


def server(pair, highest=ssl.TLSVersion.MAXIMUM_SUPPORTED):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_ciphers("ALL:@SECLEVEL=0")
    made.minimum_version, made.maximum_version = ssl.TLSVersion.TLSv1, highest
    made.load_cert_chain(pair.cert, pair.key)
    return made


def start(daemon, url, ca):
    return daemon(CONFIG.format(token=TOKEN, url=url, ca=f"ca_file = {ca}" if ca else "")).start()


def trigger(d):
    answer = d.send({"action": "trigger", "key": "k", "summary": "it fails", "severity": "critical"}, TOKEN)
    return answer.json["results"][0]["incident"]


def attempts(d):
    """Outcome, reason and detail of each attempt that has ended."""
    with sqlite3.connect(f"file:{d.state_dir / 'escalated.db'}?mode=ro", uri=True) as store:
        return store.execute("SELECT outcome, reason, detail FROM attempts WHERE ended_at_ms <> 0 "
                             "ORDER BY attempt").fetchall()


def notification(d, number):
    return d.incident(number)["notifications"][0]


def test_a_private_authority(daemon, receiver, authority):
    ledger = receiver(tls=server(authority.issue("peer")))
    d = start(daemon, ledger.url, authority.cert)
    number = trigger(d)
    wait_for(lambda: notification(d, number)["state"] == "accepted", "the webhook over https")
    assert len(ledger.requests) == 1 and attempts(d)[0][0] == "accepted"


def bad_peers(authority, stranger):
    good = authority.issue("good")
    own = stranger.issue("peer")
    return [
        ("another authority", server(own), authority.cert, "certificate"),
        ("the system does not know it", server(good), None, "certificate"),
        ("expired", server(authority.issue("expired", end="20210101000000Z")), authority.cert, "expired"),
        ("not yet", server(authority.issue("future", start="20480101000000Z")), authority.cert, "not yet valid"),
        ("another name", server(authority.issue("name", sans="DNS:hooks.example.com")), authority.cert, "127.0.0.1"),
        ("another address", server(authority.issue("address", sans="IP:127.0.0.2")), authority.cert, "127.0.0.1"),
        ("no name at all", server(authority.issue("nameless", sans="email:a@example.com")), authority.cert,
         "127.0.0.1"),
        ("TLS 1.1", server(good, ssl.TLSVersion.TLSv1_1), authority.cert, "version"),
    ]


@pytest.mark.parametrize("index", range(8))
def test_a_peer_that_cannot_prove_itself_gets_nothing(daemon, receiver, authority, stranger, tmp_path_factory, index):
    authority = Authority(tmp_path_factory.mktemp("ca") / "own")
    what, tls, ca, why = bad_peers(authority, stranger)[index]
    ledger = receiver(tls=tls)
    d = start(daemon, ledger.url, ca)
    number = trigger(d)
    wait_for(lambda: len(attempts(d)) >= 2, "the second attempt")
    for outcome, reason, detail in attempts(d):
        assert outcome == "temporary" and reason == "tls" and why in detail, (what, outcome, reason, detail)
    assert notification(d, number)["state"] in ("pending", "claimed")
    assert ledger.requests == [], what


def test_https_never_becomes_http(daemon, receiver, authority):
    ledger = receiver()  # speaks plain
    d = start(daemon, ledger.url.replace("http:", "https:"), authority.cert)
    trigger(d)
    wait_for(lambda: len(attempts(d)) >= 2, "the second attempt")
    assert {row[:2] for row in attempts(d)} == {("temporary", "tls")}
    assert ledger.requests == []


def test_a_redirect_to_http_is_not_followed(daemon, receiver, authority):
    plain = receiver()
    ledger = receiver(lambda request: (307, {"Location": plain.url}, b""), server(authority.issue("redirects")))
    d = start(daemon, ledger.url, authority.cert)
    number = trigger(d)
    wait_for(lambda: notification(d, number)["state"] == "failed", "the refusal")
    assert plain.requests == []


def test_it_arrives_once_when_the_peer_has_renewed(daemon, receiver, authority):
    tls = server(authority.issue("late", end="20210101000000Z"))
    ledger = receiver(tls=tls)
    d = start(daemon, ledger.url, authority.cert)
    number = trigger(d)
    wait_for(lambda: attempts(d), "a failed attempt")
    renewed = authority.issue("renewed")
    tls.load_cert_chain(renewed.cert, renewed.key)
    wait_for(lambda: notification(d, number)["state"] == "accepted", "the attempt after the renewal")
    assert len(ledger.requests) == 1
    assert attempts(d)[-1][0] == "accepted"


def test_an_authority_that_cannot_be_read(daemon, authority, tmp_path):
    (tmp_path / "empty.pem").write_text("no certificate\n")
    for ca, why in ((tmp_path / "missing.pem", "missing.pem"), (tmp_path, "tmp"), (tmp_path / "empty.pem", "want PEM")):
        d = daemon(CONFIG.format(token=TOKEN, url="https://127.0.0.1:1/", ca=f"ca_file = {ca}"))
        d.start(ready=False)
        assert d.process.wait(60) not in (0, None)
        assert "ca_file: " in d.log_text() and why in d.log_text(), d.log_text()
