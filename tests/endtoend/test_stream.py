"""/v1/stream and `escalate tail`: every committed entry once, in order, to everybody, whatever the reader or the daemon does."""

import json
import random
import signal
import subprocess
import time

import pytest

from configs import EVENT, READ_TOKEN, TOKEN, ladder
from daemon import ESCALATE, SANITIZED, wait_for
from events import Stream

CONFIG = ladder("1h").replace("[http]\n", "[http]\nconnections_max = 4000\n{http}")


def start(daemon, http=""):
    return daemon(CONFIG.replace("{http}", http)).start()


def feed(d, first, count=100, **more):
    """So many new alerts."""
    events = [{**EVENT, "key": f"k{first + i}", "labels": {"service": "storefront", "region": f"r{first + i}"}}
              for i in range(count)]
    events = [{**event, **more} for event in events]
    answer = d.send(events, TOKEN)
    assert answer.status == 202, answer
    return [result["id"] for result in answer.json["results"]]


def timeline(d, after=0):
    rows = []
    while True:
        page = d.local("GET", f"/v1/timeline?after={after}").json
        rows += page["timeline"]
        if not page["timeline"]:
            return rows
        after = page["after"]


def end_of(d):
    return d.local("GET", "/v1/timeline").json["after"]


def rss_kb(d):
    with open(f"/proc/{d.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


class Tail:
    """`escalate tail --json` as a process of its own."""

    def __init__(self, d, *arguments):
        self.path = d.folder / f"tail{time.monotonic_ns()}.out"
        with open(self.path, "wb") as out:
            self.process = subprocess.Popen(
                [ESCALATE, "--socket", d.state_dir / "control.sock", "tail", "--json", *arguments],
                stdout=out, stderr=subprocess.PIPE, text=True)

    def rows(self):
        return [json.loads(line) for line in self.path.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def wait_for(self, last):
        wait_for(lambda: any(row["id"] >= last for row in self.rows()), f"tail to reach {last}")

    def stop(self):
        self.process.terminate()
        return self.process.communicate(timeout=60)[1]


@pytest.fixture
def tail():
    made = []

    def make(d, *arguments):
        made.append(Tail(d, *arguments))
        return made[-1]

    yield make
    for one in made:
        one.process.kill()
        one.process.wait(60)


def test_every_entry_once_in_the_shape_of_the_timeline(daemon):
    d = start(daemon)
    stream = Stream(d.port, token=READ_TOKEN)
    stream.read_until(lambda s: s.last_id is not None, "its place")
    number = d.send(EVENT, TOKEN).json["results"][0]["incident"]
    d.escalate("ack", str(number), "--as", "ann", "--eta", "30m")
    d.escalate("note", str(number), "Größe > 5\n\u2028data: x", "--as", "ann")
    d.send({"action": "resolve", "key": "checkout"}, TOKEN)
    stream.read_until(lambda s: s.events and s.events[-1][1] == "resolved", "the resolution")
    stream.close()
    rows = timeline(d)
    assert [data for _, _, data in stream.events] == rows[:len(stream.events)]
    assert all(id == data["id"] and kind == data["kind"] for id, kind, data in stream.events)
    states = [data["data"]["state"] for _, _, data in stream.events if "state" in data.get("data", {})]
    assert states == ["triggered", "acknowledged", "resolved"]


def test_who_may_read_and_where_one_may_begin(daemon):
    d = start(daemon)
    feed(d, 0, 10)
    last = end_of(d)
    assert Stream(d.port).read_head().status == 401
    assert Stream(d.port, token="x" * 30).read_head().status == 401
    for path in ("/v1/stream?after=x", f"/v1/stream?after={last + 1}", "/v1/stream?after=-1"):
        refused = Stream(d.port, path, token=READ_TOKEN).read_head()
        assert refused.status == 400
        assert refused.error().startswith("after: ")
    assert d.request("POST", "/v1/stream", {}, token=READ_TOKEN).status == 405
    all_of_it = Stream(socket_path=d.state_dir / "control.sock", path="/v1/stream?after=0")
    all_of_it.read_until(lambda s: s.last_id == last, "the newest")
    assert [data for _, _, data in all_of_it.events] == timeline(d)
    # The header is what a browser knows now, the address what it began with.
    rest = Stream(d.port, "/v1/stream?after=0", token=READ_TOKEN, last_id=last - 3)
    rest.read_until(lambda s: s.last_id == last, "the newest")
    assert rest.ids() == [last - 2, last - 1, last]


def test_tail_misses_and_repeats_nothing_across_restarts_and_kills(daemon, tail):
    d = start(daemon)
    tail = tail(d, "--after", "0")
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    accepted = []
    for life in range(6):
        accepted += feed(d, life * 1000, 10)
        tail.wait_for(end_of(d))  # so it is connected when the daemon goes
        for i in range(chance.randrange(1, 4)):
            accepted += feed(d, life * 1000 + (i + 1) * 100, 100)
        if life % 2:
            assert d.stop() == 0
        else:
            d.kill()
        d.start()
    accepted += feed(d, 9000, 10)
    wait_for(lambda: all(row["state"] != "claimed" for row in d.incident(1)["notifications"]), "the last sends")
    tail.wait_for(end_of(d))
    errors = tail.stop()
    rows = tail.rows()
    assert rows == timeline(d)[:len(rows)], f"seed {seed}"
    assert len([row for row in rows if row["kind"] in ("opened", "alert")]) == len(accepted), f"seed {seed}"
    assert errors.count("connecting again") == 6, errors


def test_tail_ends_with_the_reason(daemon):
    d = start(daemon)
    feed(d, 0, 5)
    counted = d.escalate("tail", "--after", "0", "--count", "7")
    assert len(counted.stdout.splitlines()) == 7
    assert "#1  opened" in counted.stdout
    beyond = d.escalate("tail", "--after", "999999", check=False)
    assert beyond.returncode == 65 and "want at most" in beyond.stderr, beyond
    assert d.escalate("tail", "--after", "x", check=False).returncode == 64
    assert d.stop() == 0
    nobody = d.escalate("tail", check=False)
    assert nobody.returncode == 69 and "is escalated running there?" in nobody.stderr, nobody


def test_slow_readers_cost_nobody_anything(daemon):
    d = start(daemon)
    slow_ones = [Stream(d.port, "/v1/stream?after=0", token=READ_TOKEN, buffer=4096) for _ in range(20)]
    quick = Stream(d.port, "/v1/stream?after=0", token=READ_TOKEN)
    feed(d, 0, 1)
    before = rss_kb(d)
    for i in range(1, 121):
        feed(d, i * 100, summary="x" * 1000)
        last = end_of(d)
        quick.read_until(lambda s, last=last: (s.last_id or 0) >= last, "what was committed")
    assert quick.ids() == sorted(set(quick.ids()))
    # Each of the slow ones has missed 12 MB. The system's socket buffers hold up to 4 of them, a queue 64 KB, and what is
    # between would be 160 MB.
    assert SANITIZED or rss_kb(d) < before + 64 * 1024, f"{rss_kb(d)} KB, {before} KB before"
    slow = slow_ones.pop()
    for other in slow_ones:
        other.close()
    got = []
    while not got or got[-1] < last:
        assert slow.read() or slow.comments, "an end says why"
        got += slow.ids()
        slow.events.clear()
        if slow.is_over:
            assert "you read too slowly" in slow.comments[-1]
            slow = Stream(d.port, token=READ_TOKEN, last_id=slow.last_id)
    assert got[:len(quick.ids())] == quick.ids()[:len(got)]


def test_a_hundred_streams(daemon):
    d = start(daemon)
    streams = [Stream(d.port, token=READ_TOKEN) for _ in range(60)]
    streams += [Stream(socket_path=d.state_dir / "control.sock") for _ in range(40)]
    for stream in streams:
        stream.read_until(lambda s: s.last_id is not None, "its place")
    assert "escalated_http_streams 100" in d.request("GET", "/metrics").body.decode()
    for i in range(10):
        feed(d, i * 100)
    last = end_of(d)
    want = [row["id"] for row in timeline(d) if row["id"] <= last]
    for stream in streams:
        stream.read_until(lambda s: s.last_id >= last, "the last")
        assert [id for id in stream.ids() if id <= last] == want


def test_their_number_is_bounded(daemon):
    d = start(daemon, "streams_max = 3\n")
    streams = [Stream(d.port, token=READ_TOKEN).read_head() for _ in range(3)]
    assert [stream.status for stream in streams] == [200] * 3
    refused = Stream(d.port, token=READ_TOKEN).read_head()
    assert refused.status == 503 and "streams_max" in refused.error()
    streams[1].close()
    sent = iter(range(100000))

    def is_free():
        feed(d, next(sent), 1)  # whoever has left is noticed when something is sent to them
        again = Stream(d.port, token=READ_TOKEN).read_head()
        again.close() if again.status != 200 else streams.append(again)
        return again.status == 200

    wait_for(is_free, "the place of the one that left")


def test_a_stop_ends_streams_with_a_word(daemon):
    d = start(daemon)
    streams = [Stream(d.port, token=READ_TOKEN).read_head() for _ in range(30)]
    deaf = [Stream(d.port, "/v1/stream?after=0", token=READ_TOKEN, buffer=4096).read_head() for _ in range(5)]
    for i in range(20):
        feed(d, i * 100)
    assert d.stop() == 0
    for stream in streams:
        while stream.read():
            pass
        assert stream.comments[-1] == "closed: the daemon stops"
    for stream in deaf:
        stream.close()


def test_a_reload_asks_for_the_token_again(daemon):
    d = start(daemon)
    remote = Stream(d.port, token=READ_TOKEN).read_head()
    local = Stream(socket_path=d.state_dir / "control.sock")
    local.read_until(lambda s: s.last_id is not None, "its place")
    d.configure(CONFIG.replace("{http}", "").replace(READ_TOKEN, "another-token-0123456789abcdef"))
    d.process.send_signal(signal.SIGHUP)
    while remote.read():
        pass
    assert "reloaded" in remote.comments[-1]
    assert Stream(d.port, token=READ_TOKEN).read_head().status == 401
    feed(d, 0, 1)
    local.read_until(lambda s: s.events, "an entry, on the same connection")
