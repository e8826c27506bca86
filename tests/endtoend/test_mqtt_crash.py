"""SIGKILL, power cuts, lost PUBACKs and restarts of the broker, at random moments while producers publish over a real broker: what
the broker has acknowledged is in the store exactly once afterwards, and what follows from it is whole.

Kills fall between read, commit and PUBACK: the disk takes its time, so that there is something between them, and in half of the
rounds what the daemon says to the broker vanishes for a while before, so that committed messages are delivered again.
"""

import os
import random
import time

import pytest

import audit
import shop
from daemon import wait_for
from mosquitto import Mosquitto
from producer import Producer, Way
from rounds import rounds, seed

# A kill leaves what was written, so it must fall between the writes; a power cut takes what was not synced, and so finds a PUBACK
# that left before the sync only while that one lasts.
SYNCS_US = {"kill": [0, 1000, 5000], "cut": [1000, 5000, 20000]}


@pytest.fixture
def broker():
    one = Mosquitto()
    try:
        yield one.start()
    finally:
        one.remove()


def stop_hard(d, how, chance):
    if how == "kill":
        d.kill()
    else:
        d.cut_power(chance)


def stored(d):
    return audit.query(d.state_dir, "SELECT key, action, count(*) FROM events GROUP BY 1, 2")


def wait_for_connection(d, begin):
    wait_for(lambda: "connected to the broker" in d.log_text(begin), "the broker")


def wait_for_flow(d, load, begin):
    """Until what is published now is stored: what was sent again comes first and has been confirmed then."""
    wait_for_connection(d, begin)
    counts = [len(one.accepted) for one in load]
    wait_for(lambda: all(len(one.accepted) > count for one, count in zip(load, counts)), "the producers")
    fresh = {one.accepted[count] for one, count in zip(load, counts)}
    wait_for(lambda: not fresh - {(key, action) for key, action, _ in stored(d)}, "the queue to be short")


@pytest.mark.parametrize("how,version", [("kill", "5"), ("kill", "3.1.1"), ("cut", "5")])
def test_nothing_acknowledged_is_lost_or_taken_twice(daemon, receiver, broker, how, version):
    chance = random.Random(seed())
    ledger = receiver()
    way = Way(broker.port)
    d = daemon(shop.config(ledger.url) + shop.press(way.port, version)).put_on_disk(log=how == "cut")
    d.start()
    wait_for_connection(d, 0)
    load = [Producer(broker.port, f"p{i}", f"plant/{i}/alarm", chance.randrange(10**6), 120) for i in range(2)]
    for one in load:
        one.start()
    done = begin = 0
    for done in rounds(int(os.environ.get("ESCALATED_KILLS", "200")) // (1 if how == "kill" else 2), 5000):
        if done % 10 in (4, 9):  # this mosquitto loses and doubles what it restarts with past its window of 1000
            d.disk.plan.sync_takes(0)
            wait_for_flow(d, load, begin)
        d.disk.plan.sync_takes(chance.choice(SYNCS_US[how]))
        if done % 3 == 0:  # or a busy machine lets no confirmation out for longer than a broker may wait for it
            wait_for_connection(d, begin)
        time.sleep(chance.uniform(0.02, 0.12))  # the moment of the kill is the test's input
        if done % 2 == 0:
            way.deaf = True
            time.sleep(chance.uniform(0.0, 0.05))
        stop_hard(d, how, chance)
        if done % 10 == 9:
            broker.restart()
        way.deaf = False
        begin = d.log_path.stat().st_size
        d.start()
        if done % 10 == 4:
            wait_for_connection(d, begin)
            broker.restart()
    for one in load:
        one.finish()
    d.disk.plan.sync_takes(0)
    published = {pair for one in load for pair in one.accepted}
    print(f"{done + 1} times {how}, {len(published)} messages acknowledged by the broker, {way.lost} bytes to it lost")
    assert way.lost > 0

    def missing():
        return published - {(key, action) for key, action, _ in stored(d)}

    wait_for(lambda: not missing(), f"what the broker acknowledged: {sorted(missing())[:5]} of {len(published)}")
    twice = [row for row in stored(d) if row[2] > 1]
    assert not twice, f"taken twice: {twice[:5]}"
    audit.wait_for_rest(d.state_dir)
    assert d.stop() == 0
    way.close()
    check_all(d, ledger, done + 1)


def check_all(d, ledger, crashes):
    db = audit.connect(d.state_dir)
    audit.check_integrity(db)
    audit.check_whole(db)
    audit.check_steps(db, shop.STEPS)
    audit.check_rest(db)
    audit.check_ledger(db, ledger.requests, 1 + crashes)
    db.close()
