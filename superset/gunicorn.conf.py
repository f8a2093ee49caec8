"""The web server: one process with threads, because Superset waits for Druid most of the time.

Law of this file: it reads the environment that `start` sets and nothing else.
"""

import gc
import os
from typing import Any

bind = f"{os.environ['BIND_ADDRESS']}:{os.environ['SUPERSET_PORT']}"
workers = 1
worker_class = "gthread"
threads = int(os.environ["SUPERSET_THREADS"])
timeout = 60  # seconds without a sign of life until the process is replaced
graceful_timeout = 5  # seconds for running requests when stopping
keepalive = 15  # seconds; longer than a dashboard's refresh, so browsers keep their connections
worker_tmp_dir = os.environ["RUN_DIR"]
control_socket_disable = True
loglevel = "warning"

# Hardly anything of what is made while importing is garbage: not looking for it saves a fifth of the start, and
# freezing what is there afterwards keeps later collections short.
gc.disable()


def post_worker_init(worker: Any) -> None:
    """The application is loaded: back to normal."""
    gc.collect()
    gc.freeze()
    gc.enable()
    worker.log.warning("Superset serves %s with %s threads", bind, threads)
