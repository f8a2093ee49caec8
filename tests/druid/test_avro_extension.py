"""The Druid extension's own tests, which are Java: records by Apache's Avro library, read by Druid's classes."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pyglue.install.cache import Cache

EXTENSION = Path(__file__).parents[2] / "druid/avro-extensions"


@pytest.mark.java
def test_the_extension_passes_its_own_tests(tmp_path: Path) -> None:
    """The extension compiles without a warning and reads, or refuses, every record as its tests promise."""
    if shutil.which("mvn") is None:
        pytest.skip("no mvn on this machine (apt-get install maven)")
    module = tmp_path / EXTENSION.name
    shutil.copytree(EXTENSION, module, ignore=shutil.ignore_patterns("target"))
    command = ["mvn", "-B", "-ntp", "-f", str(module / "pom.xml"), "-Dmaven.compiler.failOnWarning=true"]
    command += [f"-Dmaven.repo.local={Cache.of(os.environ).maven}", "test"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    assert (module / "target/surefire-reports").is_dir()
