"""Property tests: few examples in `make test-fast`, more in `make test`; no limit counts a busy machine's seconds."""

import os

from hypothesis import settings

settings.register_profile("full", deadline=None)
settings.register_profile("fast", parent=settings.get_profile("full"), max_examples=20)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "full"))
