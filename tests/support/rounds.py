"""How long a test goes on: so many rounds, and in a deep run as many as fit into its share of the minutes."""

import os
import random
import time

# The deep tests run two at a time; each gets this part of ESCALATED_DEEP_MINUTES.
DEEP_PART = 0.4


def is_deep():
    return os.environ.get("ESCALATED_DEEP", "") == "1"


def rounds(usual, most):
    """Counts from 0: `usual` rounds, deep up to `most` while there is time."""
    end = time.monotonic() + 60 * DEEP_PART * float(os.environ.get("ESCALATED_DEEP_MINUTES", "60"))
    number = 0
    while number < (most if is_deep() else usual) and (not is_deep() or time.monotonic() < end):
        yield number
        number += 1


def seed():
    """ESCALATED_SEED repeats a run as far as threads and processes allow."""
    value = int(os.environ.get("ESCALATED_SEED", random.SystemRandom().randrange(10**6)))
    print(f"ESCALATED_SEED={value}")
    return value
