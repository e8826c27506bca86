"""Every file call of one scenario fails, once and lastingly: start, one alert, page out, acknowledge, resolve, stop.

Whatever the call, the daemon ends by a plain exit or goes on; what it answered is there; and a start on a good disk brings
the scenario to its end.
"""

import errno
import http.client
import os
import shutil

import audit
import disk
from configs import EVENT, TOKEN, ladder
from daemon import wait_for
from rounds import is_deep, seed

EXITS = (0, 69, 74)
FAULTS = [(error, lasting) for error in ("EIO", "ENOSPC") for lasting in (False, True)]
CALLS = {"EIO": disk.EVERY_CALL, "ENOSPC": disk.EVERY_CALL & ~(disk.READ | disk.UNLINK)}
# A fault that is no longer met has passed the scenario's end; some are only met now and then, so several in a row say so.
CLEAN_IN_A_ROW = 5
PATIENCE = 15.0


class Life:
    """The scenario against one daemon; each part is done as far as the daemon lets it."""

    def __init__(self, d):
        self.d = d
        self.accepted = []
        self.acked = self.resolved = False

    def is_over(self):
        return self.d.process.poll() is not None

    def ask(self, what):
        """None when the daemon did not answer."""
        try:
            return what()
        except (OSError, http.client.HTTPException):
            return None

    def post(self, action):
        """Repeats like a producer does, a few times."""
        for _ in range(3):
            answer = self.ask(lambda: self.d.send({**EVENT, "action": action}, TOKEN))
            if answer is not None and answer.status == 202:
                self.accepted += [(result["id"], result["key"], action) for result in answer.json["results"]]
                return True
            assert answer is None or answer.status == 503, answer
            if self.is_over():
                return False
        return False

    def paged(self):
        return audit.query(self.d.state_dir, "SELECT 1 FROM notifications WHERE kind = 'page' AND state = 'accepted'")

    def run(self):
        if self.is_over() or not self.post("trigger"):
            return
        self.wait_a_little(self.paged)
        answer = self.ask(lambda: self.d.local("POST", "/v1/incidents/1/ack", {}))
        self.acked = answer is not None and answer.status == 200
        self.resolved = not self.is_over() and self.post("resolve")
        self.wait_a_little(lambda: not audit.query(
            self.d.state_dir, "SELECT 1 FROM notifications WHERE state IN ('pending', 'claimed')"))

    def wait_a_little(self, condition):
        """What does not come about under a lasting fault is checked after the next start."""
        try:
            wait_for(lambda: self.is_over() or self.look(condition), "the scenario to go on", 2.0)
        except AssertionError:
            pass

    @staticmethod
    def look(condition):
        try:
            return condition()
        except audit.sqlite3.Error:
            return False  # the file may be half made


def live_once(d, error, lasting, nth):
    """Runs the scenario with the nth call failing; whether it was met, and what was promised."""
    d.disk.plan.fail(CALLS[error], getattr(errno, error), nth=nth, lasting=lasting)
    d.start(ready=False)
    wait_for(lambda: "msg=ready" in d.log_text() or d.process.poll() is not None, "a start or an end", PATIENCE)
    d.find_port()
    life = Life(d)
    life.run()
    code = d.stop()
    assert code in EXITS, f"exit {code}\n{d.log_text()}"
    met = d.disk.plan.failed() > 0
    d.disk.plan.clear()
    return met, life


def check_afterwards(d, life):
    """A good disk again: what was promised is there, nothing is half done, and the scenario can be brought to its end."""
    d.start()
    again = Life(d)
    if not life.accepted:
        assert again.post("trigger")
    if not life.resolved:
        assert again.post("resolve")
    wait_for(lambda: not audit.query(d.state_dir, "SELECT 1 FROM notifications WHERE state IN ('pending', 'claimed')"),
             "every notification to end")
    assert d.stop() == 0
    db = audit.connect(d.state_dir)
    audit.check_integrity(db)
    audit.check_events(db, life.accepted + again.accepted)
    audit.check_whole(db)
    audit.check_rest(db)
    assert db.execute("SELECT DISTINCT state FROM incidents").fetchall() == [("resolved",)]
    if life.acked:
        assert db.execute("SELECT count(*) FROM timeline WHERE kind = 'ack'").fetchone() == (1,), "the ack is gone"
    db.close()


def check_tidy(d):
    """What was begun and given up was removed."""
    halves = [*d.state_dir.glob("*.new"), *(d.state_dir / "messages").rglob(".*.txt")]
    assert not halves, f"half a file was left behind: {halves}"


def test_every_file_call_fails(daemon):
    """All of them in a deep run; otherwise every STRIDE-th, another share in each run."""
    begin = seed()
    stride = 1 if is_deep() else int(os.environ.get("ESCALATED_STRIDE", "40"))
    lives = 0
    for error, lasting in FAULTS:
        nth, clean = 1 + begin % stride, 0
        while clean < CLEAN_IN_A_ROW:
            d = daemon(ladder("60s")).put_on_disk()
            try:
                met, life = live_once(d, error, lasting, nth)
                check_afterwards(d, life)
                if not lasting:  # otherwise it could not even be removed
                    check_tidy(d)
            except AssertionError as failure:
                raise AssertionError(f"{error}, {'lasting' if lasting else 'once'}, call {nth}: {failure}") from failure
            clean = 0 if met else clean + 1
            lives += 1
            nth += stride if met else 1
            shutil.rmtree(d.folder)
        print(f"{error} {'lasting' if lasting else 'once'}: calls 1 to {nth}")
    print(f"{lives} lives")
