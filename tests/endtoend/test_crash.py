"""SIGKILL and power cuts at random moments while producers post: what was answered is in exactly one place afterwards,
nothing is lost, copies are marked.

The daemon's own database is the witness on our side, the receiver's ledger on the other. A kill leaves the page cache alone:
it tests recovery and the order of things in memory. A cut takes all that was not synced: it tests durability.
"""

import os
import random
import time

import pytest

import audit
import shop
from rounds import rounds, seed


# Of what each producer was answered before a crash so many are looked for right after it; all of them in the end.
SEEN_AGAIN = 200


def stop_hard(d, how, chance):
    if how == "kill":
        d.kill()
        return
    # A disk that takes its time: the moment between a write and its sync is what a cut is about.
    d.disk.plan.sync_takes(chance.choice([0, 500, 3000]))
    d.cut_power(chance)


@pytest.mark.parametrize("how", ["kill", "cut"])
def test_nothing_answered_is_lost(daemon, receiver, how):
    chance = random.Random(seed())
    ledger = receiver()
    d = daemon(shop.config(ledger.url))
    if how == "cut":
        d.put_on_disk(log=True)
    d.start()
    load = shop.Shop(d, chance.randrange(10**6))
    done = 0
    for done in rounds(int(os.environ.get("ESCALATED_KILLS", "200")), 5000):
        time.sleep(chance.uniform(0.0, 0.15))  # the moment of the kill is the test's input
        stop_hard(d, how, chance)
        answered = load.recent(SEEN_AGAIN)
        d.start()
        if done % (1 + done // 200) == 0:  # it takes longer the more there is
            check_kept(d, answered, f"{how} {done + 1}")
    load.close()
    print(f"{done + 1} times {how}, {len(load.accepted)} events answered")
    audit.wait_for_rest(d.state_dir)
    assert d.stop() == 0
    assert len(load.accepted) > done
    check_all(d, ledger, load.accepted, done + 1)


def check_kept(d, answered, when):
    """The daemon runs again; what was lost stays lost, and what was half applied stays so."""
    db = audit.connect(d.state_dir)
    try:
        db.execute("BEGIN")  # one moment of a store that goes on
        stored = {uuid for uuid, in db.execute("SELECT uuid FROM events")}
        lost = [one for one in answered if one[0] not in stored]
        assert not lost, f"{when}: answered, but lost: {lost[:5]}"
        audit.check_whole(db)
    finally:
        db.close()


def check_all(d, ledger, accepted, crashes):
    db = audit.connect(d.state_dir)
    audit.check_integrity(db)
    audit.check_events(db, accepted)
    audit.check_whole(db)
    audit.check_steps(db, shop.STEPS)
    audit.check_rest(db)
    audit.check_ledger(db, ledger.requests, 1 + crashes)
    db.close()
