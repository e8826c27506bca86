"""Starts a real escalated on loopback with a fresh folder and a free port, and talks to it."""

import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

from disk import Disk

BUILD = pathlib.Path(os.environ["ESCALATED_BUILD"])
ESCALATED = BUILD / "bin" / "escalated"
ESCALATE = BUILD / "bin" / "escalate"
# Which stores this build has.
STORES = ["sqlite", "postgres"] if "ESCALATED_POSTGRES:BOOL=ON" in (BUILD / "CMakeCache.txt").read_text() else ["sqlite"]
# Their memory says nothing about ours: freed blocks are kept, and each byte has a shadow.
SANITIZED = any(name in ESCALATED.read_bytes() for name in (b"__asan_init", b"__tsan_init"))
# Sanitized builds on a busy machine are slow; a deadline only bounds a failure, it never delays a success.
DEADLINE = 60.0


def wait_for(condition, what, deadline=DEADLINE):
    """Polls until condition() is truthy and returns that value; fails with `what` after the deadline."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited {deadline:.0f} s for {what}"
        time.sleep(0.01)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Daemon:
    """One escalated process. `config` maps file names to texts, or is one text for escalated.ini."""

    def __init__(self, folder, config, env=None):
        self.folder = pathlib.Path(folder).resolve()
        self.config_dir = self.folder / "config"
        self.state_dir = self.folder / "state"
        self.log_path = self.folder / "escalated.log"
        self.env = {**os.environ, **(env or {})}
        self.process = None
        self.port = None
        self.disk = None
        self.configure(config)

    def put_on_disk(self, log=False):
        """From its next start on its files lie on a disk that the test controls; with `log` power can be cut."""
        self.disk = Disk(self.folder / "disk", self.state_dir, log)
        self.env.update(self.disk.env)
        return self

    def configure(self, config):
        self.config_dir.mkdir(parents=True, exist_ok=True)
        files = config if isinstance(config, dict) else {"escalated.ini": config}
        for name, text in files.items():
            path = self.config_dir / name
            path.write_text(text)
            path.chmod(0o600)

    def start(self, ready=True):
        if self.disk is not None:
            self.disk.begin()
        self.log = open(self.log_path, "ab")
        begin = self.log_path.stat().st_size
        self.process = subprocess.Popen(
            [ESCALATED, "--config", self.config_dir, "--state", self.state_dir],
            stderr=self.log, stdout=self.log, stdin=subprocess.DEVNULL, env=self.env)
        if ready:
            wait_for(lambda: "msg=ready" in self.log_text(begin) or self.process.poll() is not None,
                     "the daemon to be ready")
            assert self.process.poll() is None, f"the daemon ended:\n{self.log_text(begin)}"
            self.find_port(begin)
        return self

    def find_port(self, begin=0):
        for line in self.log_text(begin).splitlines():
            if "msg=listening" in line:
                self.port = int(line.split("port=")[1].split()[0])

    def log_text(self, begin=0):
        with open(self.log_path, "rb") as file:
            file.seek(begin)
            return file.read().decode(errors="replace")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(DEADLINE)
        self.log.close()

    def cut_power(self, chance):
        """Kills it and leaves of its folder what a disk may hold then; says what was kept of the rest."""
        self.kill()
        return self.disk.cut(chance)

    def stop(self):
        """SIGTERM; returns the exit code."""
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(DEADLINE)
        self.log.close()
        return code

    def request(self, method, path, body=None, headers=None, token=None, timeout=DEADLINE):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        return self._exchange(connection, method, path, body, headers, token)

    def local(self, method, path, body=None, headers=None):
        """The same over the control socket."""
        connection = http.client.HTTPConnection("localhost", timeout=DEADLINE)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(DEADLINE)
        connection.sock.connect(str(self.state_dir / "control.sock"))
        return self._exchange(connection, method, path, body, headers, None)

    @staticmethod
    def _exchange(connection, method, path, body, headers, token):
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def send(self, event, token):
        return self.request("POST", "/v1/events", event, token=token)

    def incident(self, number):
        return self.local("GET", f"/v1/incidents/{number}").json

    def escalate(self, *arguments, check=True, stdin=None):
        """Runs the command line against this daemon."""
        result = subprocess.run(
            [ESCALATE, "--socket", self.state_dir / "control.sock", *arguments],
            input=stdin, capture_output=True, text=True, timeout=DEADLINE, check=False)
        if check:
            assert result.returncode == 0, (arguments, result.returncode, result.stdout, result.stderr)
        return result

    def messages(self, channel=None):
        """What plugin `file` captured, oldest first."""
        root = self.state_dir / "messages"
        folders = [root / channel] if channel else sorted(root.glob("*")) if root.exists() else []
        paths = [path for folder in folders if folder.exists() for path in folder.iterdir()
                 if not path.name.startswith(".")]
        return [path.read_text() for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns)]
