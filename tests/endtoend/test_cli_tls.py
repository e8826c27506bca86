"""The command line over https: a private authority, and a clear word about every way in which it goes wrong."""

import json
import os
import shutil
import subprocess

import pytest

from certificates import Authority
from configs import READ_TOKEN, TOKEN, ladder
from daemon import ESCALATE, wait_for

CONFIG = ladder("1h").replace("127.0.0.1:0", "127.0.0.1:{port}") + """
[token writer]
secret = writer-token-0123456789abcdef0
access = write
"""
TLS = "[http]\ntls_cert_file = server.pem\ntls_key_file = server.key\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca") / "own")


def config(port=0):
    return CONFIG.replace("{port}", str(port)).replace("[http]\n", TLS)


def put(d, pair):
    shutil.copyfile(pair.cert, d.config_dir / "server.pem")
    shutil.copyfile(pair.key, d.config_dir / "server.key")
    (d.config_dir / "server.key").chmod(0o600)


@pytest.fixture
def tls_daemon(daemon, authority):
    d = daemon(config())
    put(d, authority.issue("cli"))
    return d.start()


def environment(url, token=READ_TOKEN, ca=None):
    env = {key: value for key, value in os.environ.items() if not key.startswith("ESCALATE_")}
    env |= {"ESCALATE_URL": url, "ESCALATE_TOKEN": token}
    return env | ({"ESCALATE_CA_FILE": str(ca)} if ca else {})


def run(*arguments, **options):
    return subprocess.run([ESCALATE, *arguments], capture_output=True, text=True, timeout=60, check=False,
                          env=environment(**options))


def test_a_private_authority_by_environment_or_option(tls_daemon, authority):
    url = f"https://127.0.0.1:{tls_daemon.port}"
    tls_daemon.escalate("send", "it fails", "--source", "storefront", "--key", "k", "service=storefront")
    listed = run("list", "--json", url=url, ca=authority.cert)
    assert listed.returncode == 0 and json.loads(listed.stdout)[0]["number"] == 1, listed
    listed = run("--ca-file", authority.cert, "list", url=url + "/")
    assert listed.returncode == 0 and "it fails" in listed.stdout, listed
    # The option is nearer than the environment.
    listed = run("--ca-file", authority.cert, "list", url=url, ca="/nowhere.pem")
    assert listed.returncode == 0, listed
    acked = run("ack", "1", "--as", "ann", url=url, ca=authority.cert, token="writer-token-0123456789abcdef0")
    assert acked.returncode == 0 and tls_daemon.incident(1)["state"] == "acknowledged", acked
    assert run("ack", "1", url=url, ca=authority.cert).returncode == 65, "a token that may only read"


def test_what_is_not_proved_is_not_spoken_to(tls_daemon, authority, tmp_path):
    stranger = Authority(tmp_path / "ca", "Another CA")
    url = f"https://127.0.0.1:{tls_daemon.port}"
    (tmp_path / "garbage.pem").write_text("nothing\n")
    for why, arguments, options in (
            ("ESCALATE_CA_FILE", (), {"url": url}),  # named as what to do
            ("from that authority", (), {"url": url, "ca": stranger.cert}),
            ("ESCALATE_CA_FILE: ", (), {"url": url, "ca": tmp_path / "missing.pem"}),
            ("want PEM, BEGIN CERTIFICATE", (), {"url": url, "ca": tmp_path / "garbage.pem"}),
            ("--ca-file: ", ("--ca-file", tmp_path), {"url": url}),
            ("--ca-file is for ESCALATE_URL=https://", ("--ca-file", authority.cert),
             {"url": url.replace("https", "http")}),
            ("want http://… or https://…", (), {"url": "ftp://127.0.0.1"}),
            ("127.0.0.1", (), {"url": url.replace("https", "http")})):
        result = run(*arguments, "list", **options)
        assert result.returncode == 69 and why in result.stderr, (why, result)
        assert result.stdout == ""
    local = subprocess.run([ESCALATE, "--ca-file", authority.cert, "list"], capture_output=True, text=True,
                           timeout=60, check=False,
                           env={k: v for k, v in os.environ.items() if not k.startswith("ESCALATE_")})
    assert local.returncode == 69 and "no ESCALATE_URL" in local.stderr, local


def test_a_name_that_is_not_on_the_certificate(daemon, authority):
    d = daemon(config())
    put(d, authority.issue("elsewhere", sans="DNS:alerts.example.com"))
    d.start()
    for command in ("list", "tail"):
        result = run(command, url=f"https://127.0.0.1:{d.port}", ca=authority.cert)
        assert result.returncode == 69 and "for this name" in result.stderr, result


def test_https_to_a_plain_listener(daemon, authority):
    d = daemon(CONFIG.replace("{port}", "0")).start()
    result = run("list", url=f"https://127.0.0.1:{d.port}", ca=authority.cert)
    assert result.returncode == 69 and "does it speak https" in result.stderr, result


def test_tail_goes_on_over_https_after_a_restart_with_a_renewed_certificate(tls_daemon, authority, tmp_path):
    d = tls_daemon
    out = tmp_path / "tail.out"
    with open(out, "wb") as file:
        tail = subprocess.Popen([ESCALATE, "tail", "--json", "--after", "0"], stdout=file, stderr=subprocess.PIPE,
                                text=True, env=environment(f"https://127.0.0.1:{d.port}", ca=authority.cert))

    def event(key):
        d.escalate("send", key, "--source", "storefront", "--key", key, "service=storefront")
        wait_for(lambda: key in out.read_text(), f"{key} in the tail")

    try:
        event("first-key")
        d.configure(config(d.port))
        put(d, authority.issue("next"))
        d.kill()
        d.start()
        event("second-key")
    finally:
        tail.terminate()
        errors = tail.communicate(timeout=60)[1]
    ids = [json.loads(line)["id"] for line in out.read_text().splitlines()]
    assert ids == list(range(1, len(ids) + 1))
    assert errors.count("connecting again") == 1, errors
    assert TOKEN not in errors and READ_TOKEN not in errors
