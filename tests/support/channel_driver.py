"""One channel plugin without a daemon (drive_channel.c): options in, messages in, results out."""

import json
import subprocess

from daemon import BUILD, DEADLINE

OUTCOMES = ["sent", "retry", "unknown", "rejected"]


class Result:
    def __init__(self, fields):
        self.count, self.reason, self.detail = fields["count"], fields["reason"], fields["detail"]
        self.outcome = OUTCOMES[fields["outcome"]] if self.count else "none"
        self.peer_is_well = fields["peer_is_well"]

    def __repr__(self):
        return f"<{self.outcome} {self.reason!r} {self.detail!r} well={self.peer_is_well}>"


class ChannelDriver:
    """`refused` says why the plugin does not take these options, or is None. Durations are milliseconds."""

    def __init__(self, plugin, state_dir, **options):
        pairs = [str(word) for pair in options.items() for word in pair]
        self.process = subprocess.Popen(
            [BUILD / "tests" / "test_drive_channel", BUILD / "lib" / "escalated" / f"{plugin}.so", state_dir, *pairs],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.refused = self._read().get("refused")

    def _read(self):
        line = self.process.stdout.readline()
        assert line, f"the driver ended with {self.process.wait(DEADLINE)}"
        return json.loads(line)

    def _ask(self, command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self._read()

    def start(self, messages, within_ms=DEADLINE * 1000):
        """messages: (address, body) pairs, tickets 0, 1, …; all must be taken."""
        sent = [{"ticket": i, "address": address, "body": body, "within_ms": int(within_ms)}
                for i, (address, body) in enumerate(messages)]
        assert all(self._ask({"send": sent})["taken"])

    def collect(self, count):
        answer = self._ask({"collect": list(range(count)), "within_ms": int(DEADLINE * 1000)})
        return [Result(fields) for fields in answer["results"]]

    def send(self, messages, within_ms=DEADLINE * 1000):
        self.start(messages, within_ms)
        return self.collect(len(messages))

    def destroy(self):
        self._ask({"destroy": True})

    def stop(self):
        """Ends it; returns the exit code: sanitizers speak through it."""
        if not self.process.stdin.closed:
            self.process.stdin.close()
        code = self.process.wait(DEADLINE)
        self.process.stdout.close()
        return code
