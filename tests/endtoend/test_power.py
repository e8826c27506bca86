"""A power cut at every place: one run of the daemon is noted call by call, and what a cut at any of these places may leave is
built and looked at, without killing anything.

The log also holds what went out to producers and receivers, in its place among the writes and syncs, so that no luck is
needed: whatever a producer was told, and whatever a receiver was sent, before a cut must be in every state the cut may leave.
"""

import pathlib
import random
import re
import shutil
import tempfile
import time

import audit
import configs
import disk
import shop
from daemon import wait_for
from rounds import is_deep, rounds, seed

ANSWERED = re.compile(rb'"id":"([0-9a-f-]{36})"')
MESSAGE = re.compile(rb"webhook-id: (\S+)\r\n")
CUTS_A_RUN = 500
MEMORY = "/dev/shm" if pathlib.Path("/dev/shm").is_dir() else None
UNREAD = ("escalated.db.ballast", "escalated.db.lock")  # nothing is ever read from them
STORE_FILES = ("escalated.db", "escalated.db-wal", "escalated.db-shm", "escalated.db-journal")


def run_through_a_checkpoint(d, chance):
    """The load of a shop until the log has been carried over into the database, and a little longer."""
    d.disk.plan.sync_takes(chance.choice([0, 1000]))
    d.start()
    database = d.state_dir / "escalated.db"
    at_first = database.stat().st_size
    load = shop.Shop(d, chance.randrange(10**6), producers=3)
    wait_for(lambda: database.stat().st_size > at_first, "a checkpoint")
    time.sleep(chance.uniform(0.1, 0.5))  # how much load there is, nothing waits for it
    load.close()
    d.kill()
    return {uuid: (uuid, key, action) for uuid, key, action in load.accepted}


def places_to_cut(log, chance, count):
    """Around each sync and behind each promise, others by chance."""
    telling = [place for place, record in enumerate(log)
               if record[0] in (disk.LOG_SYNC, disk.LOG_RENAME, disk.LOG_UNLINK) or
               record[0] == disk.LOG_SENT and (ANSWERED.search(record[4]) or MESSAGE.search(record[4]))]
    near = {place + side for place in telling for side in (0, 1) if place + side <= len(log)}
    chosen = set(chance.sample(sorted(near), min(len(near), count * 3 // 4)))
    return sorted(chosen | set(chance.sample(range(len(log) + 1), min(len(log), count - len(chosen)))))


class Promises:
    """What the world outside has been told up to a place of the log."""

    def __init__(self, accepted):
        self.known = accepted
        self.answered = []
        self.sent = set()

    def take(self, record):
        if record[0] != disk.LOG_SENT:
            return
        self.answered += [self.known[uuid.decode()] for uuid in ANSWERED.findall(record[4]) if uuid.decode() in self.known]
        self.sent |= {key.decode() for key in MESSAGE.findall(record[4])}

    def check(self, state, folder):
        token_key = state.get("token.key")
        assert not self.sent or token_key is not None and len(token_key) == 32, "links were sent, their key is gone"
        if "escalated.db" not in state:
            assert not self.answered and not self.sent, "the database is gone"
            return
        for name in STORE_FILES:
            (folder / name).unlink(missing_ok=True)
            if name in state:
                (folder / name).write_bytes(state[name])
        db = audit.connect(folder, writable=True)
        try:
            self.check_store(db)
        finally:
            db.close()

    def check_store(self, db):
        audit.check_integrity(db)
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone() is None:
            assert not self.answered and not self.sent, "the tables are gone"
            return
        audit.check_events(db, self.answered)
        audit.check_whole(db)
        audit.check_steps(db, shop.STEPS)
        started = {key for key, in db.execute(
            "SELECT key FROM notifications n WHERE EXISTS (SELECT 1 FROM attempts WHERE notification = n.id)")}
        assert self.sent <= started, f"sent without a safe claim: {sorted(self.sent - started)[:3]}"


def cut_everywhere(log, base, accepted, chance, folder):
    """Walks the log once; at each place chosen one state is built and looked at."""
    places = places_to_cut(log, chance, CUTS_A_RUN)
    replay = disk.Replay(base, ordered=chance.random() < 0.5)
    promises = Promises(accepted)
    wanted = iter(places)
    place = next(wanted)
    done = 0
    for number in range(len(log) + 1):
        while place == number:
            keep = chance.choice(disk.KEEPS)
            try:
                promises.check(replay.state(chance, keep, UNREAD), folder)
            except AssertionError as failure:
                raise AssertionError(f"cut {done + 1}, at place {place} of {len(log)}, {keep} kept: {failure}") from failure
            done += 1
            place = next(wanted, -1)
        if number < len(log):
            replay.take(log[number], chance)
            promises.take(log[number])
    assert len(promises.answered) >= len(accepted) > 0, "the log misses answers: the test looks at nothing"
    return done


def test_cut_at_every_place(daemon, receiver):
    chance = random.Random(seed())
    cuts = 0
    ledger = receiver()
    for _ in rounds(3, 100000):
        d = daemon(shop.config(ledger.url)).put_on_disk(log=True)
        accepted = run_through_a_checkpoint(d, chance)
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            cuts += cut_everywhere(list(disk.records(d.disk.log_path.read_bytes())), d.disk.base, accepted, chance,
                                   pathlib.Path(folder))
        shutil.rmtree(d.folder)
    print(f"{cuts} cuts, nothing lost" + (", deep" if is_deep() else ""))


def test_a_message_on_disk_is_the_last_resort(daemon):
    """Plugin `file` says sent when the message is safe: a cut that keeps nothing else keeps it, with the folders above it."""
    for ordered in (True, False):
        d = daemon(configs.ladder("60s")).put_on_disk(log=True).start()
        assert d.send(configs.EVENT, configs.TOKEN).status == 202
        wait_for(lambda: audit.query(d.state_dir, "SELECT 1 FROM notifications WHERE kind = 'page' AND state = 'accepted'"),
                 "the page to be sent")
        written = {path.name: path.read_text() for path in (d.state_dir / "messages" / "sms").glob("*.txt")}
        assert len(written) == 1
        d.kill()
        d.disk.cut(random.Random(1), ordered, keep="nothing")
        for name, text in written.items():
            assert (d.state_dir / "messages" / "sms" / name).read_text() == text
