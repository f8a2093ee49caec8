"""Images for another kind of machine: one with a JVM and one with Python, built for arm64 and run under emulation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker.other_machine import CANT, IMAGE, MACHINE, BaseImage
from tests.e2e.conftest import need_docker
from tests.e2e.live import LiveStack, eventually

pytestmark = [pytest.mark.e2e]
SERVICES = ("kafka", "divolte")


@pytest.fixture
def foreign(checkout: Path, tmp_path: Path, base_image: BaseImage) -> Iterator[LiveStack]:
    """A copy whose images are for arm64."""
    need_docker()
    code, said = base_image.made()
    if code == CANT:
        pytest.skip(said.strip())
    assert code == 0, said
    live = LiveStack.create(checkout, tmp_path / "foreign", "docker")
    live.settings |= {"DOCKER_DEFAULT_PLATFORM": f"linux/{MACHINE}", "IMAGE_BASE": IMAGE}
    try:
        yield live
    finally:
        live.compose("down", "--volumes")
        live.remove()
        live.docker("image", "rm", "--force", IMAGE)


def test_the_images_build_and_serve_on_arm64(foreign: LiveStack) -> None:
    """Kafka and the collector, as arm64 programs: an event that is answered with success is in the topic."""
    # Jars and wheels are fetched on this machine, for the other.
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
