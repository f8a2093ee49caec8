"""How many workers there is room for: what the scheduler and the control group allow."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

from pyglue import control_groups

# Several processes on one port, and forking with what is shared, are made for Linux.
SEVERAL = sys.platform == "linux"
# Of memory, where a control group limits it: one has some 15 MiB of its own, and twice its part of what waits for Kafka.
WORKER_BYTES = 80 * 2**20


def usable(root: Path = Path("/"), processors: int | None = None) -> int:
    """One for each processor, if there is memory for that; where there can be no several workers, 1.

    `processors` are those that the scheduler allows, below `root` is what the control group says.
    """
    if not SEVERAL:
        return 1
    most = [processors or len(os.sched_getaffinity(0))]
    quota, memory = control_groups.processors(root), control_groups.memory_left(root)
    if quota is not None:
        most.append(math.ceil(quota))
    if memory is not None:
        most.append(memory // WORKER_BYTES)
    return max(1, min(most))
