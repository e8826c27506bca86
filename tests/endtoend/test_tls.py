"""HTTPS in: what works, what is refused, what a renewal does, and what a peer that speaks badly can do (nothing)."""

import http.client
import json
import shutil
import signal
import socket
import ssl
import subprocess

import pytest

from certificates import Authority, openssl
from configs import EVENT, READ_TOKEN, TOKEN, ladder
from daemon import ESCALATED, wait_for

CONFIG = ladder("1h").replace("[http]\n", "[http]\ntls_cert_file = server.pem\ntls_key_file = server.key\n{http}")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca") / "own")


def put(d, pair):
    """As a renewal does it: the files the configuration names get new contents."""
    d.config_dir.mkdir(parents=True, exist_ok=True)
    for source, name, mode in ((pair.cert, "server.pem", 0o644), (pair.key, "server.key", 0o600)):
        path = d.config_dir / name
        shutil.copyfile(source, path)
        path.chmod(mode)


def make(daemon, pair, http=""):
    d = daemon(CONFIG.replace("{http}", http))
    put(d, pair)
    return d


def context(authority, lowest=ssl.TLSVersion.TLSv1_2, highest=ssl.TLSVersion.MAXIMUM_SUPPORTED):
    made = ssl.create_default_context(cafile=authority.cert)
    made.set_ciphers("ALL:@SECLEVEL=0")  # so that it is the daemon which refuses what is old
    made.minimum_version, made.maximum_version = lowest, highest
    return made


def connect(d, authority, **versions):
    raw = socket.create_connection(("127.0.0.1", d.port), timeout=60)
    return context(authority, **versions).wrap_socket(raw, server_hostname="127.0.0.1")


def common_name(connection):
    return dict(part[0] for part in connection.getpeercert()["subject"])["commonName"]


def send(d, authority, key):
    connection = http.client.HTTPSConnection("127.0.0.1", d.port, timeout=60, context=context(authority))
    connection.request("POST", "/v1/events", json.dumps({**EVENT, "key": key}), {"Authorization": f"Bearer {TOKEN}"})
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    return answer.status, body


def check(d):
    return subprocess.run([ESCALATED, "--config", d.config_dir, "--check"], capture_output=True, text=True,
                          timeout=60, check=False)


@pytest.mark.parametrize("key", [("ec", "-pkeyopt", "ec_paramgen_curve:P-256"), ("rsa:2048",), ("ed25519",)],
                         ids=["ec", "rsa", "ed25519"])
def test_events_come_in_over_tls(daemon, authority, key):
    d = make(daemon, authority.issue(f"kind-{key[0].replace(':', '-')}", key=key)).start()
    assert send(d, authority, "by-python")[0] == 202
    result = subprocess.run(
        ["curl", "-sS", "--cacert", authority.cert, "-H", f"Authorization: Bearer {TOKEN}",
         "-H", "Content-Type: application/json", "-d", json.dumps({**EVENT, "key": "by-curl"}), f"https://localhost:{d.port}/v1/events"],
        capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0 and json.loads(result.stdout).get("status") == "accepted", result
    assert {alert["key"] for alert in d.incident(1)["alerts"]} == {"by-python", "by-curl"}


def handshake_in_memory(authority, pair, version):
    """With a server that takes any version: shows that the client really offers this one."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.set_ciphers("ALL:@SECLEVEL=0")
    server_context.minimum_version = ssl.TLSVersion.TLSv1
    server_context.load_cert_chain(pair.cert, pair.key)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context(authority, version, version).wrap_bio(back, there, server_hostname="127.0.0.1")
    server = server_context.wrap_bio(there, back, server_side=True)
    for side in (client, server) * 4:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            pass
    return client.version()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_only_versions_that_are_safe(daemon, authority):
    pair = authority.issue("versions")
    d = make(daemon, pair).start()
    version = ssl.TLSVersion
    for good in (version.TLSv1_2, version.TLSv1_3):
        with connect(d, authority, lowest=good, highest=good) as connection:
            assert connection.version() == good.name.replace("_", ".")
    for bad in (version.TLSv1, version.TLSv1_1):
        assert handshake_in_memory(authority, pair, bad) == {"TLSv1": "TLSv1", "TLSv1_1": "TLSv1.1"}[bad.name]
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            connect(d, authority, lowest=bad, highest=bad)


def broken_cases(authority, folder):
    good = authority.issue("good")
    other = authority.issue("other")
    expired = authority.issue("expired", end="20210101000000Z")
    future = authority.issue("future", start="20480101000000Z")
    sealed = folder / "sealed.key"
    openssl("ec", "-in", good.key, "-aes256", "-passout", "pass:x", "-out", sealed)
    unsorted = folder / "unsorted.pem"
    unsorted.write_text(other.cert.read_text() + good.cert.read_text() + authority.cert.read_text())
    cert, key = "escalated.ini:6: [http] tls_cert_file: ", "escalated.ini:7: [http] tls_key_file: "
    return [
        ("another key", good.cert, other.key, key, "belongs to another certificate"),
        ("no certificate", None, good.key, cert, "server.pem"),
        ("no key", good.cert, None, key, "server.key"),
        ("a folder as certificate", folder, good.key, cert, "server.pem"),
        ("a folder as key", good.cert, folder, key, "server.key"),
        ("expired", expired.cert, expired.key, cert, "expired at 2021-01-01T00:00:00Z; want one that is valid now"),
        ("not yet", future.cert, future.key, cert, "is valid from 2048-01-01T00:00:00Z on"),
        ("key as certificate", good.key, good.key, cert, "want PEM, BEGIN CERTIFICATE"),
        ("certificate as key", good.cert, good.cert, key, "want PEM, BEGIN PRIVATE KEY"),
        ("with a passphrase", good.cert, sealed, key, "has a passphrase; want one without"),
        ("no order", unsorted, other.key, cert, "want the server's certificate first"),
    ]


def test_what_cannot_be_served_is_refused_with_its_line(daemon, authority, tmp_path):
    (tmp_path / "x").mkdir()
    for what, cert, key, where, why in broken_cases(authority, tmp_path / "x"):
        d = daemon(CONFIG.replace("{http}", ""))
        for source, name in ((cert, "server.pem"), (key, "server.key")):
            path = d.config_dir / name
            if source is not None and source.is_dir():
                path.mkdir()
            elif source is not None:
                shutil.copyfile(source, path)
                path.chmod(0o600)
        result = check(d)
        assert result.returncode == 78, (what, result)
        line, = [line for line in result.stderr.splitlines() if line.startswith(where)] or [result.stderr]
        assert line.startswith(where) and why in line, (what, result.stderr)
        d.start(ready=False)
        assert d.process.wait(60) == 78
        assert why in d.log_text().replace('\\"', '"'), what


def test_a_key_that_others_may_read_is_refused(daemon, authority):
    d = make(daemon, authority.issue("open"))
    (d.config_dir / "server.key").chmod(0o644)
    result = check(d)
    assert result.returncode == 78
    assert result.stderr.startswith("escalated.ini:7: [http] tls_key_file: "), result.stderr
    assert "others" in result.stderr
    assert d.start(ready=False).process.wait(60) == 78


def test_a_renewed_certificate_is_served_and_old_connections_stay(daemon, authority):
    d = make(daemon, authority.issue("first")).start()
    old = connect(d, authority)
    assert common_name(old) == "first"
    put(d, authority.issue("second", key=("rsa:2048",)))
    d.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "new connections see the new TLS certificate" in d.log_text(), "the renewal")
    with connect(d, authority) as new:
        assert common_name(new) == "second"
    assert send(d, authority, "after-renewal")[0] == 202
    old.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert old.recv(4096).startswith(b"HTTP/1.1 200")
    old.close()
    assert "at the next start" not in d.log_text()


def test_a_broken_renewal_changes_nothing_at_all(daemon, authority):
    in_force = authority.issue("in-force")
    d = make(daemon, in_force).start()
    good = authority.issue("good-but-alone")
    refusals = 0
    for cert, key in ((good.cert, None), (None, good.key), (authority.issue("late", end="20210101000000Z").cert, None)):
        d.configure(CONFIG.replace("{http}", "").replace("+15550100", "+15550199"))
        for source, name in ((cert, "server.pem"), (key, "server.key")):
            if source is not None:
                shutil.copyfile(source, d.config_dir / name)
        d.process.send_signal(signal.SIGHUP)
        refusals += 1
        wait_for(lambda: d.log_text().count("reload refused") == refusals, "the refusal")
        with connect(d, authority) as connection:
            assert common_name(connection) == "in-force"
        put(d, in_force)
    number = send(d, authority, "still-the-old-rules")[1]["results"][0]["incident"]
    wait_for(lambda: d.incident(number)["notifications"], "the page")
    assert d.incident(number)["notifications"][0]["address"] == "+15550100"
    assert "configuration reloaded" not in d.log_text()


def test_renewals_under_load_drop_nothing(daemon, authority):
    d = make(daemon, authority.issue("load-a")).start()
    pairs = [authority.issue("load-b"), authority.issue("load-c", key=("rsa:2048",))]
    for i in range(40):
        if i % 4 == 0:
            put(d, pairs[i // 4 % 2])
            d.process.send_signal(signal.SIGHUP)
        assert send(d, authority, f"k{i}")[0] == 202
    assert len(d.incident(1)["alerts"]) == 40


def test_peers_that_speak_badly_hurt_nobody(daemon, authority):
    d = make(daemon, authority.issue("badly"), "header_timeout = 500ms\nconnections_per_ip_max = 20\n").start()
    raw = [socket.create_connection(("127.0.0.1", d.port), timeout=60) for _ in range(5)]
    for connection in raw:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    for connection in raw:
        answer = b""
        try:
            while piece := connection.recv(4096):
                answer += piece
        except ConnectionResetError:
            pass
        assert b"HTTP/1.1" not in answer, "nothing is said in the clear"
    # A record that announces more than ever comes, one byte now and then, and peers that say nothing at all.
    slow = [socket.create_connection(("127.0.0.1", d.port), timeout=60) for _ in range(15)]
    for i, connection in enumerate(slow):
        if i % 2:
            connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
    assert send(d, authority, "between-them")[0] == 202
    for connection in slow:
        try:
            while connection.recv(4096):
                pass
        except ConnectionResetError:
            pass
    # More than one address may have: cut, and served again when they have gone.
    many = [socket.create_connection(("127.0.0.1", d.port), timeout=60) for _ in range(60)]

    def is_served():
        try:
            return send(d, authority, "after-them")[0] == 202
        except (OSError, http.client.HTTPException):
            return False

    wait_for(is_served, "an answer, once the handshakes that never come are over")
    for connection in many:
        connection.close()


def test_a_stream_over_tls(daemon, authority):
    d = make(daemon, authority.issue("stream")).start()
    connection = connect(d, authority)
    connection.sendall(f"GET /v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {READ_TOKEN}\r\n\r\n".encode())
    text = b""
    while b"retry: 1000" not in text:
        text += connection.recv(4096)
    for i in range(20):
        send(d, authority, f"k{i}")
    while text.count(b"event: alert") < 19:
        text += connection.recv(4096)
    assert text.count(b"event: opened") == 1
    connection.close()
