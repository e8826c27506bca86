"""A disk that is full, locked or broken under the real daemon: what producers hear, what operators see; nothing is lost.

The answers of a commit that belong to several nodes (lease lost, unknown) are tested in unit/engine and unit/store.
"""

import errno
import http.client
import random

import pytest

import audit
import disk
import shop
from configs import TOKEN
from daemon import wait_for
from rounds import seed

EXIT_IO = 74
BALLAST = 16 * 1024 * 1024
WAL = "escalated.db-wal"


def event(key, action="trigger"):
    return {"action": action, "key": key, "summary": f"summary of {key}", "severity": "error"}


class Counter:
    """Posts one event at a time and keeps what was promised."""

    def __init__(self, daemon):
        self.daemon, self.accepted, self.sent = daemon, [], 0

    def post(self):
        self.sent += 1
        key = f"k{self.sent}"
        answer = self.daemon.send(event(key), TOKEN)
        if answer.status == 202:
            self.accepted.append((answer.json["results"][0]["id"], key, "trigger"))
        return answer


def start(daemon, receiver, **options):
    ledger = receiver()
    d = daemon(shop.config(ledger.url)).put_on_disk(**options).start()
    return d, ledger, Counter(d)


def metric(d, line):
    for text in d.request("GET", "/metrics").body.decode().splitlines():
        if text.startswith(line + " "):
            return float(text.split()[-1])
    return 0.0


def check_end(d, ledger, accepted, crashes=0):
    """All of it came to rest, and every promise was kept."""
    audit.wait_for_rest(d.state_dir)
    db = audit.connect(d.state_dir)
    audit.check_integrity(db)
    audit.check_events(db, accepted)
    audit.check_whole(db)
    audit.check_steps(db, shop.STEPS)
    audit.check_rest(db)
    audit.check_ledger(db, ledger.requests, 1 + crashes)
    assert db.execute("SELECT count(*) FROM events WHERE source <> 'escalated'").fetchone()[0] == len(accepted), \
        "an event was refused and yet applied"
    db.close()


def check_refusal(answer):
    assert answer.status == 503, answer
    assert int(answer.headers["Retry-After"]) >= 1
    assert "error" in answer.json


def test_full_disk(daemon, receiver):
    d, ledger, counter = start(daemon, receiver)
    for _ in range(5):
        assert counter.post().status == 202
    paged = len(counter.accepted)
    d.disk.plan.capacity(d.disk.plan.used())  # not a byte more

    # SQLite begins its log again now and then: the first answers may still find room in it.
    answer = wait_for(lambda: (lambda a: a if a.status == 503 else None)(counter.post()), "the disk to be full")
    check_refusal(answer)
    assert not (d.state_dir / "escalated.db.ballast").exists(), "the ballast was kept"
    why = d.request("GET", "/readyz")
    assert why.status == 503 and b"disk is full" in why.body, why
    assert metric(d, 'escalated_commits_total{verdict="full"}') >= 1
    assert "verdict=full" in d.log_text() and "producers hear 503" in d.log_text()

    # What is under way is recorded and goes on: the second step of each incident is still to come.
    wait_for(lambda: audit.query(d.state_dir, "SELECT count(*) FROM notifications WHERE step = 'second' AND "
                                 "state = 'accepted'")[0][0] >= paged, "the ladders to go on")
    check_refusal(counter.post())
    why = d.request("GET", "/readyz")
    assert why.status == 503 and b"disk is full" in why.body, why
    assert metric(d, "escalated_intake_open") == 0 and "intake is closed" in d.log_text()

    d.disk.plan.capacity(0)
    wait_for(lambda: counter.post().status == 202, "intake to open by itself")
    assert d.request("GET", "/readyz").status == 200
    assert metric(d, "escalated_intake_open") == 1 and "intake is open" in d.log_text()
    wait_for(lambda: (d.state_dir / "escalated.db.ballast").exists(), "the ballast to be made again")
    check_end(d, ledger, counter.accepted)


def test_disk_full_to_the_last_byte(daemon, receiver):
    """Even the ballast does not help: nothing is recorded, nothing is half applied, and it resumes by itself."""
    d, ledger, counter = start(daemon, receiver)
    for _ in range(3):
        assert counter.post().status == 202
    d.disk.plan.fail(disk.WRITE, errno.ENOSPC, lasting=True)
    check_refusal(wait_for(lambda: (lambda a: a if a.status == 503 else None)(counter.post()), "the disk to be full"))
    for _ in range(20):
        check_refusal(counter.post())
    assert d.request("GET", "/readyz").status == 503
    assert d.process.poll() is None
    d.disk.plan.clear()
    wait_for(lambda: counter.post().status == 202, "service to resume by itself")
    wait_for(lambda: d.request("GET", "/readyz").status == 200, "it to be ready")
    check_end(d, ledger, counter.accepted)


def test_start_on_a_full_disk(daemon, receiver):
    d, ledger, counter = start(daemon, receiver)
    for _ in range(3):
        assert counter.post().status == 202
    d.kill()
    d.disk.plan.capacity(sum(path.stat().st_size for path in d.state_dir.rglob("*") if path.is_file()))
    d.start()
    check_refusal(counter.post())
    assert b"disk is full" in d.request("GET", "/readyz").body
    d.disk.plan.capacity(0)
    wait_for(lambda: counter.post().status == 202, "intake to open by itself")
    check_end(d, ledger, counter.accepted, crashes=1)


def test_locked_by_another(daemon, receiver):
    d, ledger, counter = start(daemon, receiver)
    for _ in range(3):
        assert counter.post().status == 202
    other = audit.connect(d.state_dir, writable=True)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(3):
        check_refusal(counter.post())
    why = d.request("GET", "/readyz")
    assert why.status == 503 and b"store" in why.body, why
    assert metric(d, 'escalated_commits_total{verdict="busy"}') >= 3
    assert "verdict=busy" in d.log_text()
    other.execute("ROLLBACK")
    other.close()
    wait_for(lambda: counter.post().status == 202, "service to resume by itself")
    wait_for(lambda: d.request("GET", "/readyz").status == 200, "it to be ready")
    check_end(d, ledger, counter.accepted)


@pytest.mark.parametrize("call", ["WRITE", "SYNC"])
@pytest.mark.parametrize("then", ["restart", "cut"])
def test_broken_disk(daemon, receiver, call, then):
    """Nobody is answered, nothing is repeated, exit 74; the next start holds what had been answered."""
    chance = random.Random(seed())
    d, ledger, counter = start(daemon, receiver, log=True)
    for _ in range(5):
        assert counter.post().status == 202
    d.disk.plan.fail(getattr(disk, call), errno.EIO, lasting=True, pattern=WAL)
    try:
        assert counter.post().status == 503, "answered before it was safe"
    except (OSError, http.client.HTTPException):
        pass  # no answer is as good
    assert d.process.wait(60) == EXIT_IO
    assert d.disk.plan.failed() == 1, "a failed write or sync was repeated"
    assert "commit failed, stopping" in d.log_text() and "verdict=broken" in d.log_text()
    d.disk.plan.clear()
    if then == "cut":
        d.disk.cut(chance)
    d.start()
    audit.wait_for_rest(d.state_dir)
    db = audit.connect(d.state_dir)
    audit.check_events(db, counter.accepted)
    audit.check_whole(db)
    audit.check_ledger(db, ledger.requests, 2)
    db.close()


@pytest.mark.parametrize("error", ["EIO", "ENOSPC", "EACCES"])
@pytest.mark.parametrize("name", ["escalated.db", "escalated.db.lock", "escalated.db-wal", "token.key*"])
def test_start_without_its_files(daemon, receiver, name, error):
    """The start fails with a sentence and 74, and leaves nothing that hinders the next."""
    ledger = receiver()
    d = daemon(shop.config(ledger.url)).put_on_disk()
    d.disk.plan.fail(disk.OPEN, getattr(errno, error), lasting=True, pattern=name)
    d.start(ready=False)
    assert d.process.wait(60) == EXIT_IO
    text = d.log_text()
    assert "cannot start" in text and name.split("-")[0].rstrip("*") in text, text
    d.disk.plan.clear()
    counter = Counter(d.start())
    assert counter.post().status == 202
    check_end(d, ledger, counter.accepted)


def test_short_writes(daemon, receiver):
    """A write that does half is no failure."""
    d, ledger, counter = start(daemon, receiver)
    d.disk.plan.fail(disk.WRITE, 0, lasting=True)
    for _ in range(10):
        assert counter.post().status == 202
    assert d.disk.plan.failed() > 100
    check_end(d, ledger, counter.accepted)
