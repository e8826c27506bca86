"""The tests' own test: a daemon with a bug planted (tests/plants/NAME.patch) must be found out, by each test named here."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

import pytest

HERE = pathlib.Path(__file__).resolve().parent
PLANTS = HERE.parent / "plants"
POWER = ["test_power.py::test_cut_at_every_place"]
MQTT = "test_mqtt_crash.py::test_nothing_acknowledged_is_lost_or_taken_twice"
MQTT_KILL, MQTT_CUT = [MQTT + "[kill-5]"], [MQTT + "[cut-5]"]
CUT = ["test_crash.py::test_nothing_answered_is_lost[cut]"]
FINDERS = {
    "answer-early": [POWER, CUT],
    "sync-off": [POWER, CUT],
    "sync-normal": [POWER, CUT],
    "outbox-apart": [POWER, CUT],
    "mqtt-confirm-early": [MQTT_CUT],
    "mqtt-forget": [MQTT_KILL],
}


def test_every_plant_is_listed():
    assert sorted(path.stem for path in PLANTS.glob("*.patch")) == sorted(FINDERS)


@pytest.fixture(scope="module", params=sorted(FINDERS))
def planted(request):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([PLANTS / "plant.sh", request.param, folder], check=True)
        yield request.param, pathlib.Path(folder) / "build"


def test_planted_bug_is_found(planted):
    name, build = planted
    for finder in FINDERS[name]:
        env = {**os.environ, "ESCALATED_BUILD": str(build), "ESCALATED_DEEP": ""}
        result = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-x", *finder], cwd=HERE,
                                env=env, capture_output=True, text=True, check=False)
        assert result.returncode == 1 and "AssertionError" in result.stdout, f"{name} was not found:\n{result.stdout}"
        print(name, finder[0], re.findall(r"^E +AssertionError: (cut \d+.{0,160})", result.stdout, re.M)[:1])
