"""When an image is built, and what is shown of it."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from pyglue.docker.compose import Compose
from pyglue.docker.daemon import Daemon
from pyglue.docker.images import Images, _Said, inputs
from pyglue.docker.memo import Memo
from pyglue.errors import PyglueError
from pyglue.flow import Cancel
from pyglue.stack import compose
from tests.docker.fakes import FakeDaemon, Shop


class Builder:
    """Builds an image with a new id each time, or fails."""

    def __init__(self, daemon: FakeDaemon) -> None:
        self.daemon = daemon
        self.built: list[str] = []
        self.error: PyglueError | None = None

    def build(self, service: str, _said: object, _wait: object, _log: Path) -> None:
        if self.error is not None:
            raise self.error
        self.built.append(service)
        self.daemon.images[f"shop/{service}:1"] = f"sha256:{len(self.built)}"


@pytest.fixture
def builder(shop: Shop) -> Builder:
    return Builder(shop.daemon)


def images(shop: Shop, builder: Builder, variables: dict[str, str] | None = None) -> Images:
    """As a new pyglue would have them."""
    (shop.path / ".pyglue").mkdir(exist_ok=True)
    return Images(
        compose.read(shop.path, {}),
        cast(Daemon, shop.daemon),
        cast(Compose, builder),
        Memo(shop.path / ".pyglue" / "docker.json"),
        shop.path,
        variables or {},
        lambda _label, _files, _size: None,
        Cancel(),
    )


def test_what_was_built_is_not_built_again(shop: Shop, builder: Builder) -> None:
    """Until something changes that its Dockerfile copies; what it does not copy is of no interest."""
    both = ("kafka", "divolte")
    assert images(shop, builder).missing(both) == ["kafka", "divolte"]
    for folder in both:
        assert images(shop, builder).install(folder)
    assert images(shop, builder).missing(both) == []
    (shop.path / "kafka" / "README.md").write_text("not copied")
    (shop.path / "mapping.groovy").write_text("mounted, not copied")
    assert images(shop, builder).missing(both) == []
    (shop.path / "kafka" / "start").write_text("#!/bin/sh\n")
    assert images(shop, builder).missing(both) == ["kafka"]


def test_an_image_that_is_gone_or_another_one_is_built(shop: Shop, builder: Builder) -> None:
    """Whoever removed it, or built another one under its name."""
    images(shop, builder).install("kafka")
    shop.daemon.images["shop/kafka:1"] = "sha256:other"
    assert images(shop, builder).missing(["kafka"]) == ["kafka"]
    del shop.daemon.images["shop/kafka:1"]
    assert images(shop, builder).missing(["kafka"]) == ["kafka"]


def test_another_base_is_another_image(shop: Shop, builder: Builder) -> None:
    """IMAGE_BASE is handed to the build."""
    images(shop, builder).install("kafka")
    assert images(shop, builder, {"IMAGE_BASE": "mirror/debian"}).missing(["kafka"]) == ["kafka"]


def test_a_failed_build_says_what_to_read(shop: Shop, builder: Builder) -> None:
    """The tool's last lines, and where proxies and certificates are explained."""
    builder.error = PyglueError("Docker Compose ended with 17", details=["  | certificate verify failed"])
    with pytest.raises(PyglueError) as caught:
        images(shop, builder).install("kafka")
    assert caught.value.message == "building the image shop/kafka:1 failed"
    assert caught.value.details[0] == "  | certificate verify failed"
    assert caught.value.details[1].endswith("build-kafka.log")
    assert "images/README.md" in caught.value.details[2]
    assert images(shop, builder).missing(["kafka"]) == ["kafka"]


def test_progress_counts_the_steps_of_all_stages() -> None:
    """The lines are Compose's; steps of a stage come in their order, stages side by side."""
    shown: list[tuple[str, tuple[int, int], tuple[int, int]]] = []
    said = _Said("kafka", lambda label, files, size: shown.append((label, files, size)))
    for line in (
        "#1 [kafka internal] load build definition from Dockerfile",
        "#8 [kafka artifacts 1/5] FROM docker.io/library/debian:bookworm-slim",
        "#9 [artifacts 2/5] RUN something",
        "#10 [kafka stage-1 2/6] RUN something else",
        "#9 12.3 text of the step",
        "#9 DONE 20.1s",
        "#11 [kafka artifacts 5/5] RUN more",
    ):
        said(line)
    assert [files for _, files, _ in shown] == [(1, 5), (2, 5), (4, 11), (7, 11)]
    assert {label for label, _, _ in shown} == {"Build kafka"}


@pytest.mark.parametrize("folder", ["kafka", "druid", "divolte", "superset", "sample-app"])
def test_the_inputs_of_a_shipped_image_are_what_its_dockerfile_copies(checkout: Path, folder: str) -> None:
    """Its own start is among them, what several share, and not the documentation."""
    found = {str(path.relative_to(checkout)) for path in inputs(checkout, f"{folder}/Dockerfile")}
    assert {f"{folder}/Dockerfile", f"{folder}/start", f"{folder}/healthy", "images/base/packages"} <= found
    assert ("pyglue/collector/app.py" in found) == (folder == "divolte")
    assert ("druid/avro-extensions/pom.xml" in found) == (folder == "druid")
    assert not {"README.md", "mapping.groovy", "pyglue/cli/up.py"} & found


def test_a_damaged_memo_only_costs_a_build(tmp_path: Path) -> None:
    """Whatever stands in it."""
    memo = Memo(tmp_path / "docker.json")
    for text in ("", "[]", '{"images": {"kafka": ["one"]}}', '{"images": [], "started": 5, "project": 7}'):
        (tmp_path / "docker.json").write_text(text)
        assert (memo.image("kafka"), memo.started("kafka"), memo.project) == (None, None, None)
    memo.keep_project("shop", up=True)
    memo.keep_image("kafka", "hash", "sha256:1")
    memo.keep_start("kafka", "id", "files")
    assert (memo.image("kafka"), memo.started("kafka"), memo.project) == (
        ("hash", "sha256:1"),
        ("id", "files"),
        "shop",
    )
