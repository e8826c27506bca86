"""What a scenario may not hold, and that the lists of scenarios name what is there."""

import itertools
import re
import subprocess
from pathlib import Path

import pytest

from daemon import ESCALATE

SCENARIOS = Path(__file__).parent.parent / "scenarios"
EVENT = '{"at":"2026-03-01T02:00:00Z","event":{"source":"shop","key":"k"}}\n'


def simulate(text):
    return subprocess.run([ESCALATE, "simulate", "--config", SCENARIOS / "hold"], input=text,
                          capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize("text, says", [
    (b"", "the scenario is empty, want lines like"),
    (b"[]\n", "stdin:1: got an array, want a JSON object"),
    (b'\n{"at":"+1m","evnt":{}}\n', """stdin:2: got 'evnt', did you mean "event"?"""),
    (EVENT.replace('"key"', '"kye"').encode(), "event: unknown key 'kye', did you mean 'key'?"),
    (EVENT.replace('"k"', "7").encode(), "event.key: got a whole number, want a string"),
    (EVENT.replace("shop", "shpo").encode(), "stdin:1: event.source: there is no [source shpo]"),
    ((EVENT + '{"at":"2026-03-01T01:00:00Z","end":true}').encode(), "stdin:2: at: got '2026-03-01T01:00:00Z', want no time"),
    ((EVENT + '{"at":"+1m","clock":"1h"}').encode(), "clock: got '1h', want by how much it is set, as in +1h or -30m"),
    ((EVENT + '{"at":"+1m","delivery":{"to":"nobody","outcome":"failed"}}').encode(), "delivery.to: got 'nobody', want"),
    (b"{\0}\n", "NUL byte"),
    (b"a" * 2_000_000, "a line of 2000000 bytes, want at most 1048576"),
    (b"\n" * 2_000_000, "the scenario is empty"),
], ids=lambda value: "" if isinstance(value, bytes) else value[:30])
def test_a_bad_line_is_told(text, says):
    got = simulate(text)
    assert got.returncode == 65 and says in got.stderr.decode() and got.stdout == b""


def test_marks_and_line_ends_of_other_systems():
    got = simulate(b"\xef\xbb\xbf" + EVENT.replace("\n", "\r\n").encode() + b"\r\n")
    assert got.returncode == 0, got.stderr


def test_the_lists_name_what_is_there():
    lists = (SCENARIOS / "README.md").read_text() + (SCENARIOS / "pairs.md").read_text()
    folders = {path.parent.name for path in SCENARIOS.glob("*/scenario.jsonl")}
    assert folders == {name for name in folders if f"`{name}`" in lists}
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (?:[0-9]|section)", lists, re.M)
    assert len(rows) == len(set(rows)) and set(rows) <= folders


def test_an_expectation_with_line_ends_of_other_systems(tmp_path):
    scenario = (SCENARIOS / "hold" / "scenario.jsonl").read_bytes()
    expected = tmp_path / "expected.jsonl"
    expected.write_bytes((SCENARIOS / "hold" / "expected.jsonl").read_bytes().replace(b"\n", b"\r\n"))
    command = [ESCALATE, "simulate", "--config", SCENARIOS / "hold", "--expect", expected]
    assert subprocess.run(command, input=scenario, timeout=60, check=False).returncode == 0
    expected.write_bytes(expected.read_bytes().replace(b"page", b"pa\rge", 1))
    assert subprocess.run(command, input=scenario, timeout=60, check=False).returncode == 1


# How a rule shows itself in a case: in its configurations, in what goes in, in what comes out. A case of the grid that lacks
# it cannot be about that rule.
SHOWN = {
    "identity": ("ini", "^group_by|^continue|^match = severity", "out", '"incident":2'),
    "hold": ("ini", r"^hold = "),
    "frozen": ("in", r'"command":"repolicy"|"config":'),
    "schedule": ("ini", r"^\[step (.*\n)*\[step |^when = |^wait = "),
    "who": ("ini", r"^\[(schedule|team|audience) |everyone", "out", r'"step":"fallback"|"nobody"|fallback-unreachable'),
    "reach": ("ini", r" after \d|^voice = ", "in", '"delivery":', "out", '"unreached"'),
    "ack": ("in", r'"ack|"acknowledge"|"known"|"text":"[^"]*\b(ack|take|snooze|4)\b'),
    "lapse": ("in", r"\b(eta|snooze)\b", "out", "eta-missed|ack-timeout|reminder"),
    "escalate": ("in", r"\b(escalate|pass|snooze)\b"),
    "repeat": ("out", '"climb"|"exhausted"'),
    "rise": ("in", r'"severity":"(\w+)"(.*\n)*.*"severity":"(?!\1")', "ini", r"^severity = (\w+)(.*\n)*^severity = (?!\1)"),
    "resolve": ("out", '"resolved"|"cleared'),
    "flap": ("out", '"flapping"|"calm"', "ini", "^flap = "),
    "maintenance": ("ini", r"^\[maintenance "),
    "silence": ("in", r'"command":"silence"|"text":"[^"]*silence '),
    "inhibition": ("ini", r"^\[inhibit "),
    "quiet": ("ini", "^quiet = "),
    "storm": ("out", '"digest"', "ini", "^per_contact"),
    "heartbeat": ("ini", "^expect_every|^format = heartbeat"),
    "update": ("ini", "^require = "),
    "ask": ("ini", "^ask = "),
    "fields": ("ini", "^ask_for = |^backup = ", "in", r'"known"|\b(p[1-5]|restored|loss|cause)\b'),
    "reload": ("in", '"config":'),
    "outage": ("in", '"restart":true'),
    "clock": ("in", '"clock":'),
}


def grid():
    """[(name, numbers)] of the rules, and {(rule, rule below it, or "alone"): what stands in the cell} of all of them."""
    rules, cells, above = [], [], None
    for line in (SCENARIOS / "grid.txt").read_text().splitlines():
        if not line.startswith(" "):
            above = None if line.startswith("#") else line
        elif above == "rules":
            name, numbers = re.match(r"  (\w+) +(-|[\d, ]+\d) +\w", line).groups()
            rules.append((name, re.findall(r"\d+", numbers)))
        else:
            below, cell = line.split(None, 1)
            cells.append(((above, below), cell))
    assert len(cells) == len(dict(cells)), "a pair stands there twice"
    return rules, dict(cells)


def test_the_grid_has_every_pair_once():
    rules, cells = grid()
    names = [name for name, _ in rules]
    numbers = set(re.findall(r"^(\d+)\. \*\*", (SCENARIOS.parent.parent / "policies" / "README.md").read_text(), re.M))
    assert {number for _, those in rules for number in those} == numbers and len(numbers) == 19
    assert names[-3:] == ["reload", "outage", "clock"] and len(set(names)) == len(names) == len(SHOWN)
    want = {(name, "alone") for name in names} | set(itertools.combinations(names, 2))
    assert set(cells) == want, sorted(set(cells) ^ want)


def test_the_cases_of_the_grid_show_their_rules():
    shown, wrong = {}, []
    for (above, below), cell in grid()[1].items():
        if cell.startswith("never: "):
            assert below != "alone" and len(cell.split()) > 4, f"{above}, {below}: why can they never meet?"
            continue
        for name in cell.split():
            folder = SCENARIOS / name
            if not (folder / "expected.jsonl").exists():
                wrong.append(f"{above}, {below}: there is no case {name}")
                continue
            text = {"ini": "".join(path.read_text() for path in sorted(folder.rglob("*.ini"))),
                    "in": (folder / "scenario.jsonl").read_text(), "out": (folder / "expected.jsonl").read_text()}
            for rule in {above, below} - {"alone"}:
                signs = SHOWN[rule]
                if (name, rule) not in shown:
                    shown[name, rule] = any(re.search(sign, text[part], re.M) for part, sign in zip(signs[::2], signs[1::2]))
                if not shown[name, rule]:
                    wrong.append(f"{above}, {below}: {name} shows nothing of {rule}")
    assert not wrong, "\n".join(wrong)
