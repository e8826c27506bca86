"""escalate check and explain: what a user can prove without a daemon."""

import datetime
import json
import re
import subprocess

import pytest
from daemon import ESCALATE

PEOPLE = """
[gateway]
time_zone = Europe/Berlin
[channel sms]
plugin = file
[contact ann]
sms = +15550100
[contact bob]
sms = +15550101
[contact carol]
sms = +15550102
[source shop]
[schedule lead]
members = ann, bob
rotate = daily 09:00
[audience customers]
channel = sms
addresses = +15550900, +15550901
[policy default]
page = carol
"""
POLICIES = """
[policy database]
match = service="db", severity=~"critical|error"
match = team="data"
page = bob
[policy storefront]
match = service="storefront", severity=~"critical|error"
group_by = service, region
hold = 1m
[step storefront/lead]
page = @lead
wait = 5m
[step storefront/told]
inform = &customers
[step storefront/vp]
page = carol
wait = 10m
"""


def run(tmp_path, command, *arguments, config=PEOPLE + POLICIES, stdin=None):
    (tmp_path / "escalated.ini").write_text(config)
    return subprocess.run([ESCALATE, command, "--config", tmp_path, *arguments], capture_output=True, text=True,
                          input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL, timeout=60, check=False)


EVENT = ["--source", "shop", "--severity", "critical", "Checkout fails", "service=storefront", "region=eu"]


def test_why_whom_and_when(tmp_path):
    got = run(tmp_path, "explain", "--at", "2026-03-02T07:56:00Z", *EVENT)
    assert got.returncode == 0, got.stderr
    text = got.stdout
    assert 'policy database does not match\n  service="db": service is "storefront"\n  team="data": team is not there' in text
    assert 'policy storefront matches\n  incident service="storefront",region="eu"' in text
    assert "default" not in text  # it was never asked
    rows = [line.split() for line in text.split("WHO", 1)[1].strip().splitlines()]
    assert ["mon", "2026-03-02", "08:56:00", "0s", "held"] in rows
    assert ["mon", "2026-03-02", "09:02:00", "6m", "told", "inform", "&customers", "via", "sms", "(2", "messages)"] in rows
    assert ["mon", "2026-03-02", "09:02:00", "6m", "vp", "page", "carol", "via", "sms"] in rows
    lead = [row for row in rows if "lead" in row]
    assert len(lead) == 1 and lead[0][:4] == ["mon", "2026-03-02", "08:57:00", "1m"]
    # Who has duty is asked at that time: an hour later it is the other one.
    later = run(tmp_path, "explain", "--at", "2026-03-02T08:56:00Z", *EVENT).stdout
    assert [line.split()[6] for line in later.splitlines() if " lead " in line] != [lead[0][6]]


def test_the_same_as_json(tmp_path):
    event = {"source": "shop", "summary": "hm", "severity": "info", "labels": {"service": "storefront"}}
    got = run(tmp_path, "explain", "--at", "2026-03-02T08:00:00Z", "--json", stdin=json.dumps(event, indent=2))
    assert got.returncode == 0, got.stderr
    told = json.loads(got.stdout)
    assert told["at"] == "2026-03-02T08:00:00Z" and told["key"] == 'labels:service="storefront"'
    assert [(p["policy"], p["matches"]) for p in told["policies"]] == [("database", False), ("storefront", False),
                                                                       ("default", True)]
    assert told["policies"][1]["misses"] == [{"line": 1, "matcher": 'severity=~"critical|error"', "value": "info"}]
    assert [line["to"] for line in told["ladder"] if line.get("kind") == "page"] == ["carol"] * 2  # page and fallback


def test_what_is_asked_for_and_which_backups(tmp_path):
    config = (PEOPLE + POLICIES).replace("page = @lead", "page = @lead\nask_for = eta, cause") + (
        "[source nightly]\nexpect_every = 24h\nbackup = yes\n")
    got = run(tmp_path, "explain", *EVENT, config=config)
    assert "step lead asks for: eta, cause\n" in got.stdout and "backups: nightly\n" in got.stdout, got.stdout


def test_what_goes_on_finds_more_than_one(tmp_path):
    config = PEOPLE + POLICIES.replace("[policy database]", "[policy all]\nmatch = service!=\"\"\ncontinue = yes\npage = ann\n"
                                                            "[policy database]")
    told = json.loads(run(tmp_path, "explain", "--json", *EVENT, config=config).stdout)
    assert [p["policy"] for p in told["policies"] if p["matches"]] == ["all", "storefront"]
    assert {line["incident"] for line in told["ladder"]} == {1, 2}


@pytest.mark.parametrize("arguments, stdin, says", [
    (["--at", "yesterday", "x"], None, "RFC 3339"),
    (["--for", "0", "x"], None, "duration"),
    ([], "{", "standard input"),
    ([], '{"severity":"loud"}', "severity"),
    (["x", "no-label"], None, "usage"),
])
def test_bad_input(tmp_path, arguments, stdin, says):
    got = run(tmp_path, "explain", *arguments, stdin=stdin)
    assert got.returncode in (64, 65) and says in got.stderr and got.stdout == ""


@pytest.mark.parametrize("arguments, stdin", [
    (["--source", "jobs", "--key", "db"], None),
    ([], '{"action":"heartbeat","source":"jobs","key":"db"}'),
])
def test_the_silence_of_a_heartbeat(tmp_path, arguments, stdin):
    config = PEOPLE + POLICIES + ("[source jobs]\nformat = heartbeat\nexpect_every = 24h\ngrace = 2h\nseverity = critical\n"
                                  "[policy jobs]\nmatch = source=\"jobs\", key=\"db\", severity=\"critical\"\npage = bob\n")
    got = run(tmp_path, "explain", *arguments, config=config, stdin=stdin)
    assert got.returncode == 0, got.stderr
    assert "policy jobs matches" in got.stdout and "bob via sms" in got.stdout
    assert ("[source jobs] is watched: no success of a key for 1d2h (expect_every and grace), or its failure, is such an "
            "event (severity critical)") in got.stdout
    told = json.loads(run(tmp_path, "explain", "--json", *arguments, config=config, stdin=stdin).stdout)
    assert (told["source"], told["key"]) == ("jobs", "db")


def test_a_good_configuration_has_no_findings(tmp_path):
    got = run(tmp_path, "check", "--strict")
    assert got.returncode == 0 and got.stdout.endswith(": good\n"), got.stdout


CASES = {
    "a gap": ("[schedule lead]\nmembers = ann, bob\nrotate = daily 09:00",
              "[schedule lead]\nmembers = ann, bob\nduring = mon-fri 00:00-24:00", "[schedule lead] nobody has duty from "),
    "no address": ("[contact ann]\nsms = +15550100", "[contact ann]\nname = Ann", "[contact ann] is to be called and has no address"),
    "hidden": ("[policy storefront]\nmatch = service=\"storefront\", severity=~\"critical|error\"",
               "[policy storefront]\nmatch = service=\"db\", severity=~\"critical|error\", region=\"eu\"",
               "[policy storefront] no alert gets here: [policy database] above takes them all"),
    "no wait": ("page = @lead\nwait = 5m", "page = @lead\nwait = 0",
                "[step storefront/lead] has wait = 0: vp is paged at the same moment"),
    "explodes": ("match = team=\"data\"", "match = team=~\"(d+)+x\"",
                 "team=~\"(d+)+x\" runs into its limits on long texts such as \"dddd...\""),
    "nobody's": ("[policy default]", "[contact zoe]\nsms = +15550103\n[policy default]",
                 "[contact zoe] is named by no team, schedule or policy"),
    "over": ("[policy default]", "[maintenance move]\nmatch = service=\"db\"\n"
             "during = 2026-03-01T02:00/2026-03-01T04:00\n[policy default]",
             "[maintenance move] all its windows are over"),
    "partly over": ("[policy default]", "[maintenance move]\nmatch = service=\"db\"\nduring = sun 02:00-04:00\n"
                    "during = 2026-03-01T02:00/2026-03-01T04:00\n[policy default]",
                    "[maintenance move] 1 of its windows is over"),
    "itself": ("[policy default]", "[inhibit same]\nwhen = a=\"1\", b=\"2\"\nmute = b=\"2\", a=\"1\"\nequal = service\n"
               "[policy default]", "[inhibit same] mutes itself"),
    "explodes too": ("[policy default]", "[inhibit bad]\nwhen = a=~\"(d+)+x\"\nmute = b=\"2\"\n[policy default]",
                     "[inhibit bad] a=~\"(d+)+x\" runs into its limits"),
    "asleep": ("[contact carol]\nsms = +15550102", "[contact carol]\nsms = +15550102\nquiet = 22:00-07:00",
               "[policy default] everybody who is paged when nobody else can be has quiet hours"),
    "never reminded": ("inform = &customers", "inform = &customers\n[step storefront/all]\nask = everyone\nquestion = What?\n"
                       "deadline = 1h\nremind = 1h", "[step storefront/all] remind is no sooner than deadline"),
    "unread": ("inform = &customers", "inform = &customers\nrequire = what\napprove = bob then send",
               "[step storefront/told] then send: an update that nobody has read goes out"),
    "in a moment": ("[source shop]", "[source shop]\nexpect_every = 20s\ngrace = 10s",
                    "[source shop] expect_every and grace are 30 s or less together: any restart of the daemon may look like"),
    "never heard": ("[source shop]", "[source shop]\nformat = heartbeat\nexpect_every = 1h",
                    "[source shop] has no expect: a job that never reports at all is not missed"),
    "no such trouble": ("match = team=\"data\"", "match = source=\"escalated\", trouble=\"calender\"",
                        "the source escalated knows no trouble=\"calender\" (it knows calendar, certificate, broker,"),
    "unused": ("inform = &customers", "inform = carol", "[audience customers] is named by no policy"),
}


@pytest.mark.parametrize("case", CASES)
def test_findings(tmp_path, case):
    old, new, says = CASES[case]
    config = PEOPLE + POLICIES
    assert old in config
    got = run(tmp_path, "check", "--strict", config=config.replace(old, new))
    assert got.returncode == 1, got.stdout + got.stderr
    assert any(line.startswith("warning: ") and says in line for line in got.stdout.splitlines()), got.stdout
    assert run(tmp_path, "check", config=config.replace(old, new)).returncode == 0


SUPPRESSION = """
[maintenance backup]
match = service="storefront"
during = mon 08:00-10:00
[inhibit site-down]
when = alert="SiteDown"
mute = service=~"storefront|db"
equal = region
"""


def test_what_would_hold_it_back(tmp_path):
    config = PEOPLE + POLICIES + SUPPRESSION
    got = run(tmp_path, "explain", "--at", "2026-03-02T07:56:00Z", *EVENT, config=config)
    assert got.returncode == 0, got.stderr
    assert "suppressed by maintenance backup: no steps run" in got.stdout
    assert 'inhibit site-down holds it back while one of these fires with the same region:\n  alert="SiteDown"' in got.stdout
    rows = [line.split() for line in got.stdout.split("WHO", 1)[1].strip().splitlines()]
    assert ["mon", "2026-03-02", "08:56:00", "0s", "suppressed", "maintenance", "backup", "until",
            "2026-03-02T09:00:00Z"] in rows
    assert ["mon", "2026-03-02", "10:00:00", "1h4m", "unsuppressed", "maintenance", "backup"] in rows
    assert [row[2] for row in rows if "lead" in row] == ["10:00:00"]
    told = json.loads(run(tmp_path, "explain", "--json", "--at", "2026-03-02T07:56:00Z", *EVENT, config=config).stdout)
    assert told["suppressed_by"] == "maintenance backup" and told["inhibited_while"] == ["site-down"]
    later = run(tmp_path, "explain", "--json", "--at", "2026-03-02T12:00:00Z", *EVENT, config=config)
    assert json.loads(later.stdout)["suppressed_by"] == ""
    assert run(tmp_path, "check", "--strict", config=config).returncode == 0


def test_what_goes_wrong_here_itself_has_a_source(tmp_path):
    config = (PEOPLE + POLICIES).replace("match = team=\"data\"", "match = source=\"escalated\", trouble=\"broker\"")
    assert run(tmp_path, "check", "--strict", config=config).returncode == 0
    got = run(tmp_path, "explain", "--source", "escalated", "--key", "broker plant", "trouble=broker", "name=plant", config=config)
    assert got.returncode == 0, got.stderr
    assert "the source escalated is what goes wrong here itself" in got.stdout and "there is no" not in got.stdout
    assert "data" in got.stdout


def test_layers_may_be_empty_as_long_as_somebody_is_called(tmp_path):
    layered = ("[schedule lead]\nmembers = ann\nlayers = nights\n[schedule nights]\nmembers = bob\n"
               "during = 22:00-06:00")
    config = (PEOPLE + POLICIES).replace("[schedule lead]\nmembers = ann, bob\nrotate = daily 09:00", layered)
    got = run(tmp_path, "check", "--strict", config=config)
    assert got.returncode == 0, got.stdout


def test_errors_come_before_findings(tmp_path):
    got = run(tmp_path, "check", config=PEOPLE + POLICIES + "[policy x]\npage = nobody\n")
    assert got.returncode == 78 and "there is no" in got.stderr and got.stdout == ""


def test_times_as_elsewhere_and_steps_that_an_answer_starts(tmp_path):
    more = "[step storefront/thanks]\ninform = &customers\nwhen = resolved\n[step storefront/calm]\ninform = &customers\nwhen = acked\n"
    got = run(tmp_path, "explain", "--at", "14:30", *EVENT, config=PEOPLE + POLICIES + more)
    assert got.returncode == 0 and re.search(r" 14:30:00 +0s ", got.stdout), got.stdout + got.stderr
    assert "  step thanks waits until it is resolved, and reopen_within is over (when = resolved)\n" in got.stdout
    assert "  step calm waits until somebody has acknowledged it (when = acked)\n" in got.stdout
    later = run(tmp_path, "explain", "--json", "--at", "+2h", *EVENT).stdout
    ahead = datetime.datetime.fromisoformat(json.loads(later)["at"].replace("Z", "+00:00")) - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(hours=1, minutes=58) < ahead <= datetime.timedelta(hours=2)
    wrong = run(tmp_path, "explain", "--at", "25:00", *EVENT)
    assert wrong.returncode == 64 and "--at: got '25:00'" in wrong.stderr, wrong.stderr


UNDECIDED = POLICIES.replace('match = team="data"', 'match = team=~"(d+)+x"') + """
[maintenance move]
match = team!~"(d+)+x"
during = 2026-03-01T02:00/2026-03-05T04:00
[inhibit same]
when = team="b"
mute = team=~"(d+)+x"
equal = service
"""


def test_what_is_undecided_is_said(tmp_path):
    event = ["--at", "2026-03-02T07:56:00Z", "--source", "shop", "--severity", "critical", "It fails", "team=" + "d" * 300 + "x."]
    got = run(tmp_path, "explain", *event, config=PEOPLE + UNDECIDED)
    assert got.returncode == 0, got.stderr
    assert '  team=~"(d+)+x": undecided, it ran into its limits: team is "dddd' in got.stdout, got.stdout
    assert '  service="db": service is not there\n' in got.stdout
    assert 'maintenance move does not hold it back: team!~"(d+)+x" is undecided, it ran into its limits\n' in got.stdout
    assert 'inhibit same does not hold it back: team=~"(d+)+x" is undecided, it ran into its limits\n' in got.stdout
    assert "policy default, because no other ended the search" in got.stdout and "carol via sms" in got.stdout
    asked = json.loads(run(tmp_path, "explain", "--json", *event, config=PEOPLE + UNDECIDED).stdout)
    assert [(miss["matcher"], miss.get("undecided")) for miss in asked["policies"][0]["misses"]] == [
        ('service="db"', None), ('team=~"(d+)+x"', True)]


def test_arguments_that_are_no_event(tmp_path):
    for arguments, words in ((["It fails", "service"], "got 'service', want a label as name=value"),
                             (["It fails", "=db"], "got '=db', want a label as name=value"),
                             (["It fails", "a=b", "a=c"], "the label a is given twice"),
                             ([], "no event: want a SUMMARY, labels as name=value, or a JSON object")):
        got = run(tmp_path, "explain", "--source", "shop", *arguments)
        assert got.returncode == 64 and got.stderr.startswith("escalate: ") and words in got.stderr, got.stderr
    near = run(tmp_path, "explain", "--source", "shop", "It fails", "a=b", "aa=b")
    assert near.returncode == 0, near.stderr
