"""What the native engine makes of each key of docker-compose.yml: none is ignored in silence.

A key is OBEYED, MEANINGLESS natively (it describes the container around the process), or refused. The table in
docs/service-folders.md shows the same, and a test compares the two.
"""

from __future__ import annotations

from typing import Final

TOP: Final = {
    "name": "obeyed: the project's name",
    "services": "obeyed",
    "volumes": "obeyed: each is a folder below .pyglue/data",
    "networks": "meaningless: everything is on the loopback interface",
    "version": "meaningless: Compose v2 ignores it, too",
}

SERVICE: Final = {
    "build": "obeyed: the folder of its Dockerfile is the service's folder",
    "command": "obeyed: the arguments of `start`",
    "depends_on": "obeyed: conditions service_started and service_healthy; either waits for a health check if there is one",
    "environment": "obeyed",
    "expose": "obeyed: ports that must be free, each for one service",
    "healthcheck": "obeyed: `healthy`, its timeout, and how long the start may take",
    "networks": "obeyed: aliases are names of the service; the rest is meaningless",
    "ports": "obeyed: must be free, each for one service; published on 127.0.0.1 only, same number inside and outside",
    "profiles": "obeyed: started only where COMPOSE_PROFILES names one of them",
    "restart": "obeyed: `no`, `on-failure`, `always`, `unless-stopped`",
    "stop_grace_period": "obeyed: SIGTERM, then SIGKILL after this time",
    "volumes": "obeyed: bind mounts of the checkout's files (read-only), named volumes",
    "cap_add": "meaningless: a container's capabilities",
    "cap_drop": "meaningless: a container's capabilities",
    "container_name": "meaningless: the container's name",
    "deploy": "obeyed: only what is meaningless natively may stand in it",
    "hostname": "meaningless: the container's own name",
    "image": "meaningless: artefacts come from the folder's pom.xml or requirements.txt; Docker's name for them",
    "init": "meaningless: supervisord reaps",
    "labels": "meaningless: marks on a container",
    "logging": "meaningless: supervisord rotates the logs below .pyglue/log",
    "mem_limit": "meaningless: heaps are set by the environment",
    "pids_limit": "meaningless: a container's threads and processes",
    "platform": "meaningless: this machine's",
    "pull_policy": "meaningless: no image is pulled",
    "read_only": "meaningless: a container's root file system",
    "security_opt": "meaningless: a container's security",
    "shm_size": "meaningless: a container's shared memory",
    "tmpfs": "meaningless: a container's file systems",
    "user": "meaningless: the user who runs pyglue",
}

BUILD: Final = {
    "context": "obeyed",
    "dockerfile": "obeyed",
    "args": "meaningless: for the image",
    "labels": "meaningless: for the image",
    "target": "meaningless: for the image",
}

HEALTH: Final = {
    "test": "obeyed: [CMD, /service/healthy, ...]",
    "timeout": "obeyed",
    "start_period": "obeyed: part of how long the start may take",
    "retries": "obeyed: with interval, part of how long the start may take",
    "interval": "obeyed: as above; the native engine asks more often",
    "start_interval": "meaningless: the native engine asks five times a second",
}


VOLUME: Final = {
    "labels": "meaningless: marks on a volume",
    "name": "meaningless: the volume's name in Docker",
}

DEPLOY: Final = {
    "labels": "meaningless: marks on a container",
    "resources": "meaningless: limits of a container",
}


def is_known(table: dict[str, str], key: str) -> bool:
    """Whether the native engine obeys the key or knows it as meaningless (extension keys `x-...` are)."""
    return key in table or key.startswith("x-")
