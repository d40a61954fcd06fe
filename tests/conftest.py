"""Settings of all property tests."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("convscope", deadline=None)  # a busy machine is no failure: timings stand in bench/
settings.load_profile("convscope")
