"""`python -m pyglue.collector --config FILE [--port N] [--check]`: run the collector, or only check what it would run.

The one place where the collector's errors become text and an exit code: 0 fine, 1 known trouble, 2 usage.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pyglue.collector.config.configured import KafkaSink
from pyglue.collector.loading import Setup, load
from pyglue.collector.server import run
from pyglue.collector.sinks.opening import OpenSinks
from pyglue.errors import PyglueError


def main(arguments: Sequence[str]) -> int:
    """Do what `arguments` ask; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m pyglue.collector", description="A drop-in for Divolte Collector 0.9.0."
    )
    parser.add_argument("--config", required=True, type=Path, metavar="FILE", help="divolte-collector.conf")
    parser.add_argument(
        "--port", type=_port, metavar="N", help="listen on this port instead of the configured one"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="start nothing: check configuration, schemas and mappings, and list the mapped fields",
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        setup = load(options.config, os.environ)
        if options.port is not None:
            setup = replace(setup, config=replace(setup.config, port=options.port))
        if options.check:
            print(_described(setup, options.config))
        else:
            for warning in setup.warnings:
                logging.getLogger("pyglue.collector").warning("%s", warning)
            for sink in setup.config.sinks:
                where = sink.topic if isinstance(sink, KafkaSink) else sink.publish_dir
                logging.getLogger("pyglue.collector").info("sink %s: %s", sink.name, where)
            run(setup, OpenSinks)
    except PyglueError as error:
        print(f"error: {error.message}", *error.details, sep="\n  ", file=sys.stderr)
        return 1
    return 0


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 65535):
        raise argparse.ArgumentTypeError(f"expected a port from 1 to 65535, not '{text}'")
    return int(text)


def _described(setup: Setup, conf: Path) -> str:
    """What the configuration maps, one field a line, and its warnings."""
    lines = []
    for mapping in setup.mappings:
        sources, sinks = ", ".join(mapping.files.sources), ", ".join(mapping.files.sinks) or "no sink"
        lines.append(f"mapping {mapping.files.name}: {sources} -> {mapping.schema.name} -> {sinks}")
        mapped: dict[str, list[int]] = {}
        types = {}
        for entry in mapping.compiled.mapped:
            mapped.setdefault(entry.field, []).append(entry.place.line)
            types[entry.field] = entry.field_type
        width = max(map(len, mapped), default=0)
        for name, places in mapped.items():
            lines.append(f"  {name:{width}}  {types[name]}  (line {', '.join(map(str, places))})")
        unmapped = [field.name for field in mapping.schema.fields if field.name not in mapped]
        if unmapped:
            lines.append(f"  not mapped: {', '.join(unmapped)}")
    lines += [f"warning: {warning}" for warning in setup.warnings]
    return "\n".join([*lines, f"{conf}: fine"])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
