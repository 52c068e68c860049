"""Settings of every test."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

# A job that a shell starts in the background ignores Ctrl-C, and so would every program that a test starts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline: two cores are often busy. A failing example is printed with how to get it again.
settings.register_profile("default", deadline=None, print_blob=True)
settings.register_profile("soak", parent=settings.get_profile("default"), max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
