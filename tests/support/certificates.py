"""A private certificate authority in a folder, made by openssl: good certificates and every kind of bad one."""

import os
import pathlib
import subprocess

CA_CONFIG = """
[ca]
default_ca = own
[own]
dir = {folder}
new_certs_dir = {folder}/issued
database = {folder}/index.txt
serial = {folder}/serial
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
"""


def openssl(*arguments):
    result = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, (arguments, result.stderr)


class Pair:
    """A certificate and its key, as files; the key is private."""

    def __init__(self, cert, key):
        self.cert, self.key = cert, key


class Authority:
    def __init__(self, folder, name="Test CA"):
        self.folder = pathlib.Path(folder)
        (self.folder / "issued").mkdir(parents=True)
        (self.folder / "index.txt").write_text("")
        (self.folder / "serial").write_text(os.urandom(8).hex().upper())
        self.config = self.folder / "ca.cnf"
        self.config.write_text(CA_CONFIG.format(folder=self.folder))
        self.cert = self.folder / "ca.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
                "-config", self.config, "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE",
                "-keyout", self.folder / "ca.key", "-out", self.cert)

    def issue(self, name, sans="IP:127.0.0.1,DNS:localhost", start="20200101000000Z", end="20491231235959Z",
              key=("ec", "-pkeyopt", "ec_paramgen_curve:P-256")):
        cert, secret, request = (self.folder / f"{name}.{kind}" for kind in ("pem", "key", "csr"))
        openssl("req", "-new", "-newkey", *key, "-nodes", "-config", self.config, "-subj", f"/CN={name}",
                "-addext", f"subjectAltName={sans}", "-keyout", secret, "-out", request)
        openssl("ca", "-batch", "-notext", "-config", self.config, "-startdate", start, "-enddate", end,
                "-in", request, "-out", cert)
        secret.chmod(0o600)
        return Pair(cert, secret)
