"""A mail server on loopback that keeps a ledger of what it took and fails as it is told (smtp_server.mjs).

    server = SmtpServer(cert=pair, users={"alerts": "secret"})
    server.address                        "localhost:PORT", for `server =`; "smtps://localhost:PORT" with secure=True
    server.messages                       dicts: from, to, data (bytes), user, secure, session, args, hello
    server.fault(rcpt={"a@b.c": "550 5.1.1 no such user"})      replaces all faults

Options: cert (a certificates.Pair), secure (TLS from the first byte), starttls=False, users, auth_methods, auth_optional,
insecure_auth, utf8=False, pipelining=False, max_version="TLSv1.2", size, host, port, faults, and odd="mute", "drip" or
"garbage" for what is no mail server.

Faults, each with the server's own words ("450 4.2.0 greylisted"):
    connect   the greeting, or "mute"            auth    every login
    mail      every MAIL FROM                    rcpt    {address or "*": words}
    data      {address or "*": words after the message, "drop-after-dot" and "hang-after-dot" (both have taken it),
              "drop-before-dot" or "stop-reading"}
    after     {"count": N, "what": words or "drop"} at the first MAIL FROM after N messages
    greylist  True: the first RCPT of each address gets 450              delay_ms   before a message is answered
"""

import base64
import json
import pathlib
import subprocess
import threading

from daemon import DEADLINE, wait_for

SERVER = pathlib.Path(__file__).resolve().parent / "smtp_server.mjs"


class SmtpServer:
    def __init__(self, cert=None, faults=None, **options):
        if cert is not None:
            options.update(cert=str(cert.cert), key=str(cert.key))
        options["faults"] = faults or {}
        self.options = options
        self.events = []
        self.changed = threading.Condition()
        self.process = subprocess.Popen(["node", SERVER, json.dumps(options)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        self.port = self.wait_event("listening")["port"]
        self.address = f"{'smtps://' if options.get('secure') else ''}localhost:{self.port}"

    def _read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            if "data" in event:
                event["data"] = base64.b64decode(event["data"])
            with self.changed:
                self.events.append(event)
                self.changed.notify_all()

    def _seen(self, kind):
        with self.changed:
            return [event for event in self.events if event["event"] == kind]

    def of(self, kind):
        """All events of this kind until now: what a client has been answered is among them."""
        self._tell(None)
        return self._seen(kind)

    @property
    def messages(self):
        return self.of("message")

    def to(self, address):
        return [message for message in self.messages if address in message["to"]]

    def wait_event(self, kind, count=1):
        """The count-th event of this kind, once it has happened."""
        with self.changed:
            def enough():
                return sum(event["event"] == kind for event in self.events) >= count
            assert self.changed.wait_for(enough, DEADLINE), f"waited {DEADLINE:.0f} s for {kind} {count}"
        return self._seen(kind)[count - 1]

    def wait_messages(self, count=1):
        wait_for(lambda: len(self.messages) >= count, f"{count} messages at the mail server")
        return self.messages

    def fault(self, **faults):
        self._tell(faults)

    def _tell(self, faults_or_none):
        if self.process.poll() is None:
            seen = len(self._seen("faults"))
            self.process.stdin.write(json.dumps(faults_or_none) + "\n")
            self.process.stdin.flush()
            self.wait_event("faults", seen + 1)

    def stop(self):
        """Gone at once: connections are reset, later ones refused."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(DEADLINE)
        self.thread.join(DEADLINE)
        self.process.stdin.close()
        self.process.stdout.close()
