"""How many processors' work this process may do: what the scheduler and the control group allow."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

from pyglue import control_groups

# Several processes on one port, and forking with what is shared, are made for Linux.
SEVERAL = sys.platform == "linux"


def usable(root: Path = Path("/")) -> int:
    """At least 1; where there can be no several workers, 1."""
    if not SEVERAL:
        return 1
    allowed = control_groups.processors(root)
    return max(1, min(len(os.sched_getaffinity(0)), math.ceil(allowed) if allowed else sys.maxsize))
