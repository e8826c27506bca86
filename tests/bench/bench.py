#!/usr/bin/python3
"""Us against a baseline in the same run: interleaved, medians, ratios, CPU per operation. Asserts no time.

usage: bench.py BUILD_DIR [--smoke] [NAME...]
names: intake batch connections peer wire delivery smtp memory mqtt engine simulate
"""

import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
BUILD = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else pathlib.Path("build")
os.environ["ESCALATED_BUILD"] = str(BUILD)
from daemon import Daemon, wait_for  # noqa: E402
from mosquitto import Mosquitto  # noqa: E402

import engine_alone  # noqa: E402

SMOKE = "--smoke" in sys.argv
ROUNDS = 1 if SMOKE else 5
SECONDS = 1 if SMOKE else 4
TOKEN = "bench-token-0123456789abcdef0123"
TICK = os.sysconf("SC_CLK_TCK")

CONFIG = """
[http]
listen = 127.0.0.1:0
connections_max = 2048
connections_per_ip_max = 2048

[source shop]
format = native
token = {token}
rate = 100000000
burst = 100000000
incidents_max = 1000000
alerts_max = 10000000

[gateway]
incidents_max = 1000000

[channel hook]
plugin = webhook
url = {url}
per_contact = 0
in_flight = 64
per_target = 64

[contact ann]
hook = {url}

[policy default]
{rung}
"""
# Held incidents page nobody during the run: intake alone. Otherwise each incident pages one webhook.
HELD = "page = ann\nhold = 1h"
PAGED = "page = ann"


class Temp:
    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="escalated-bench."))
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


class Program:
    """A baseline or peer that prints its port first."""

    def __init__(self, name, *arguments):
        self.process = subprocess.Popen([BUILD / "tests" / name, *arguments], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}/hook"

    def stop(self):
        self.process.terminate()
        return self.process.communicate(timeout=30)[0]


class Alertmanager:
    def __init__(self, folder, receiver_url):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        config = folder / "alertmanager.yml"
        config.write_text("route:\n  receiver: hook\n  group_by: ['...']\n  group_wait: 1s\n  repeat_interval: 24h\n"
                          f"receivers:\n- name: hook\n  webhook_configs:\n  - url: {receiver_url}\n    max_alerts: 0\n")
        self.process = subprocess.Popen(
            ["prometheus-alertmanager", f"--config.file={config}", f"--storage.path={folder}/am",
             f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address=", "--log.level=error"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def ready():
            try:
                return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=1).status == 200
            except OSError:
                return False
        wait_for(ready, "Alertmanager")

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def rss_bytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024


LUA = """
local thread_count = 0
function setup(thread) thread:set("thread_id", thread_count); thread_count = thread_count + 1 end
local n = 0
function request()
  n = n + 1
  %s
  return wrk.format("POST", "%s", {["Content-Type"]="%s", ["Authorization"]="Bearer %s"}, body)
end
function done(summary, latency, requests)
  io.write(string.format("RESULT %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), summary.errors.status + summary.errors.read +
    summary.errors.write + summary.errors.connect + summary.errors.timeout))
end
"""


def native_event(key):
    return ('{\\"action\\":\\"trigger\\",\\"key\\":\\"key-" .. (%s) .. "\\",\\"summary\\":\\"Checkout fails for one '
            'customer in three\\",\\"severity\\":\\"error\\",\\"labels\\":{\\"service\\":\\"storefront\\",'
            '\\"region\\":\\"eu\\",\\"host\\":\\"web-17\\",\\"team\\":\\"shop\\",\\"env\\":\\"prod\\"}}' % key)


def alertmanager_alert(key):
    return ('{\\"labels\\":{\\"alertname\\":\\"key-" .. (%s) .. "\\",\\"service\\":\\"storefront\\",\\"region\\":\\"eu\\",'
            '\\"host\\":\\"web-17\\",\\"team\\":\\"shop\\",\\"severity\\":\\"error\\"},\\"annotations\\":{\\"summary\\":'
            '\\"Checkout fails for one customer in three\\"}}' % key)


def lua(path, batch, distinct, alertmanager=False):
    """Request bodies: `distinct` keys in a ring, or every key new when it is 0."""
    number = "(n * %d + i)" % batch
    key = f'{number} % {distinct}' if distinct else f'thread_id .. "-" .. salt .. "-" .. {number}'
    item = (alertmanager_alert if alertmanager else native_event)(key)
    salt = f'local salt = "{time.monotonic_ns():x}"\n'
    if batch == 1:
        make = f'local i = 0\n  local body = "{item}"'
        if alertmanager:
            make = f'local i = 0\n  local body = "[{item}]"'
    else:
        make = (f'local parts = {{}}\n  for i = 1, {batch} do parts[i] = "{item}" end\n'
                '  local body = "[" .. table.concat(parts, ",") .. "]"')
    text = salt + LUA % (make, path, "application/json", TOKEN)
    return text


class Load:
    def __init__(self, requests, micros, p50, p99, errors):
        self.requests, self.seconds, self.p50, self.p99, self.errors = requests, micros / 1e6, p50, p99, errors

    @property
    def rate(self):
        return self.requests / self.seconds


def wrk(folder, port, script, connections, seconds=None):
    path = folder / f"load-{time.monotonic_ns()}.lua"
    path.write_text(script)
    result = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds or SECONDS}s", "--timeout", "20s", "-s", path,
                             f"http://127.0.0.1:{port}"], capture_output=True, text=True, timeout=120, check=True)
    numbers = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", result.stdout)
    assert numbers, result.stdout + result.stderr
    return Load(*map(int, numbers.groups()))


def start(folder, rung, url="http://127.0.0.1:9/none"):
    return Daemon(folder, CONFIG.format(token=TOKEN, url=url, rung=rung)).start()


def median(values):
    return statistics.median(values)


def report(name, text, ratio=None, target=None, at_most=False):
    verdict = ""
    if ratio is not None and target is None:
        verdict = f"  ratio {ratio:.2f}"
    elif ratio is not None:
        reached = ratio <= target if at_most else ratio >= target
        verdict = f"  ratio {ratio:.2f}, target {'<=' if at_most else '>='} {target:.2f}: " + (
            "reached" if reached else "NOT reached")
    print(f"{name:34} {text}{verdict}", flush=True)


def bench_intake():
    for connections, target in ((64, 0.30), (256, 0.45)):
        for what, distinct in (("known keys", 1000), ("every event a new incident", 0)):
            ours, bare, cpu = [], [], []
            for _ in range(ROUNDS):
                with Temp() as folder:
                    d = start(folder, HELD)
                    before = cpu_seconds(d.process.pid)
                    load = wrk(folder, d.port, lua("/v1/events", 1, distinct), connections)
                    assert load.errors == 0, f"{load.errors} errors"
                    ours.append(load.rate)
                    cpu.append((cpu_seconds(d.process.pid) - before) / load.requests * 1e6)
                    d.stop()
                    baseline = Program("bench_bare_http")
                    bare.append(wrk(folder, baseline.port, lua("/v1/events", 1, distinct), connections).rate)
                    baseline.stop()
            report(f"intake, {connections} connections",
                   f"{what}: {median(ours):.0f}/s durable, bare handler {median(bare):.0f}/s, "
                   f"{median(cpu):.1f} us CPU an event;", median(ours) / median(bare), target)


def bench_batch():
    for what, distinct in (("known keys", 1000), ("every event a new incident", 0)):
        ours, bare, cpu = [], [], []
        for _ in range(ROUNDS):
            with Temp() as folder:
                d = start(folder, HELD)
                before = cpu_seconds(d.process.pid)
                load = wrk(folder, d.port, lua("/v1/events", 64, distinct), 8)
                assert load.errors == 0, f"{load.errors} errors"
                ours.append(load.rate * 64)
                cpu.append((cpu_seconds(d.process.pid) - before) / load.requests / 64 * 1e6)
                d.stop()
                count = 20000 if SMOKE else 200000
                line = subprocess.run([BUILD / "tests" / "bench_bare_sqlite", folder / "bare.db", "64", str(count)],
                                      capture_output=True, text=True, check=True, timeout=300).stdout
                bare.append(count / float(line.split()[0]))
        report("batches of 64", f"{what}: {median(ours):.0f} events/s, bare SQLite {median(bare):.0f}/s, "
               f"{median(cpu):.1f} us CPU an event;", median(ours) / median(bare), 0.60)


def queue_up(broker, keys, count):
    """Leaves so many messages with the broker, for whoever has a session there."""
    lines = "".join(json.dumps({"action": "trigger", "key": keys(i), "severity": "error",
                                "summary": "Checkout fails for one customer in three",
                                "labels": {"service": "storefront", "region": "eu", "host": "web-17", "team": "shop",
                                           "env": "prod"}}) + "\n" for i in range(count))
    subprocess.run([*broker.client("mosquitto_pub"), "-t", "plant/1/alarm", "-q", "1", "-l"], input=lines.encode(),
                   check=True, timeout=300)


def plant(broker):
    return CONFIG.format(token=TOKEN, url="http://127.0.0.1:9/none", rung=HELD) + \
        f"\n[mqtt plant]\nurl = {broker.url}\n[source press]\nbroker = plant\ntopic = plant/+/alarm\nincidents_max = 1000000\nalerts_max = 10000000\n"


def feed(broker, keys, count, is_queued, consume):
    """consume() takes what was queued up before it began, or what a publisher sends meanwhile."""
    if is_queued:
        queue_up(broker, keys, count)
        return consume()
    publisher = threading.Thread(target=queue_up, args=(broker, keys, count))
    publisher.start()
    try:
        return consume()
    finally:
        publisher.join()


def consume_durably(broker, keys, count, is_queued):
    """Messages a second, and microseconds of CPU a message of the whole daemon."""
    with Temp() as folder:
        d = Daemon(folder, plant(broker)).start()

        def taken():
            text = d.request("GET", "/metrics").body.decode()
            return int(re.search(r'^escalated_events_total\{action="trigger"\} (\d+)', text, re.M).group(1))

        def consume():
            if is_queued:
                d.start()
            wait_for(lambda: taken() > 0, "the first message")
            begin, already, cpu = time.monotonic(), taken(), cpu_seconds(d.process.pid)
            wait_for(lambda: taken() >= count, "all messages", 120)
            seconds, cpu = time.monotonic() - begin, cpu_seconds(d.process.pid) - cpu
            return (count - already) / seconds, cpu / (count - already) * 1e6
        wait_for(lambda: "connected to the broker" in d.log_text(), "the session")
        if is_queued:
            assert d.stop() == 0
        figures = feed(broker, keys, count, is_queued, consume)
        assert d.stop() == 0
    return figures


class Consumer:
    """A baseline that says so when it is subscribed, and at last its messages a second and CPU a message."""

    def __init__(self, command, ready):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True)
        said = []
        for line in self.process.stdout:
            said.append(line)
            if ready in line:
                return
        raise AssertionError(f"{command} ended with {self.process.wait()}: {said}")

    def finish(self):
        lines = self.process.communicate(timeout=300)[0].splitlines()
        assert self.process.returncode == 0, (self.process.returncode, lines)
        return lines[-1:]


def consume_barely(broker, keys, count, is_queued):
    return consume_by([BUILD / "tests" / "bench_bare_mqtt", str(broker.port), "plant/+/alarm"], "ready", broker, keys, count,
                      is_queued)


def consume_unstored(broker, keys, count, is_queued):
    with Temp() as folder:
        path = folder / "escalated.ini"
        path.touch(0o600)
        path.write_text(plant(broker))
        return consume_by([BUILD / "tests" / "bench_own_mqtt", folder], "connected to the broker", broker, keys, count, is_queued)


def consume_by(command, ready, broker, keys, count, is_queued):
    consumer = Consumer([*command, "0" if is_queued else str(count)], ready)
    if is_queued:
        consumer.finish()

    def consume():
        line = (Consumer([*command, str(count)], ready) if is_queued else consumer).finish()[0]
        return tuple(float(figure) for figure in line.split())
    return feed(broker, keys, count, is_queued, consume)


def bench_mqtt():
    """What a store costs a consumer: when it takes a queue in one go, and when it takes what a publisher sends. Against our
    intake with nothing behind it, and against a bare loop of the library that does not even read what it gets."""
    count = 5000 if SMOKE else 40000
    ways = {"durable": consume_durably, "unstored": consume_unstored, "bare": consume_barely}
    for what, keys in (("known keys", lambda i: f"key-{i % 1000}"), ("every event a new incident", lambda i: f"key-{i}")):
        for is_queued in (True, False):
            figures = {way: [] for way in ways}
            for way in list(ways) * ROUNDS:
                broker = Mosquitto(settings={"autosave_on_changes": "false", "log_type": "error"}).start()
                try:
                    figures[way].append(ways[way](broker, keys, count, is_queued))
                finally:
                    broker.remove()
            medians = {way: [median(column) for column in zip(*rows)] for way, rows in figures.items()}
            (rate, cpu), (unstored, unstored_cpu), (bare, bare_cpu) = medians.values()
            name = f"{what}, {'a queue' if is_queued else 'as published'}"
            report("MQTT intake", f"{name}: {rate:.0f}/s durable, {unstored:.0f}/s without a store;", rate / unstored, 0.80)
            report("MQTT intake", f"{name}: a bare loop {bare:.0f}/s;", rate / bare, None)
            report("MQTT intake", f"{name}: {cpu:.1f} us CPU a message, target <= 12 (without a store {unstored_cpu:.1f}, bare "
                   f"{bare_cpu:.1f})")


def bench_connections():
    for connections in (128, 129, 256, 1024):
        with Temp() as folder:
            d = start(folder, HELD)
            load = wrk(folder, d.port, lua("/v1/events", 1, 1000), connections)
            report(f"{connections} connections", f"{load.rate:.0f}/s, p99 {load.p99 / 1000:.1f} ms, {load.errors} errors"
                   + ("" if load.errors == 0 and load.requests > 0 else "  STALL"))
            d.stop()


def bench_peer():
    """Every alert new and sent out by webhook, against Alertmanager 0.25, which keeps alerts in memory only."""
    for batch, connections in ((1, 64), (64, 8)):
        figures = {"ours": [], "theirs": []}
        for _ in range(ROUNDS):
            for who in ("ours", "theirs"):
                with Temp() as folder:
                    sink = Program("bench_sink_http")
                    if who == "ours":
                        d = start(folder, PAGED, sink.url)
                        pid, port, path = d.process.pid, d.port, "/v1/events"
                    else:
                        d = Alertmanager(folder, sink.url)
                        pid, port, path = d.process.pid, d.port, "/api/v2/alerts"
                    empty, before = rss_bytes(pid), cpu_seconds(pid)
                    load = wrk(folder, port, lua(path, batch, 0, who == "theirs"), connections)
                    alerts = load.requests * batch
                    figures[who].append((load.rate * batch, load.p99, (cpu_seconds(pid) - before) / alerts * 1e6,
                                         (rss_bytes(pid) - empty) / alerts))
                    d.stop()
                    sink.stop()
        ours, theirs = ([median(column) for column in zip(*figures[who])] for who in ("ours", "theirs"))
        name = "Alertmanager, " + ("single" if batch == 1 else "batches of 64")
        report(name, f"{ours[0]:.0f} against {theirs[0]:.0f} alerts/s;", ours[0] / theirs[0], 1.6)
        report(name, f"p99 {ours[1] / 1000:.1f} against {theirs[1] / 1000:.1f} ms;", ours[1] / theirs[1], 0.5, True)
        report(name, f"{ours[2]:.1f} against {theirs[2]:.1f} us CPU an alert;", ours[2] / theirs[2], 0.5, True)
        report(name, f"{ours[3]:.0f} against {theirs[3]:.0f} bytes an open incident;", ours[3] / theirs[3], 0.5, True)


def bench_wire():
    """Alert to wire on an idle system: from the first byte of the POST to the webhook's whole body at the receiver."""
    with Temp() as folder:
        sink = Program("bench_sink_http", "wire")
        d = start(folder, PAGED, sink.url)
        connection = http.client.HTTPConnection("127.0.0.1", d.port)
        times = []
        for i in range(20 if SMOKE else 300):
            body = json.dumps({"key": f"wire-{i}", "summary": "wire", "severity": "critical"})
            begin = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            connection.request("POST", "/v1/events", body,
                               {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"})
            arrived = int(sink.process.stdout.readline())
            assert connection.getresponse().read()
            times.append(arrived - begin)
            time.sleep(0.005)  # idle again: what is measured is one alert, not a queue
        times.sort()
        report("alert to wire, idle", f"p50 {times[len(times) // 2] / 1000:.2f} ms, "
               f"p99 {times[len(times) * 99 // 100] / 1000:.2f} ms (targets 1 and 3 ms)")
        d.stop()
        sink.stop()


def bench_delivery():
    count = 2000 if SMOKE else 20000
    ours, bare = [], []
    for _ in range(ROUNDS):
        with Temp() as folder:
            sink = Program("bench_sink_http")
            d = start(folder, PAGED + "\nhold = 3s", sink.url)
            connection = http.client.HTTPConnection("127.0.0.1", d.port)
            for first in range(0, count, 100):
                events = [{"key": f"d-{i}", "summary": "deliver", "severity": "error"} for i in range(first, first + 100)]
                connection.request("POST", "/v1/events", json.dumps(events),
                                   {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"})
                assert connection.getresponse().read()

            def accepted():
                text = d.request("GET", "/metrics").body.decode()
                return int(re.search(r'^escalated_attempts_total\{outcome="accepted"\} (\d+)', text, re.M).group(1))
            wait_for(lambda: accepted() > 0, "the first delivery", 120)
            begin, already = time.monotonic(), accepted()
            wait_for(lambda: accepted() >= count, "all deliveries", 300)
            ours.append((count - already) / (time.monotonic() - begin))
            d.stop()
            line = subprocess.run([BUILD / "tests" / "bench_bare_curl", sink.url, str(count), "64", "700"],
                                  capture_output=True, text=True, check=True, timeout=300).stdout
            bare.append(count / float(line.split()[0]))
            sink.stop()
    report("webhook deliveries", f"{median(ours):.0f}/s with durable outcomes, bare libcurl {median(bare):.0f}/s;",
           median(ours) / median(bare), 0.40)


class SmtpSink:
    """Postfix's own: it takes everything and keeps nothing."""

    def __init__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        user = ["-u", "nobody"] if os.getuid() == 0 else []
        self.process = subprocess.Popen(["/usr/sbin/smtp-sink", *user, self.address, "256"])

        def ready():
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return True
            except OSError:
                return False
        wait_for(ready, "smtp-sink")

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def bench_smtp():
    """The mail channel with its helper programs against bare libesmtp loops, as many sessions of as many messages."""
    count = 2000 if SMOKE else 20000
    for sessions, per_session in ((1, 20), (2, 20)):
        ours, bare = [], []
        for _ in range(ROUNDS):
            sink = SmtpSink()
            shape = [sink.address, str(count), str(per_session), str(sessions), "2000"]
            for rates, command in ((ours, ["bench_own_smtp", BUILD / "lib" / "escalated" / "email.so"]),
                                   (bare, ["bench_bare_smtp"])):
                line = subprocess.run([BUILD / "tests" / command[0], *command[1:], *shape], capture_output=True, text=True,
                                      check=True, timeout=300).stdout
                rates.append(count / float(line.split()[0]))
            sink.stop()
        report("mail", f"{sessions} session(s) of {per_session}: {median(ours):.0f}/s, bare libesmtp {median(bare):.0f}/s;",
               median(ours) / median(bare), 0.70)


def bench_simulate():
    engine_alone.bench_simulate(BUILD, ROUNDS, report)


def bench_engine():
    engine_alone.bench_engine(BUILD, 1 if SMOKE else 3, (10000,) if SMOKE else (10000, 100000, 1000000), report)


def open_incidents(daemon, count):
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port)
    for first in range(0, count, 100):
        events = [{"key": f"m-{i}", "summary": f"Checkout fails on host {i}", "severity": "error",
                   "labels": {"service": "storefront", "region": "eu", "host": f"web-{i}", "team": "shop",
                              "env": "prod"}} for i in range(first, first + 100)]
        connection.request("POST", "/v1/events", json.dumps(events),
                           {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"})
        answer = connection.getresponse()
        assert answer.status == 202, answer.read()
        answer.read()
    connection.close()


def metric(daemon, name):
    text = daemon.request("GET", "/metrics").body.decode()
    return int(re.search(rf"^{re.escape(name)} (\d+)", text, re.M).group(1))


def seconds_to_ready(daemon):
    begin = time.monotonic()
    daemon.start()
    wait_for(lambda: daemon.request("GET", "/readyz").status == 200, "readiness", 120)
    return time.monotonic() - begin


def bench_million():
    count = 5000 if SMOKE else 1000000
    with Temp() as folder:
        d = start(folder, HELD.replace("1h", "12h"))
        empty = rss_bytes(d.process.pid)
        open_incidents(d, count)
        full = rss_bytes(d.process.pid)
        assert metric(d, "escalated_open_incidents") == count
        assert d.stop() == 0
        ready = seconds_to_ready(d)
        cpu = cpu_seconds(d.process.pid)
        report("start, a million", f"{ready:.2f} s, {cpu:.2f} s CPU with {count} open incidents (target 8); "
               f"{(full - empty) / count:.0f} bytes each while they came, {(rss_bytes(d.process.pid) - empty) / count:.0f} "
               "after the start")
        d.stop()


def bench_memory():
    count = 5000 if SMOKE else 100000
    with Temp() as folder:
        sink = Program("bench_sink_http")
        d = start(folder, PAGED, sink.url)
        empty = rss_bytes(d.process.pid)
        open_incidents(d, count)
        wait_for(lambda: metric(d, 'escalated_notifications{state="pending"}') == 0 and
                 metric(d, 'escalated_notifications{state="claimed"}') == 0, "all pages", 600)
        assert metric(d, "escalated_open_incidents") == count
        full = rss_bytes(d.process.pid)
        report("memory", f"empty {empty / 2**20:.1f} MB (target 16); {(full - empty) / count:.0f} bytes an open incident "
               f"at {count} (target 1024)")
        assert d.stop() == 0
        ready = seconds_to_ready(d)
        report("start", f"{ready:.2f} s with {count} open incidents (target 1); "
               f"{(rss_bytes(d.process.pid)) / 2**20:.1f} MB after it")
        d.stop()
        sink.stop()


def main():
    known = {name[6:]: function for name, function in globals().items() if name.startswith("bench_")}
    wanted = [name for name in sys.argv[2:] if not name.startswith("--")] or list(known)
    for name in wanted:
        known[name]()


if __name__ == "__main__":
    main()
