"""The engine alone: what `bench_engine` prints against its targets, and a simulated month. Asserts no time."""

import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time


def figures(build, what, count, **environment):
    """What `bench_engine` prints: NAME -> microseconds of CPU time each, or bytes."""
    lines = subprocess.run([build / "tests" / "bench_engine", what, str(count)], capture_output=True, text=True,
                           check=True, timeout=900, env={**os.environ, **environment}).stdout.splitlines()
    return {fields[0]: int(fields[1]) if len(fields) == 2 else float(fields[2]) / int(fields[1]) * 1e6
            for fields in map(str.split, lines)}


def medians(build, rounds, what, count):
    runs = [figures(build, what, count) for _ in range(rounds)]
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def goal(value, target, at_most=True):
    reached = value <= target if at_most else value >= target
    return f"target {target:g}: {'reached' if reached else 'NOT reached'}"


SIMULATED = """
[source shop]
format = native

[channel hook]
plugin = webhook
url = http://127.0.0.1:9/

[contact ann]
hook = http://127.0.0.1:9/

[contact bob]
hook = http://127.0.0.1:9/

[schedule lead]
members = ann, bob
rotate = weekly mon 09:00 Europe/Berlin

[policy default]
page = ann

[policy shop]
match = service="storefront"
hold = 60s
repeat = 2

[step shop/lead]
page = @lead
wait = 5m

[step shop/second]
page = bob
wait = 10m

[step shop/tell]
when = acked
inform = bob
"""


def simulated_month(count):
    """Opened in equal distances, two thirds acknowledged after seven minutes, all resolved after an hour."""
    lines = []
    for i in range(count):
        at = i * 30 * 86400 // count
        lines.append((at, {"event": {"source": "shop", "action": "trigger", "key": f"k{i}", "severity": "error",
                                     "summary": f"Checkout fails on host {i}",
                                     "labels": {"service": "storefront", "host": f"web-{i}"}}}))
        if i % 3 != 0:
            lines.append((at + 420, {"reply": {"from": "ann", "via": "hook", "text": "ack eta 30m"}}))
        lines.append((at + 3600, {"event": {"source": "shop", "action": "resolve", "key": f"k{i}"}}))
    lines.sort(key=lambda line: line[0])
    text, before = "", 0
    for at, line in lines:
        text += json.dumps({"at": f"+{at - before}s" if text else "2026-03-01T00:00:00Z", **line}) + "\n"
        before = at
    return text + '{"at":"+2h","end":true}\n'


def bench_simulate(build, rounds, report):
    count, cpu, wall = 1000, [], []
    with tempfile.TemporaryDirectory(prefix="escalated-bench.") as name:
        folder = pathlib.Path(name)
        config = folder / "config"
        config.mkdir()
        (config / "escalated.ini").write_text(SIMULATED)
        scenario = simulated_month(count)
        for _ in range(rounds):
            before, begin = os.times(), time.monotonic()
            subprocess.run([build / "bin" / "escalate", "simulate", "--config", config], input=scenario, text=True,
                           check=True, timeout=60, stdout=subprocess.DEVNULL)
            wall.append(time.monotonic() - begin)
            after = os.times()
            cpu.append(after.children_user + after.children_system - before.children_user - before.children_system)
    report("simulate", f"a month of {count} incidents in {statistics.median(wall):.2f} s, {statistics.median(cpu):.2f} s CPU; "
           f"{goal(statistics.median(cpu), 1)}")


def bench_engine(build, rounds, counts, report):
    routes = medians(build, rounds, "routes", 20000)
    report("engine, routing", f"{routes['indexed']:.2f} us an event by the index, {routes['plain']:.2f} us by asking every "
           f"policy: {routes['plain'] / routes['indexed']:.0f} times")
    for count in counts:
        inputs = medians(build, rounds, "inputs", count)
        for name in ("open", "join", "repeat", "resolve", "storm"):
            rate = 1e6 / inputs[name]
            report(f"engine, {name}, {count}", f"{rate:.0f} inputs/s, {inputs[name]:.2f} us, "
                   f"{inputs[name] / inputs['bare']:.1f} times a bare count; {goal(rate, 1e6, at_most=False)}")
        timers = medians(build, rounds, "timers", count)
        report(f"engine, timers, {count}", f"{timers['timer']:.2f} us one that is set anew, {timers['page']:.2f} us one that "
               f"pages, a bare heap {timers['heap']:.2f} us")
        memory = figures(build, "memory", count)
        report(f"engine, memory, {count}", f"{memory['held']} bytes an open incident, {memory['texts']} of them its texts, "
               f"{memory['paged']} with a page; {goal(memory['held'], 600)} "
               f"(without texts {memory['held'] - memory['texts']})")
    with tempfile.TemporaryDirectory(prefix="escalated-bench.") as folder:
        store = str(pathlib.Path(folder) / "engine.db")
        figures(build, "start", counts[-1], ENGINE_BENCH_STORE=store)
        begin = time.monotonic()
        start = figures(build, "start", counts[-1], ENGINE_BENCH_STORE=store)["start"] * counts[-1] / 1e6
        report("engine, start", f"{start:.2f} s CPU with {counts[-1]} open incidents ({time.monotonic() - begin:.2f} s with "
               f"its end); {goal(start, 8)}")
