"""A client of /v1/stream that reads as fast, as slowly, or as little as a test wants."""

import json
import socket


class Stream:
    """`path` with its query; over TCP with a token, or over the control socket when `socket_path` is given."""

    def __init__(self, port=None, path="/v1/stream", token=None, last_id=None, socket_path=None, buffer=None,
                 timeout=60):
        if socket_path is not None:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(str(socket_path))
        else:
            self.socket = socket.socket()
            if buffer is not None:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            self.socket.settimeout(timeout)
            self.socket.connect(("127.0.0.1", port))
        head = f"GET {path} HTTP/1.1\r\nHost: x\r\n"
        head += f"Authorization: Bearer {token}\r\n" if token else ""
        head += f"Last-Event-ID: {last_id}\r\n" if last_id is not None else ""
        self.socket.sendall((head + "\r\n").encode())
        self.raw = b""        # not yet taken apart
        self.text = b""       # of the body, not yet a whole block
        self.status = None
        self.events = []      # (id, kind, data)
        self.comments = []
        self.last_id = None   # of the last whole block
        self.is_over = False

    def read_head(self):
        while b"\r\n\r\n" not in self.raw:
            piece = self.socket.recv(4096)
            assert piece, "the daemon closed without an answer"
            self.raw += piece
        head, self.raw = self.raw.split(b"\r\n\r\n", 1)
        self.status = int(head.split()[1])
        return self

    def error(self):
        """The text of an answer that is no stream."""
        while not self.raw.endswith(b"}\n"):
            self.raw += self.socket.recv(4096)
        return json.loads(self.raw)["error"]

    def read(self, size=65536):
        """One piece; False at the end."""
        if self.status is None:
            self.read_head()
        else:
            try:
                piece = self.socket.recv(size)
            except ConnectionResetError:
                piece = b""
            self.is_over = self.is_over or not piece
            self.raw += piece
        while b"\r\n" in self.raw:
            line, rest = self.raw.split(b"\r\n", 1)
            count = int(line, 16)
            if len(rest) < count + 2:
                break
            self.text += rest[:count]
            self.raw = rest[count + 2:]
            self.is_over = self.is_over or count == 0
        while b"\n\n" in self.text:
            block, self.text = self.text.split(b"\n\n", 1)
            self._block(block.decode())
        return not self.is_over

    def _block(self, block):
        fields = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            if name == "":
                self.comments.append(value.strip())
            else:
                assert name not in fields, block
                fields[name] = value.removeprefix(" ")
        self.last_id = int(fields["id"]) if "id" in fields else self.last_id
        if "data" in fields:
            self.events.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))

    def read_until(self, condition, what):
        while not condition(self):
            assert self.read(), f"the stream ended before {what}: {self.comments}"
        return self

    def ids(self):
        return [event[0] for event in self.events]

    def close(self):
        self.socket.close()
