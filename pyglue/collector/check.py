"""What is wrong with a configuration and the files that it names, before anything is started."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pyglue.collector.loading import load
from pyglue.errors import InputError, Problem


def problems(conf: Path, env: Mapping[str, str]) -> list[Problem]:
    """All problems of the configuration file `conf`, its schemas and its mappings; empty if all is well.

    What the collector only warns of, for Divolte's sake, is a problem here: it would drop events. `env` is the
    environment that the service would see.
    """
    try:
        return load(conf, env).warnings
    except InputError as error:
        return error.problems
