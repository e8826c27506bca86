#!/usr/bin/env python3
"""A mosquitto of the test's own on free loopback ports, its files in a fresh folder, ended by pid; and clients of it.

As a program it runs a command beside a broker with three listeners, plain, with a password, with TLS:
    mosquitto.py COMMAND [ARGUMENT...]
The command finds them by $ESCALATED_TEST_MQTT, $ESCALATED_TEST_MQTT_PASSWORD (user `escalated`, password `right`)
and $ESCALATED_TEST_MQTT_TLS, URLs each, and the certificate authority by $ESCALATED_TEST_MQTT_CA, a file.
"""

import getpass
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

DEADLINE = 60.0
USER, PASSWORD = "escalated", "right"


def program(name):
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/bin")
    assert found, f"{name} is not installed (Debian packages mosquitto and mosquitto-clients)"
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what):
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"waited {DEADLINE:.0f} s for {what()}"
        time.sleep(0.01)


class Mosquitto:
    """A broker. It listens plainly at `port`; `users` (name -> password) shuts strangers out of that port, `tls` (a
    Pair of certificates.py) makes it speak TLS. `acl` is the text of an access list. `settings` are lines of
    mosquitto.conf by their first word; None takes one away. Every change is saved at once, so `kill` loses what a
    power cut would: nothing that was acknowledged longer than a moment ago."""

    def __init__(self, users=None, tls=None, acl=None, settings=None, listeners=()):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="escalated-mosquitto-"))
        self.port = free_port()
        self.process = None
        self.users, self.tls = users, tls
        general = {"persistence": "true", "persistence_location": f"{self.folder}/", "autosave_on_changes": "true",
                   "autosave_interval": "1", "max_queued_messages": "0", "connection_messages": "true",
                   "log_dest": "stderr", "log_type": "all", "user": getpass.getuser(),
                   "per_listener_settings": "true" if listeners else "false", **(settings or {})}
        lines = [f"{key} {value}" for key, value in general.items() if value is not None]
        lines += self._listener(self.port, users, tls, acl)
        self.ports = [self.port]
        for one in listeners:
            self.ports.append(free_port())
            lines += self._listener(self.ports[-1], **one)
        self.config = self.folder / "mosquitto.conf"
        self.config.write_text("\n".join(lines) + "\n")

    def _listener(self, port, users=None, tls=None, acl=None):
        lines = [f"listener {port} 127.0.0.1", f"allow_anonymous {'false' if users else 'true'}"]
        if users:
            path = self.folder / f"passwords-{port}"
            for name, password in users.items():
                done = subprocess.run([program("mosquitto_passwd"), "-b", *([] if path.exists() else ["-c"]), path,
                                       name, password], capture_output=True, text=True, check=False)
                assert done.returncode == 0, done.stderr
            lines.append(f"password_file {path}")
        if acl is not None:
            path = self.folder / f"acl-{port}"
            path.write_text(acl)
            lines.append(f"acl_file {path}")
        if tls is not None:
            lines += [f"certfile {tls.cert}", f"keyfile {tls.key}"]
        return lines

    def launch(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([program("mosquitto"), "-c", self.config], cwd=self.folder,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self):
        self.launch()
        wait_until(lambda: self.is_ready() or self.process.poll() is not None, lambda: f"mosquitto: {self.log()}")
        assert self.process.poll() is None, self.log()
        return self

    def is_ready(self):
        for port in self.ports:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) != 0:
                    return False
        return True

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def _end(self, how):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.send_signal(signal.SIGCONT)  # also one that was frozen
            self.process.wait(DEADLINE)

    def stop(self):
        """SIGTERM: it saves everything and cuts its clients off."""
        self._end(signal.SIGTERM)

    def kill(self):
        self._end(signal.SIGKILL)

    def restart(self):
        self.stop()
        return self.start()

    def freeze(self):
        """It keeps its connections and answers nothing until `thaw`."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def remove(self):
        self.kill()
        shutil.rmtree(self.folder)

    @property
    def url(self):
        return f"{'mqtts' if self.tls else 'mqtt'}://127.0.0.1:{self.port}"

    def client(self, name, user=None, ca=None, version=5):
        """The beginning of a command line of mosquitto_pub or mosquitto_sub."""
        user = user or (next(iter(self.users)) if self.users else None)
        return [program(name), "-V", "5" if version == 5 else "311", "-h", "127.0.0.1", "-p", str(self.port),
                *(["-u", user, "-P", self.users[user]] if user else []), *(["--cafile", str(ca)] if ca else [])]

    def publish(self, topic, payload, *options, qos=1, retain=False, user=None, ca=None, version=5):
        """Returns when the broker has acknowledged it; `options` go to mosquitto_pub (-D publish … for properties)."""
        if not isinstance(payload, (bytes, str)):
            payload = json.dumps(payload)
        payload = payload if isinstance(payload, bytes) else payload.encode()
        done = subprocess.run([*self.client("mosquitto_pub", user, ca, version), "-t", topic, "-q", str(qos),
                               "-s" if payload else "-n", *(["-r"] if retain else []), *options], input=payload,
                              capture_output=True, timeout=DEADLINE, check=False)
        assert done.returncode == 0, (done.returncode, done.stdout, done.stderr, self.log()[-2000:])

    def subscribe(self, *topics, **options):
        return Subscriber(self, topics, **options)


class Message:
    def __init__(self, fields):
        self.topic, self.payload = fields["topic"], fields.get("payload") or ""
        self.is_retained = bool(fields["retain"])
        self.qos, self.properties = fields["qos"], fields.get("properties", {})

    @property
    def json(self):
        return json.loads(self.payload)

    def __repr__(self):
        return f"<{self.topic}{' retained' if self.is_retained else ''} {self.payload[:300]!r}>"


class Subscriber:
    """A mosquitto_sub that has subscribed when this returns; keeps every message, and of each topic the latest."""

    def __init__(self, broker, topics, qos=1, user=None, ca=None, version=5, options=()):
        self.messages = []
        self.said = []  # what is not a message
        filters = [word for topic in topics for word in ("-t", topic)]
        # Into a pipe it would keep its lines to itself.
        command = [program("stdbuf"), "-oL", *broker.client("mosquitto_sub", user, ca, version), "-d", "-F", "%j"]
        self.process = subprocess.Popen([*command, "-q", str(qos), *filters, *options], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        wait_until(lambda: any("Subscribed (" in line for line in self.said) or self.process.poll() is not None,
                   lambda: f"the subscription: {self.said}")
        assert self.process.poll() is None, self.said

    def _read(self):
        for line in self.process.stdout:
            text = line.decode(errors="replace")
            if text.startswith("{"):
                self.messages.append(Message(json.loads(text)))
            else:
                self.said.append(text)

    @property
    def latest(self):
        """topic -> Message; a topic whose latest payload is empty is gone."""
        last = {message.topic: message for message in list(self.messages)}
        return {topic: message for topic, message in last.items() if message.payload != ""}

    def of(self, topic):
        return [message for message in list(self.messages) if message.topic == topic]

    def wait_for(self, condition, what):
        """Until condition(self) is truthy; returns that value."""
        found = []
        wait_until(lambda: found.append(condition(self)) or found[-1], lambda: f"{what}: {self.messages[-20:]}")
        return found[-1]

    def wait_latest(self, topic, condition, what="the topic"):
        """Until the latest of a topic is there and satisfies condition(message); returns the message."""
        return self.wait_for(lambda self: (one := self.latest.get(topic)) and condition(one) and one,
                             f"{what} at {topic}")

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(DEADLINE)
        self.thread.join(DEADLINE)
        self.process.stdout.close()


def end(*_):
    raise SystemExit(143)


def main():
    from certificates import Authority  # pylint: disable=import-outside-toplevel
    signal.signal(signal.SIGTERM, end)
    with tempfile.TemporaryDirectory(prefix="escalated-mosquitto-ca-") as folder:
        authority = Authority(pathlib.Path(folder) / "ca")
        broker = Mosquitto(listeners=[{"users": {USER: PASSWORD}}, {"tls": authority.issue("broker")}])
        try:
            broker.start()
            urls = [f"{scheme}://127.0.0.1:{port}" for scheme, port in zip(("mqtt", "mqtt", "mqtts"), broker.ports)]
            environment = {**os.environ, "ESCALATED_TEST_MQTT": urls[0], "ESCALATED_TEST_MQTT_PASSWORD": urls[1],
                           "ESCALATED_TEST_MQTT_TLS": urls[2], "ESCALATED_TEST_MQTT_CA": str(authority.cert)}
            code = subprocess.run(sys.argv[1:], env=environment, check=False).returncode
            return code if code >= 0 else 1
        finally:
            broker.remove()


if __name__ == "__main__":
    sys.exit(main())
