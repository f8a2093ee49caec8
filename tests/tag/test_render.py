"""The text of the tag as it is served."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from playwright.sync_api import Page

from pyglue.collector.tag import render
from tests.browser import COMMITTED, TAG, Recorder


def test_small() -> None:
    """What is served holds no comment, no indentation and no placeholder, and is the same every time."""
    text = render(**TAG).decode()
    assert not re.search(r"^\s*//|^\s|@@|\n\n", text, re.MULTILINE)
    assert text == render(**TAG).decode()


def test_comments_stand_alone() -> None:
    """The source keeps to the law that makes stripping by lines safe, and to ECMAScript 5."""
    source = files("pyglue.collector.tag").joinpath("divolte.js").read_text(encoding="utf-8")
    code = [line for line in source.splitlines() if not line.strip().startswith("//")]
    for line in code:
        assert not re.search(r"//|/\*|`|\\$|=>|^\s*(let|const|class)\b", line), line


@pytest.mark.parametrize(
    "hostile", ["it's", 'a"b', "back\\slash", "</script><!--", "\u2028\u65e5", "@@logging@@"]
)
def test_constants_are_escaped(hostile: str) -> None:
    """No setting can break out of its text."""
    text = render(**{**TAG, "cookie_domain": hostile}).decode("ascii")
    assert "</script" not in text
    (literal,) = re.findall(r"var COOKIE_DOMAIN = (.*);\n", text)
    assert literal.startswith('"')


@pytest.mark.browser
def test_hostile_constants_arrive(page: Page, recorder: Recorder) -> None:
    """Settings with characters that mean something to JavaScript reach the browser as they are."""
    recorder.tag = lambda: render(**{**TAG, "event_suffix": "csc-event?y=</script>'\"\\&"})
    page.goto(recorder.page("/", ""))
    assert recorder.wait(1)[0]["y"] == "</script>'\"\\"


@pytest.mark.browser
def test_logging(page: Page, recorder: Recorder) -> None:
    """With logging on the browser's console tells each event; without, nothing."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(recorder.page("/", ""))
    recorder.wait(1)
    assert said == []
    recorder.tag = lambda: render(**{**TAG, "logging": True})
    page.reload()
    hit = recorder.wait(2)[1]
    page.evaluate(COMMITTED)
    assert said == [f"divolte: pageView {hit['e']}"]
