import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from daemon import Daemon  # noqa: E402
from postgres import Postgres  # noqa: E402
from receiver import Receiver  # noqa: E402


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

    def make(script=None):
        made.append(Receiver(script))
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
