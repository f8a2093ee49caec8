"""Images for another kind of machine: one with a JVM and one with Python, built for arm64 and run under emulation."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import need_docker
from tests.e2e.live import LiveStack, eventually

pytestmark = [pytest.mark.e2e]
BASE = "pyglue-test-arm64:bookworm-slim"
SERVICES = ("kafka", "divolte")


@pytest.fixture
def foreign(checkout: Path, tmp_path: Path) -> Iterator[LiveStack]:
    """A copy whose images are for arm64."""
    need_docker()
    if os.getuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip("emulating another machine needs root, and Debian's packages (tests/docker/foreign)")
    made = subprocess.run(
        [checkout / "tests" / "docker" / "foreign", "arm64", BASE],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode == 3:
        pytest.skip(made.stderr.strip())
    assert made.returncode == 0, made.stderr
    live = LiveStack.create(checkout, tmp_path / "foreign", "docker")
    live.settings |= {"DOCKER_DEFAULT_PLATFORM": "linux/arm64", "IMAGE_BASE": BASE}
    try:
        yield live
    finally:
        live.compose("down", "--volumes")
        live.remove()
        live.docker("image", "rm", "--force", BASE)


def test_the_images_build_and_serve_on_arm64(foreign: LiveStack) -> None:
    """Kafka and the collector, as arm64 programs: an event that is answered with success is in the topic."""
    # Jars are for every machine: the stage that fetches them runs on this one.
    foreign.compose("build", "--build-arg", "BUILD_BASE=debian:bookworm-slim", *SERVICES)
    for service in SERVICES:
        image = f"{foreign.project}/{service}:0.1.0"
        assert foreign.docker("image", "inspect", "--format", "{{.Architecture}}", image) == "arm64"
    foreign.compose("up", "--detach", "--no-build", *SERVICES)
    for service in SERVICES:
        assert foreign.docker("exec", foreign.container(service), "uname", "-m") == "aarch64"
    # The collector is healthy once it has reached Kafka.
    format_ = ("ps", "--format", "{{.Health}}", "divolte")
    eventually(lambda: foreign.compose(*format_) == "healthy", "a healthy collector", 180)
    starts = foreign.kafka.ends("divolte")
    assert foreign.send("on-arm64", "on-arm64") == 200
    assert foreign.kafka.find("divolte", starts, lambda value: b"on-arm64" in value, 30) is not None
