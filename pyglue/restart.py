"""Services of the running stack stopped and started again: for `pyglue restart`, and for a step of `up`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from pyglue import flow
from pyglue.engine import Engine, ServiceJob


class Silent:
    """A listener that shows nothing."""

    def running(self, labels: list[tuple[str, float]]) -> None:
        """Whoever waits shows a step of its own."""

    def finished(self, label: str, verdict: str, seconds: float) -> None:
        """As above."""


def restart(
    engine: Engine, names: Sequence[str], listener: flow.Listener, wait: Callable[[float], None] = time.sleep
) -> None:
    """Stop services, start them as docker-compose.yml says, and wait until each is healthy.

    Each starts once those of them that it needs are healthy. Raises PyglueError if one can't be ended, dies, or does not
    become healthy in time; or what `wait` raises.
    """
    began = time.monotonic()
    renewed = engine.renew(names)
    listener.finished(f"Stop {', '.join(renewed)}", "stopped", time.monotonic() - began)
    services = [engine.stack.services[name] for name in renewed]
    jobs = [
        ServiceJob(engine, service, frozenset(set(service.depends_on) & set(renewed))) for service in services
    ]
    flow.run(jobs, listener, flow.Cancel(), watch=engine.watch, sleep=wait)
