#!/usr/bin/env python3
"""A PostgreSQL server of the test's own: a cluster in a fresh folder, a free port on loopback, stopped by pid.

As a program it runs a command beside such a server, and starts the server again whenever the command has killed it:
    postgres.py COMMAND [ARGUMENT...]
The command finds it by $ESCALATED_TEST_POSTGRES (a URL) and $ESCALATED_TEST_POSTGRES_DATA (the folder with postmaster.pid).
"""

import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time

DEADLINE = 60.0


def bin_folder():
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    assert found, "PostgreSQL's server is not installed (Debian package postgresql)"
    return found[-1].parent


def account():
    """The server refuses to run as root; anybody else runs it as himself."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise AssertionError("no account to run PostgreSQL with, want postgres or nobody")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def temporary(account):
    """Where its files go: the usual folder, unless the server runs as somebody who may not enter it (below /root, say)."""
    usual = pathlib.Path(tempfile.gettempdir()).resolve()
    closed = account and not all(folder.stat().st_mode & stat.S_IXOTH for folder in (usual, *usual.parents))
    return "/tmp" if closed else usual


class Postgres:
    def __init__(self, settings=()):
        self.bin = bin_folder()
        self.account = account()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="escalated-postgres-", dir=temporary(self.account)))
        self.data = self.folder / "data"
        self.port = None
        self.process = None
        self.databases = 0
        if self.account:
            os.chown(self.folder, self.account["user"], self.account["group"])
        self.settings = ["listen_addresses=127.0.0.1", f"unix_socket_directories={self.folder}",
                         "max_connections=60", "shared_buffers=32MB", "log_min_messages=fatal", *settings]
        self._run("initdb", "-D", self.data, "-U", "escalated", "--auth=trust", "--encoding=UTF8", "--no-locale",
                  "--no-instructions")

    def _run(self, program, *arguments):
        done = subprocess.run([self.bin / program, *arguments], cwd=self.folder, capture_output=True, text=True,
                              check=False, **self.account)
        assert done.returncode == 0, (program, done.stdout, done.stderr)

    def launch(self):
        arguments = [argument for setting in [*self.settings, f"port={self.port}"] for argument in ("-c", setting)]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([self.bin / "postgres", "-D", self.data, *arguments], cwd=self.folder,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self.account)

    def start(self):
        """The first time it finds a port that nobody else has taken meanwhile, and keeps it."""
        is_first = self.port is None
        for _ in range(10 if is_first else 1):
            self.port = free_port() if is_first else self.port
            begin = self.log_bytes()
            self.launch()
            if self.wait_ready():
                return self
            if b"could not create any TCP/IP sockets" not in (self.folder / "log").read_bytes()[begin:]:
                break
        raise AssertionError((self.folder / "log").read_text())

    def log_bytes(self):
        log = self.folder / "log"
        return log.stat().st_size if log.exists() else 0

    def wait_ready(self):
        """False: it has ended, or not become ready in time."""
        end = time.monotonic() + DEADLINE
        while self.process.poll() is None and time.monotonic() < end:
            if self.is_ready():
                return True
            time.sleep(0.02)
        return False

    def is_ready(self):
        return subprocess.run([self.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)],
                              check=False).returncode == 0

    def stop(self, how=signal.SIGINT):
        """SIGINT: cut the sessions, checkpoint; SIGQUIT: no clean-up, as after a crash."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(DEADLINE)

    def remove(self):
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder)

    def url(self, database="postgres", port=None, **options):
        query = "&".join(f"{key}={value}" for key, value in options.items())
        return f"postgresql://escalated@127.0.0.1:{port or self.port}/{database}" + (f"?{query}" if query else "")

    def make_database(self):
        self.databases += 1
        name = f"test{self.databases}"
        self.sql(f"CREATE DATABASE {name}")
        return name

    def sql(self, text, database="postgres"):
        done = subprocess.run([self.bin / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d",
                               self.url(database), "-c", text], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (text, done.stderr)
        return done.stdout.strip()

    def rows(self, query, database):
        """Tuples as sqlite3 would give them; the query's columns need different names."""
        text = self.sql(f"SELECT coalesce(json_agg(q), '[]') FROM ({query}) AS q", database)
        return [tuple(row.values()) for row in json.loads(text)]


class Database:
    """As much of a sqlite3 connection as the audit uses."""

    class Rows(list):
        def fetchall(self):
            return self

    def __init__(self, server, name):
        self.server, self.name = server, name

    def execute(self, query):
        return self.Rows(self.server.rows(query, self.name))


def keep_running(server, ended):
    while not ended.is_set():
        server.process.wait()
        if not ended.wait(0.05):  # what the killed one shared may take a moment to go, then the next try works
            server.launch()


def end(*_):
    raise SystemExit(143)


def main():
    signal.signal(signal.SIGTERM, end)
    server = Postgres()
    ended = threading.Event()
    try:
        server.start()
        keeper = threading.Thread(target=keep_running, args=(server, ended), daemon=True)
        keeper.start()
        environment = {**os.environ, "ESCALATED_TEST_POSTGRES": server.url(),
                       "ESCALATED_TEST_POSTGRES_DATA": str(server.data)}
        code = subprocess.run(sys.argv[1:], env=environment, check=False).returncode
        ended.set()
        server.stop(signal.SIGQUIT)
        keeper.join(DEADLINE)
        return code if code >= 0 else 1
    finally:
        ended.set()
        server.remove()


if __name__ == "__main__":
    sys.exit(main())
