import pathlib
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from daemon import Daemon  # noqa: E402
from postgres import Postgres  # noqa: E402
from receiver import Receiver  # noqa: E402
from smtp import SmtpServer  # noqa: E402
from twilio import Twilio  # noqa: E402


class Folders:
    def __init__(self, base):
        self.base = base

    def mktemp(self, name):
        return pathlib.Path(tempfile.mkdtemp(prefix=name, dir=self.base))


@pytest.fixture(scope="session")
def tmp_path_factory():
    """pytest's own keeps three old folders, and its long names leave no room for that of a socket."""
    with tempfile.TemporaryDirectory(prefix="t") as base:
        yield Folders(base)


@pytest.fixture
def tmp_path():
    with tempfile.TemporaryDirectory(prefix="t") as folder:
        yield pathlib.Path(folder)


@pytest.fixture
def daemon(tmp_path):
    """Makes daemons; each is stopped at the end and must then have exited 0."""
    made = []

    def make(config, **options):
        made.append(Daemon(tmp_path / f"daemon{len(made)}", config, **options))
        return made[-1]

    yield make
    for one in made:
        if one.process is not None and one.process.poll() is None:
            assert one.stop() == 0, one.log_text()


@pytest.fixture
def receiver():
    made = []

    def make(script=None, tls=None):
        made.append(Receiver(script, tls))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def smtp():
    made = []

    def make(**options):
        made.append(SmtpServer(**options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def twilio():
    made = []

    def make(script=None, **options):
        made.append(Twilio(script, **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture(scope="session")
def postgres():
    """One server for the whole file; a test that stops it starts it again."""
    server = Postgres()
    try:
        yield server.start()
    finally:
        server.remove()
