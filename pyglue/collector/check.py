"""A configuration and the files that it names, known to be good before anything is started."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pyglue.collector.loading import Setup, load
from pyglue.errors import InputError, Problem

_NO_TLS = "the services of this stack ask the collector by HTTP; put a proxy in front, or run it on its own"


def checked(conf: Path, env: Mapping[str, str]) -> Setup:
    """What the configuration file `conf`, its schemas and its mappings hold.

    Raises InputError with all their problems. What the collector only warns of, for Divolte's sake, is a problem here:
    it would drop events. `env` is the environment that the service would see.
    """
    setup = load(conf, env)
    if setup.config.tls is not None:
        message = f"pyglue.collector.tls: {_NO_TLS}"
        raise InputError([Problem(str(conf), None, None, message)])
    if setup.warnings:
        raise InputError(setup.warnings)
    return setup
