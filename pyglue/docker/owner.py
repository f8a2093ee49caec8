"""Whose a Docker project is: one checkout's. Two of one name would end each other's containers, and wipe each other's data.

Containers carry their checkout as a label; volumes do not, so a checkout's memo says whether it ever had the project.
"""

from __future__ import annotations

import os
from pathlib import Path

from pyglue.docker.daemon import Daemon
from pyglue.docker.memo import Memo
from pyglue.errors import PyglueError


def check(daemon: Daemon, project: str, checkout: Path, memo: Memo) -> None:
    """Raise PyglueError if the project, or data of its name, belongs to another checkout, or may do so."""
    containers = daemon.owners(project=project)
    for other in containers:
        if os.path.realpath(other.checkout) != str(checkout):
            raise PyglueError(
                f"the Docker project {project} belongs to another checkout",
                details=[
                    f"container  {other.name} of {other.checkout}",
                    f"end that one (docker compose -p {project} down), or give this one another name and other",
                    "ports in .env (docs/configuration.md)",
                ],
                try_=f"PYGLUE_PROJECT={project}2 pyglue up",
                code="not-this-checkout",
            )
    check_name(daemon, project, checkout)
    volumes = daemon.volumes(project)
    if volumes and memo.project != project and not containers:
        raise PyglueError(
            f"there is data of a Docker project {project}, which was never up from here",
            details=[
                f"volumes    {', '.join(volumes)}",
                f"if it is this checkout's: docker compose -p {project} create, and then again",
                "if it is another's: another PYGLUE_PROJECT in .env, and other ports (docs/configuration.md)",
            ],
            try_=f"PYGLUE_PROJECT={project}2 pyglue up",
            code="not-this-checkout",
        )


def check_name(daemon: Daemon, project: str, checkout: Path) -> None:
    """Raise PyglueError if containers of this checkout are there under another project's name."""
    for other in daemon.owners(checkout=str(checkout)):
        if other.project != project:
            raise PyglueError(
                f"containers of this checkout are there under another name: {other.project}",
                details=[f"container  {other.name}, and now the project is called {project}"],
                try_=f"PYGLUE_PROJECT={other.project} pyglue down",
                code="not-this-checkout",
            )
