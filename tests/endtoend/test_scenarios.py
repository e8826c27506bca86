"""What a scenario may not hold, and that the lists of scenarios name what is there."""

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
