"""A shop that posts alerts without pause: the load of the tests that kill, cut and starve the daemon."""

import http.client
import json
import random
import threading

from configs import TOKEN

CONFIG = """
[http]
listen = 127.0.0.1:0

[source shop]
format = native
token = {token}
rate = 10000000
burst = 10000000

[channel hook]
plugin = webhook
url = {url}
secret = whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=

[contact ann]
hook = {url}

[contact bob]
hook = {url}

[policy default]
page = ann

[policy shop]
match = source="shop"

[step shop/first]
page = ann
wait = 1s

[step shop/second]
page = bob
wait = 1s
"""
STEPS = [("first", "ann"), ("second", "bob")]


PRESS = """
[mqtt plant]
url = mqtt://127.0.0.1:{port}
version = {version}

[source press]
broker = plant
topic = plant/+/alarm

[policy press]
match = source="press"

[step press/first]
page = ann
wait = 1s

[step press/second]
page = bob
wait = 1s
"""


def config(url):
    return CONFIG.format(token=TOKEN, url=url)


def press(port, version="5"):
    """What takes events from a broker as well, under the same ladder."""
    return PRESS.format(port=port, version=version)


class Producer(threading.Thread):
    """Posts events until told to stop; a positive answer is remembered, anything else is sent again as a new event."""

    def __init__(self, name, port_of, seed, per_second):
        super().__init__(daemon=True)
        self.name_, self.port_of, self.random = name, port_of, random.Random(seed)
        self.pause = 1.0 / per_second
        self.stopping = threading.Event()
        self.accepted = []  # (event id, key, action)
        self.refused = []  # (status, Retry-After)
        self.keys = []
        self.sent = 0
        self.failure = None

    def run(self):
        try:
            while not self.stopping.wait(self.pause):
                self.post_once()
        except Exception as failure:  # reported by the test, a thread cannot fail it
            self.failure = failure

    def finish(self):
        self.stopping.set()
        self.join(60)
        assert not self.is_alive(), "the producer hangs"
        assert self.failure is None, self.failure

    def post_once(self):
        events = [self.make_event() for _ in range(self.random.choice([1, 1, 1, 3]))]
        connection = http.client.HTTPConnection("127.0.0.1", self.port_of(), timeout=30)
        try:
            connection.request("POST", "/v1/events", json.dumps(events),
                               {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"})
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            return  # killed under us: no answer, no promise
        finally:
            connection.close()
        assert response.status in (202, 503), (response.status, body)
        if response.status != 202:
            self.refused.append((response.status, response.headers["Retry-After"]))
            return
        results = json.loads(body)["results"]
        assert [result["key"] for result in results] == [event["key"] for event in events]
        for result, event in zip(results, events):
            self.accepted.append((result["id"], event["key"], event["action"]))
            if event["action"] == "trigger":
                self.keys.append(event["key"])

    def make_event(self):
        self.sent += 1
        if self.keys and self.random.random() < 0.15:
            return {"action": "resolve", "key": self.random.choice(self.keys)}
        if self.keys and self.random.random() < 0.2:
            key = self.random.choice(self.keys)
        else:
            key = f"{self.name_}-{self.sent}"
        return {"action": "trigger", "key": key, "summary": f"summary of {key}", "severity": "error",
                "labels": {"host": f"h{self.sent % 7}"}}


class Shop:
    """Several producers against one daemon."""

    def __init__(self, daemon, seed, producers=2, per_second=60):
        self.producers = [Producer(f"p{i}", lambda: daemon.port, seed * 10 + i, per_second) for i in range(producers)]
        for producer in self.producers:
            producer.start()

    def close(self):
        """Stops posting; a producer that failed fails the test."""
        for producer in self.producers:
            producer.finish()

    @property
    def accepted(self):
        return [one for producer in self.producers for one in producer.accepted]

    def recent(self, count):
        """The last ones each producer was answered."""
        return [one for producer in self.producers for one in producer.accepted[-count:]]

    @property
    def refused(self):
        return [one for producer in self.producers for one in producer.refused]
