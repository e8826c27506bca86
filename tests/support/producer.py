"""A small MQTT 3.1.1 client that publishes at QoS 1 and knows what the broker has acknowledged, and a way to the broker on which
the daemon's PUBACKs can be lost."""

import json
import random
import selectors
import socket
import struct
import threading


def text(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("!H", len(data)) + data


def packet(kind, body):
    length, size = b"", len(body)
    while True:
        size, low = divmod(size, 128)
        length += bytes([low | (128 if size else 0)])
        if not size:
            return bytes([kind]) + length + body


class Connection:
    """One session of a publisher; any trouble is an OSError."""

    def __init__(self, port, name):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.sendall(packet(0x10, text("MQTT") + bytes([4, 2]) + struct.pack("!H", 0) + text(name)))
        if self._read(4)[3] != 0:
            raise OSError("the broker refuses")

    def _read(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise OSError("the broker has gone")
            data += piece
        return data

    def publish(self, topic, payload, number):
        """Returns when the broker has acknowledged it."""
        self.socket.sendall(packet(0x32, text(topic) + struct.pack("!H", number) + payload))
        if self._read(4) != b"\x40\x02" + struct.pack("!H", number):
            raise OSError("another answer than a PUBACK")

    def close(self):
        self.socket.close()


class Producer(threading.Thread):
    """Publishes events until told to stop. What the broker acknowledged is remembered; after any trouble it goes on with other
    keys: nobody knows what became of the last one."""

    def __init__(self, port, name, topic, seed, per_second):
        super().__init__(daemon=True)
        self.port, self.name_, self.topic, self.random = port, name, topic, random.Random(seed)
        self.pause = 1.0 / per_second
        self.stopping = threading.Event()
        self.accepted = []  # (key, action), each once
        self.firing = []
        self.sent = 0
        self.most = None  # so many are accepted, then it waits; None: no end
        self.failure = None
        self.connection = None

    def run(self):
        try:
            while not self.stopping.wait(self.pause):
                if self.most is None or len(self.accepted) < self.most:
                    self.publish_once()
        except Exception as failure:  # reported by the test, a thread cannot fail it
            self.failure = failure
        if self.connection is not None:
            self.connection.close()

    def publish_once(self):
        event = self.make_event()
        try:
            if self.connection is None:
                self.connection = Connection(self.port, self.name_)
            self.connection.publish(self.topic, json.dumps(event).encode(), self.sent % 65535 + 1)
        except OSError:
            if self.connection is not None:
                self.connection.close()
            self.connection = None
            return
        self.accepted.append((event["key"], event["action"]))
        if event["action"] == "trigger":
            self.firing.append(event["key"])

    def make_event(self):
        self.sent += 1
        if self.firing and self.random.random() < 0.3:
            return {"action": "resolve", "key": self.firing.pop(self.random.randrange(len(self.firing)))}
        key = f"{self.name_}-{self.sent}"
        return {"action": "trigger", "key": key, "summary": f"summary of {key}", "severity": "error",
                "labels": {"host": f"h{self.sent % 7}"}}

    def finish(self):
        self.stopping.set()
        self.join(60)
        assert not self.is_alive(), "the producer hangs"
        assert self.failure is None, self.failure


class Way(threading.Thread):
    """A proxy before the broker. While `deaf`, what the daemon says vanishes, as in a network that breaks."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.deaf = False
        self.lost = 0  # bytes
        self.stopping = threading.Event()
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ, None)
        self.start()

    def run(self):
        while not self.stopping.is_set():
            for key, _ in self.selector.select(0.1):
                if key.data is None:
                    self._accept()
                elif key.fileobj.fileno() >= 0:  # its other side may have ended it a moment ago
                    self._carry(key.fileobj, *key.data)

    def _accept(self):
        near, _ = self.listener.accept()
        try:
            far = socket.create_connection(("127.0.0.1", self.target), timeout=5)
        except OSError:
            near.close()
            return
        for one in (near, far):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.selector.register(near, selectors.EVENT_READ, (far, True))
        self.selector.register(far, selectors.EVENT_READ, (near, False))

    def _carry(self, source, target, is_daemon):
        try:
            data = source.recv(65536)
            if data and is_daemon and self.deaf:
                self.lost += len(data)
                return
            if data:
                target.sendall(data)
                return
        except OSError:
            pass
        for one in (source, target):
            self.selector.unregister(one)
            one.close()

    def close(self):
        self.stopping.set()
        self.join(30)
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()
