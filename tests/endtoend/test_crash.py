"""SIGKILL at random moments while producers post: what was answered is in exactly one place afterwards, nothing is lost."""

import os
import random
import sqlite3
import time

from configs import TOKEN
from crash import CONFIG, Producer, check_deliveries, check_events, check_steps, wait_for_rest


def kill_rounds():
    return int(os.environ.get("ESCALATED_KILLS", "200"))


def run_with_kills(daemon, receiver, rounds, seed):
    ledger = receiver()
    d = daemon(CONFIG.format(token=TOKEN, url=ledger.url, store="sqlite:escalated.db")).start()
    chance = random.Random(seed)
    producers = [Producer(f"p{i}", lambda: d.port, seed * 10 + i, 60) for i in range(2)]
    for producer in producers:
        producer.start()
    for _ in range(rounds):
        time.sleep(chance.uniform(0.0, 0.15))  # the moment of the kill is the test's input
        d.kill()
        d.start()
    for producer in producers:
        producer.stopping.set()
        producer.join(60)
        assert producer.failure is None, producer.failure
    return d, ledger, [one for producer in producers for one in producer.accepted]


def rows(d, query):
    database = sqlite3.connect(f"file:{d.state_dir}/escalated.db?mode=ro", uri=True)
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()


def test_nothing_answered_is_lost(daemon, receiver):
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    rounds = kill_rounds()
    d, ledger, accepted = run_with_kills(daemon, receiver, rounds, seed)

    def ask(query):
        return rows(d, query)

    wait_for_rest(ask)
    assert d.stop() == 0
    assert rows(d, "PRAGMA integrity_check") == [("ok",)]
    assert len(accepted) > rounds
    check_events(ask, accepted)
    check_steps(ask)
    check_deliveries(ask, ledger, rounds)
