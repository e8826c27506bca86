"""Postfix on loopback with a configuration, queue and mailbox of its own; needs root, as Postfix itself does.

    server = Postfix(cert=pair, users={"alerts": "secret"})
    server.address, server.smtps     "localhost:PORT", "smtps://localhost:PORT", for `server =`
    server.messages()                raw mails as delivered to the one Maildir, oldest first
    server.verdicts["a@b.c"] = ["450 4.2.0 greylisted", "DUNNO"]    asked at RCPT, one an attempt, the last one stays

Verdicts come from a policy service, the way greylisting is done for Postfix. Options go into main.cf.
"""

import os
import pathlib
import shutil
import socketserver
import subprocess
import tempfile
import threading

from daemon import DEADLINE, wait_for
from postgres import free_port

USABLE = os.geteuid() == 0 and shutil.which("postfix", path="/usr/sbin") is not None
NOBODY = 65534

MAIN = """
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = /dev/stdout
myhostname = localhost
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
disable_dns_lookups = yes
smtpd_peername_lookup = no
default_transport = error:this server sends nothing on
virtual_mailbox_domains = example.com, example.org, xn--fiq228c.example
virtual_mailbox_maps = static:box/
virtual_mailbox_base = {dir}/mail
virtual_uid_maps = static:{nobody}
virtual_gid_maps = static:{nobody}
virtual_mailbox_limit = 0
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:{policy}
smtpd_policy_service_timeout = 10s
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_error_sleep_time = 0
in_flow_delay = 0
default_process_limit = 40
biff = no
alias_maps =
local_recipient_maps =
cyrus_sasl_config_path = {dir}/sasl
smtpd_sasl_path = smtpd
"""

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
127.0.0.1:{tls} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""


class Policy(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class Postfix:
    def __init__(self, cert=None, users=None, **options):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="postfix", dir="/tmp"))  # its own users must get here
        self.verdicts, self.asked = {}, []
        self.lock = threading.Lock()
        self.process = None
        try:
            self._start_policy()
            self.port, self.smtps_port = free_port(), free_port()
            self._configure(cert, users, options)
            self._start()
        except BaseException:
            self.stop()
            raise
        self.address = f"localhost:{self.port}"
        self.smtps = f"smtps://localhost:{self.smtps_port}"

    def _start_policy(self):
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                asked = {}
                for line in self.rfile:
                    name, _, value = line.decode(errors="replace").strip().partition("=")
                    if name:
                        asked[name] = value
                        continue
                    self.wfile.write(f"action={outer._judge(asked)}\n\n".encode())
                    asked = {}

        self.policy = Policy(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.policy.serve_forever, daemon=True).start()

    def _judge(self, asked):
        with self.lock:
            self.asked.append(asked)
            verdicts = self.verdicts.get(asked.get("recipient"), ["DUNNO"])
            return verdicts.pop(0) if len(verdicts) > 1 else verdicts[0]

    def _configure(self, cert, users, options):
        self.dir.chmod(0o755)
        for name in ("queue", "sasl", "data"):
            (self.dir / name).mkdir()
        shutil.chown(self.dir / "data", "postfix")
        (self.dir / "data").chmod(0o700)
        (self.dir / "mail").mkdir()
        os.chown(self.dir / "mail", NOBODY, NOBODY)
        settings = dict(options)
        if cert is not None:
            shutil.copy(cert.cert, self.dir / "cert.pem")
            shutil.copy(cert.key, self.dir / "key.pem")
            (self.dir / "key.pem").chmod(0o600)
            settings = {"smtpd_tls_cert_file": self.dir / "cert.pem", "smtpd_tls_key_file": self.dir / "key.pem",
                        "smtpd_tls_security_level": "may", "smtpd_tls_loglevel": 1, **settings}
        if users:
            self._add_users(users)
            settings = {"smtpd_sasl_auth_enable": "yes", "smtpd_tls_auth_only": "yes", "smtpd_sasl_local_domain": "test",
                        "smtpd_client_restrictions": "permit_sasl_authenticated, reject", **settings}
        main = MAIN.format(dir=self.dir, nobody=NOBODY, policy=self.policy.server_address[1])
        main += "".join(f"{name} = {value}\n" for name, value in settings.items())
        (self.dir / "main.cf").write_text(main)
        (self.dir / "master.cf").write_text(MASTER.format(port=self.port, tls=self.smtps_port))

    def _add_users(self, users):
        base = self.dir / "sasl" / "users.db"
        for name, password in users.items():
            subprocess.run(["/usr/sbin/saslpasswd2", "-p", "-c", "-f", base, "-u", "test", name], input=password,
                           text=True, check=True, timeout=DEADLINE)
        shutil.chown(base, "postfix")
        (self.dir / "sasl" / "smtpd.conf").write_text(
            f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {base}\nmech_list: PLAIN LOGIN\n")

    def _start(self):
        self.log = open(self.dir / "log", "wb")
        self.process = subprocess.Popen(["/usr/sbin/postfix", "-c", self.dir, "start-fg"], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log, start_new_session=True)
        wait_for(lambda: "daemon started" in self.log_text() or self.process.poll() is not None, "Postfix to start")
        assert self.process.poll() is None, self.log_text()

    def log_text(self):
        return (self.dir / "log").read_text(errors="replace")

    def messages(self):
        paths = (self.dir / "mail" / "box" / "new").glob("*")
        return [path.read_bytes() for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns)]

    def count(self):
        box = self.dir / "mail" / "box" / "new"
        return len(os.listdir(box)) if box.exists() else 0

    def to(self, address):
        """What was delivered for this address: Postfix notes it in front of the mail."""
        mark = f"X-Original-To: {address}\n".encode()
        return [raw for raw in self.messages() if mark in raw[:1000]]

    def wait_to(self, address, count=1):
        wait_for(lambda: len(self.to(address)) >= count, f"{count} mails for {address} in the Maildir")
        return self.to(address)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            subprocess.run(["/usr/sbin/postfix", "-c", self.dir, "stop"], check=False, timeout=DEADLINE,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.process.wait(DEADLINE)
        self.policy.shutdown()
        self.policy.server_close()
        shutil.rmtree(self.dir, ignore_errors=True)
