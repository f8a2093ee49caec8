"""What is wrong with a configuration and the files that it names, before anything is started."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pyglue.collector.loading import load
from pyglue.errors import InputError, Problem


def problems(conf: Path, env: Mapping[str, str]) -> list[Problem]:
    """All problems of the configuration file `conf`, its schemas and its mappings; empty if it would start.

    `env` is the environment that the service would see.
    """
    try:
        load(conf, env)
    except InputError as error:
        return error.problems
    return []
