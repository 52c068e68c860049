"""Settings of every test."""

from __future__ import annotations

import os

from hypothesis import settings

# No deadline: two cores are often busy. A failing example is printed with how to get it again.
settings.register_profile("default", deadline=None, print_blob=True)
settings.register_profile("soak", parent=settings.get_profile("default"), max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
