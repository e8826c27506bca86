"""Daemons on one PostgreSQL database: the server dies under them, the owner of the engine lease dies or is paused, and
nothing that was answered is lost; who has lost the lease commits nothing any more."""

import os
import random
import re
import signal
import time

import pytest

import audit
import producer
import shop
from configs import TOKEN
from daemon import STORES, wait_for
from mosquitto import Mosquitto
from postgres import Database

pytestmark = pytest.mark.skipif("postgres" not in STORES, reason="built without PostgreSQL")


def rounds():
    return int(os.environ.get("ESCALATED_KILLS", "30"))


class Cluster:
    """Nodes that share one database of the server."""

    def __init__(self, make, server, ledger, more=""):
        self.make, self.server, self.ledger, self.more = make, server, ledger, more
        self.database = server.make_database()
        self.nodes = []

    def config(self):
        return shop.config(self.ledger.url) + self.more + f"\n[store]\nurl = {self.server.url(self.database)}\nlease = 3s\n"

    def add(self):
        self.nodes.append(self.make(self.config()).start())
        return self.nodes[-1]

    def rows(self, query):
        return self.server.rows(query, self.database)

    def epoch(self):
        return self.rows("SELECT epoch FROM lease")[0][0]


def is_engine(node):
    return node.request("GET", "/readyz").status == 200


def engine_of(nodes):
    return next((node for node in nodes if is_engine(node)), None)


def check_all(cluster, producers, faults):
    for producer in producers:
        producer.finish()
    accepted = [one for producer in producers for one in producer.accepted]
    assert accepted
    wait_for_rest(cluster)
    db = Database(cluster.server, cluster.database)
    audit.check_events(db, accepted)
    check_store(cluster, db, faults)
    return accepted


def wait_for_rest(cluster):
    unfinished = "SELECT 1 AS one FROM notifications WHERE state IN ('pending', 'claimed') LIMIT 1"
    climbing = ("SELECT 1 AS one FROM incidents WHERE state = 'triggered' AND number NOT IN "
                "(SELECT incident FROM notifications WHERE step = 'fallback') LIMIT 1")
    wait_for(lambda: not cluster.rows("SELECT 1 AS one FROM inbox LIMIT 1"), "the shared inbox to be empty")
    wait_for(lambda: not cluster.rows(climbing) and not cluster.rows(unfinished), "every ladder and notification to end",
             300)


def check_store(cluster, db, faults):
    audit.check_whole(db)
    audit.check_steps(db, shop.STEPS)
    audit.check_rest(db)
    audit.check_ledger(db, cluster.ledger.requests, 1 + faults)


def start_producers(nodes, seed, per_second=30):
    producers = [shop.Producer(f"p{i}", lambda node=node: node.port, seed * 10 + i, per_second)
                 for i, node in enumerate(nodes)]
    for producer in producers:
        producer.start()
    return producers


def make_seed():
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    return seed


def test_nothing_answered_is_lost_by_kills_of_daemon_and_server(daemon, receiver, postgres):
    seed = make_seed()
    chance = random.Random(seed)
    cluster = Cluster(daemon, postgres, receiver())
    node = cluster.add()
    producers = start_producers([node, node], seed)
    for _ in range(rounds()):
        time.sleep(chance.uniform(0.0, 0.3))  # the moment of the fault is the test's input
        if chance.random() < 0.5:
            postgres.stop(signal.SIGQUIT)
            postgres.start()
        else:
            node.kill()
            node.start()
    wait_for(lambda: is_engine(node), "the daemon to be the engine again")
    accepted = check_all(cluster, producers, rounds())
    assert len(accepted) > rounds()


def test_a_second_node_stands_by_and_takes_events_in(daemon, receiver, postgres):
    cluster = Cluster(daemon, postgres, receiver())
    first, second = cluster.add(), cluster.add()
    assert is_engine(first)
    answer = second.request("GET", "/readyz")
    assert answer.status == 503 and b"standby" in answer.body
    event = {"action": "trigger", "key": "k", "summary": "taken in by the other", "severity": "error"}
    result = second.send(event, TOKEN)
    assert result.status == 202 and "incident" not in result.json["results"][0], result
    uuid = result.json["results"][0]["id"]
    wait_for(lambda: cluster.rows(f"SELECT incident FROM events WHERE uuid = '{uuid}' AND incident > 0"),
             "the engine to take the event")
    assert second.local("GET", "/v1/incidents").json["incidents"][0]["title"] == "taken in by the other"
    # A clean stop leaves the lease to the other at once.
    epoch = cluster.epoch()
    assert first.stop() == 0
    wait_for(lambda: is_engine(second), "the second to take over")
    assert cluster.epoch() == epoch + 1


def test_the_owner_is_killed(daemon, receiver, postgres):
    seed = make_seed()
    cluster = Cluster(daemon, postgres, receiver())
    nodes = [cluster.add(), cluster.add()]
    producers = start_producers(nodes, seed)
    faults = 4
    for _ in range(faults):
        owner = wait_for(lambda: engine_of(nodes), "an engine")
        other = nodes[1 - nodes.index(owner)]
        epoch = cluster.epoch()
        owner.kill()
        wait_for(lambda: is_engine(other), "the other to take over")
        assert cluster.epoch() == epoch + 1
        owner.start()
    check_all(cluster, producers, faults)


def test_the_owner_is_killed_while_a_broker_feeds_it(daemon, receiver, postgres):
    """The session at the broker goes from node to node: what the broker acknowledged is taken exactly once."""
    seed = make_seed()
    broker = Mosquitto().start()
    try:
        cluster = Cluster(daemon, postgres, receiver(), shop.press(broker.port))
        nodes = [cluster.add(), cluster.add()]
        wait_for(lambda: "connected to the broker" in nodes[0].log_text(), "the first connection")
        assert "connected to the broker" not in nodes[1].log_text(), "a standby takes messages"
        load = [producer.Producer(broker.port, f"p{i}", f"plant/{i}/alarm", seed + i, 40) for i in range(2)]
        for one in load:
            one.start()
        faults = 4
        for _ in range(faults):
            owner = wait_for(lambda: engine_of(nodes), "an engine")
            other = nodes[1 - nodes.index(owner)]
            begin, count = other.log_path.stat().st_size, sum(len(one.accepted) for one in load)
            wait_for(lambda: sum(len(one.accepted) for one in load) > count + 20, "the producers to go on")
            owner.kill()
            wait_for(lambda: "connected to the broker" in other.log_text(begin), "the other to take over")
            owner.start()
        for one in load:
            one.finish()
        published = {pair for one in load for pair in one.accepted}

        def stored():
            return cluster.rows("SELECT key, action, count(*) AS times FROM events GROUP BY 1, 2")

        wait_for(lambda: not published - {tuple(row)[:2] for row in stored()}, "what the broker acknowledged")
        twice = [row for row in stored() if row[2] > 1]
        assert not twice, f"taken twice: {twice[:5]}"
        wait_for_rest(cluster)
        check_store(cluster, Database(cluster.server, cluster.database), faults)
    finally:
        broker.remove()


def test_the_owner_is_paused(daemon, receiver, postgres):
    """SIGSTOP past the lease, SIGCONT: what wakes up commits nothing, ends with 75 and stands by when started again."""
    seed = make_seed()
    cluster = Cluster(daemon, postgres, receiver())
    nodes = [cluster.add(), cluster.add()]
    producers = start_producers(nodes, seed)
    faults = 3
    for _ in range(faults):
        owner = wait_for(lambda: engine_of(nodes), "an engine")
        other = nodes[1 - nodes.index(owner)]
        epoch = cluster.epoch()
        begin = owner.log_path.stat().st_size
        owner.process.send_signal(signal.SIGSTOP)
        wait_for(lambda: is_engine(other), "the other to take over")
        assert cluster.epoch() == epoch + 1
        owner.process.send_signal(signal.SIGCONT)
        assert owner.process.wait(60) == 75, owner.log_text(begin)
        assert cluster.epoch() == epoch + 1
        owner.log.close()
        owner.start()
        assert not is_engine(owner)
    check_all(cluster, producers, faults)
    # The epoch that each commit was made under only rises, and claims carry the boot of whoever held it.
    assert cluster.rows("SELECT m.epoch AS committed, l.epoch FROM meta AS m, lease AS l")[0] == (faults + 1, faults + 1)


def test_what_is_no_store_of_ours_is_refused(daemon, receiver, postgres):
    ledger = receiver()
    cluster = Cluster(daemon, postgres, ledger)
    postgres.sql("CREATE TABLE other (id INTEGER)", cluster.database)
    node = daemon(cluster.config()).start(ready=False)
    assert node.process.wait(60) == 74
    assert "tables of something else" in node.log_text()
    cluster = Cluster(daemon, postgres, ledger)
    cluster.add().stop()
    postgres.sql("INSERT INTO schema_version (version) VALUES (9999)", cluster.database)
    node = daemon(cluster.config()).start(ready=False)
    assert node.process.wait(60) == 74
    assert re.search("schema version 9999 is newer", node.log_text())
