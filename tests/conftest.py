from __future__ import annotations

from hypothesis import settings

# How long an example takes depends on the machine, and no test here is about time.
settings.register_profile("batchscope", deadline=None)
settings.load_profile("batchscope")
