"""The text of the tag as it is served: minified, or readable."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Page

from pyglue.collector.config.configured import Privacy
from pyglue.collector.tag import render
from tests.browser import TAG, Recorder

MINIFIED = render(**TAG).decode("ascii")
READABLE = render(**TAG, debug=True).decode("ascii")
ALL = Privacy(
    honour_do_not_track=True,
    honour_global_privacy_control=True,
    consent=True,
    same_site="Strict",
    secure=True,
    party_lifetime_ms=1_000_000,
)
PRIVATE = {"everything": ALL, "cookieless": replace(ALL, cookies=False)}

TOKEN = re.compile(
    r"""(?P<comment>//.*|/\*(?s:.*?)\*/)
    |(?P<text>'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")
    |(?P<number>0[xX][0-9a-fA-F]+|[0-9]+(?:\.[0-9]+)?)
    |(?P<name>[A-Za-z_$][\w$]*)
    |(?P<pattern>/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+/[a-z]*)
    |(?P<sign>>>>=?|<<=?|>>=?|[=!]==?|[<>+*/%&|^-]=|=>|&&|\|\||\+\+|--|[-{}()\[\];,<>+*/%&|^!~?:=.])
    |(?P<blank>\s+)""",
    re.VERBOSE,
)


def tokens(script: str) -> list[tuple[str, str]]:
    """Kind and text of each token of a script; fails where it holds anything that this table does not know."""
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(script):
        match = TOKEN.match(script, at)
        assert match, script[at : at + 40]
        kind = str(match.lastgroup)
        # After a value a slash divides.
        if kind == "pattern" and (found[-1][0] in ("text", "number", "name") or found[-1][1] in (")", "]")):
            kind, at = "sign", at + 1
            found.append((kind, "/"))
            continue
        at = match.end()
        if kind not in ("comment", "blank"):
            found.append((kind, match[0]))
    return found


def test_minified_is_the_same() -> None:
    """Minified, the tag holds the same names, numbers, texts, patterns and signs in the same order, and no comment."""
    assert len(tokens(READABLE)) > 2000
    assert tokens(MINIFIED) == tokens(READABLE)
    assert not [match for match in TOKEN.finditer(MINIFIED) if match.lastgroup == "comment"]


@pytest.mark.parametrize("privacy", PRIVATE)
def test_minified_with_privacy(privacy: str) -> None:
    """The same holds with all that privacy may need."""
    minified, readable = (
        render(**TAG, privacy=PRIVATE[privacy], debug=debug).decode("ascii") for debug in (False, True)
    )
    assert len(tokens(readable)) > len(tokens(READABLE))
    assert tokens(minified) == tokens(readable)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"honour_do_not_track": True}, {"doNotTrack"}),
        ({"honour_global_privacy_control": True}, {"globalPrivacyControl"}),
        ({"consent": True}, {"consent", "'1'"}),
        ({"same_site": "Lax"}, {'"; SameSite=Lax"'}),
        ({"secure": True}, {'"; Secure"'}),
        ({"party_lifetime_ms": 5000}, {"secondsLeft"}),
        ({"cookies": False}, {"forgetVisitor"}),
    ],
)
def test_what_is_off_is_not_there(change: dict[str, Any], words: set[str]) -> None:
    """A page loads nothing of what privacy settings would need, unless they are on."""
    with_it = {text for _, text in tokens(render(**TAG, privacy=Privacy(**change)).decode())}
    assert words <= with_it
    assert not words & {text for _, text in tokens(MINIFIED)}


def test_size() -> None:
    """What is served is about as large as Divolte's tag (9,560 bytes, 4,164 compressed); readable, it is the file."""
    assert len(MINIFIED) < 10_500
    assert len(gzip.compress(MINIFIED.encode(), 9)) < 4_164
    source = files("pyglue.collector.tag").joinpath("divolte.js").read_text(encoding="utf-8").splitlines()
    assert READABLE.splitlines()[:10] == source[:10]
    everything = len(render(**TAG, privacy=ALL, debug=True).splitlines())
    (cookieless,) = re.findall(r"( *// if cookieless\n.*?// end\n)", "\n".join(source), re.DOTALL)
    assert everything == len(source) - len(cookieless.splitlines())


def test_ecmascript_5() -> None:
    """The source holds nothing that browsers of 2010 could not read."""
    found = tokens(READABLE)
    assert not {"let", "const", "class", "async", "await", "import", "export"} & {text for _, text in found}
    assert ("sign", "=>") not in found


@pytest.mark.parametrize("debug", [False, True])
def test_no_placeholder_is_left(debug: bool) -> None:
    """Every constant is filled in, and the tag is the same every time."""
    script = render(**TAG, debug=debug)
    assert b"@@" not in script
    assert script == render(**TAG, debug=debug)


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    "hostile",
    [
        "it's",
        'a"b',
        "back\\slash",
        "</script><!--",
        "// no comment",
        "/* nor this",
        "\u2028\u65e5",
        "'@@logging@@'",
    ],
)
def test_constants_are_escaped(hostile: str, debug: bool) -> None:
    """No setting can break out of its text."""
    script = render(**{**TAG, "cookie_domain": hostile, "debug": debug}).decode("ascii")
    assert "</script" not in script
    usual = tokens(render(**TAG, debug=debug).decode())
    ((was, (kind, literal)),) = [
        pair for pair in zip(usual, tokens(script), strict=True) if pair[0] != pair[1]
    ]
    assert (was, kind, json.loads(literal)) == (("name", "null"), "text", hostile)


@pytest.mark.browser
def test_hostile_constants_arrive(page: Page, recorder: Recorder) -> None:
    """Settings with characters that mean something to JavaScript reach the browser as they are."""
    recorder.tag = lambda: render(**{**TAG, "event_suffix": "csc-event?y=</script>'\"\\&"})
    page.goto(recorder.page("/", ""))
    assert recorder.wait(1)[0]["y"] == "</script>'\"\\"
