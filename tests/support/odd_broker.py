"""A broker of MQTT 3.1.1 that does what the test says, also what no mosquitto can be brought to: it gives packet ids as it likes,
refuses topics, sends rubbish. One client at a time; it keeps no messages, but says that it has kept the session."""

import socket
import struct
import threading
import time

DEADLINE = 60.0
CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP = (
    1, 2, 3, 4, 8, 9, 10, 11, 12, 13)


def packet(kind, body=b"", flags=0):
    length, digits = len(body), b""
    while True:
        length, digit = divmod(length, 128)
        digits += bytes([digit | (0x80 if length else 0)])
        if not length:
            return bytes([kind << 4 | flags]) + digits + body


class OddBroker:
    """`granted` tells of a filter what its subscription is answered with; `confirmed` are the packet ids of the
    client's PUBACKs, of all connections."""

    def __init__(self, granted=lambda _: 1):
        self.granted = granted
        self.filters, self.confirmed, self.client, self.connections = [], [], None, 0
        self.keeps_session = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return  # closed
            with client:
                try:
                    while self._answer(client, *self._read(client)):
                        pass
                except OSError:
                    pass
                self.client = None

    @staticmethod
    def _exactly(client, count):
        data = b""
        while len(data) < count:
            more = client.recv(count - len(data))
            if not more:
                raise OSError("the end")
            data += more
        return data

    def _read(self, client):
        first, length, shift = self._exactly(client, 1)[0], 0, 0
        while True:
            digit = self._exactly(client, 1)[0]
            length |= (digit & 0x7F) << shift
            shift += 7
            if digit < 0x80:
                return first, self._exactly(client, length)

    def _answer(self, client, first, body):
        kind = first >> 4
        if kind == CONNECT:
            client.sendall(packet(CONNACK, bytes([self.keeps_session, 0])))
            self.keeps_session = True
            self.connections += 1
            self.client = client
        elif kind == PUBLISH and first & 0x06:
            length = struct.unpack("!H", body[:2])[0]
            client.sendall(packet(PUBACK, body[2 + length:4 + length]))
        elif kind == PUBACK:
            self.confirmed.append(struct.unpack("!H", body[:2])[0])
        elif kind == SUBSCRIBE:
            length = struct.unpack("!H", body[2:4])[0]
            name = body[4:4 + length].decode()
            client.sendall(packet(SUBACK, body[:2] + bytes([self.granted(name)])))
            self.filters.append(name)
        elif kind == UNSUBSCRIBE:
            client.sendall(packet(UNSUBACK, body[:2]))
        elif kind == PINGREQ:
            client.sendall(packet(PINGRESP))
        return kind != 14  # DISCONNECT

    def wait_for(self, condition, what):
        end = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < end, f"waited {DEADLINE:.0f} s for {what}"
            time.sleep(0.01)

    def publish(self, topic, payload, packet_id=0, dup=False):
        """At QoS 1 with a packet id, else at QoS 0."""
        name = topic.encode()
        body = struct.pack("!H", len(name)) + name + (struct.pack("!H", packet_id) if packet_id else b"") + payload
        self.send(packet(PUBLISH, body, (0x02 if packet_id else 0) | (0x08 if dup else 0)))

    def send(self, data):
        self.wait_for(lambda: self.client is not None, "a client")
        self.client.sendall(data)

    def end(self):
        """Ends the connection, if there is one."""
        client = self.client
        try:
            if client is not None:
                client.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the client was faster

    def cut(self):
        """Ends the connection, and returns when the client is back."""
        before = self.connections
        self.end()
        self.wait_for(lambda: self.connections > before, "the client to come back")

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.end()
        self.thread.join(DEADLINE)
