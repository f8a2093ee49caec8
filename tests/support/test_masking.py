"""Masking: no secret, address or visitor goes out, and the rest of a text stays as it is."""

from __future__ import annotations

import json

import pytest

from pyglue.support import masking
from pyglue.support.masking import Mask, env, mask

NONE = Mask(())


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("password=hunter2 x=1", "password=*** x=1"),
        ("DB_PASSWORD: hunter2", "DB_PASSWORD: ***"),
        ('{"password": "hun\\"ter2", "a": 1}', '{"password": "***", "a": 1}'),
        ("'api_key': 'k', 'b'", "'api_key': '***', 'b'"),
        ('sasl.jaas.config = "x password=\\"hunter2\\";"', 'sasl.jaas.config = "x password=\\"***\\";"'),
        ("ssl.keystore.password = hunter2", "ssl.keystore.password = ***"),
        ("A_SECRET: ${A_SECRET:-hunter2}", "A_SECRET: ***"),
        ("A_SECRET: ${A_SECRET:-}", "A_SECRET: ${A_SECRET:-}"),
        ('"token": null', '"token": null'),
        ("Authorization: Basic YWRtaW46eA==\nnext", "Authorization: ***\nnext"),
        ("{'Authorization': 'Bearer abc', 'Host': 'h'}", "{'Authorization': '***', 'Host': 'h'}"),
        ("> Set-Cookie: session=abc; Path=/", "> Set-Cookie: ***"),
        ("Cookie: _dvp=0:abc:def; x=y", "Cookie: ***"),
        ("sent Bearer abcdefghij to", "sent Bearer *** to"),
        ("got eyJhbGciOiJI.eyJzdWIi.c2ln there", "got *** there"),
        ("http://admin:hunter2@proxy:3128/", "http://***@proxy:3128/"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\n", "***\n"),
        ("a line of 12:34:56 without anything", "a line of 12:34:56 without anything"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, masked: str) -> None:
    """Behind telling names, in headers and URLs, and keys; what is none stays."""
    assert NONE.text(text) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("203.0.113.9 - - GET /", "*** - - GET /"),
        ("from 192.168.1.5:4711", "from ***:4711"),
        ("127.0.0.1 and 0.0.0.0 and ::1 and ::", "127.0.0.1 and 0.0.0.0 and ::1 and ::"),
        ("2001:db8::1 asked", "*** asked"),
        ("from [2001:db8:0:0:0:0:0:1]:80", "from [***]:80"),
        (
            "at 2026-11-26T05:35:39.123 of 35.0.0 and 12:34:56",
            "at 2026-11-26T05:35:39.123 of 35.0.0 and 12:34:56",
        ),
        ("std::move(x)", "std::move(x)"),
        ("p=0:kx2v9qz1:Wq_8~Zz.ABCDEFG-h&x", "p=0:***&x"),
        ("p=0%3Akx2v9qz1%3AWq_8ABCDEFGH&x", "p=0:***&x"),
        ("at 10:120000:123456", "at 10:120000:123456"),
    ],
)
def test_logs_lose_clients_and_visitors(text: str, masked: str) -> None:
    """Addresses but this machine's own, party and session identifiers; times and versions stay."""
    assert NONE.log(text) == masked


def test_a_value_of_env_is_masked_wherever_it_stands() -> None:
    """Quoted, commented, with variables, in the environment under the same name, escaped in JSON and in a URL."""
    file = """
        SUPERSET_ADMIN_PASSWORD='it"s deep/secret'
        export MINE=plain-value # a note
        BOTH=${SECRETS_BASE}-more
        KAFKA_PORT=9092
        TWICE=${MINE_TOO:-x}${BOTH}-end
        # OLDER=taken-back
    """
    found = mask(file, {"SECRETS_BASE": "base-value", "MINE": "other-value"}, "", ["generated-one"])
    for secret in (
        'it"s deep/secret',
        "plain-value",
        "base-value-more",
        "other-value",
        "generated-one",
        "xbase-value-more-end",
        "taken-back",
    ):
        for form in (
            secret,
            json.dumps(secret),
            secret.replace('"', "%22").replace(" ", "%20").replace("/", "%2F"),
        ):
            assert found.text(f"x {form} y") in ("x *** y", 'x "***" y')
    assert found.text("port 9092") == "port 9092"


def test_the_environments_secrets_are_known_by_name_or_by_the_compose_file() -> None:
    """A telling name, or one that docker-compose.yml uses and that is not harmless; others are left alone."""
    environment = {"GITHUB_TOKEN": "telling-1", "OWN": "in-compose", "HOME": "/home/me", "KAFKA_HEAP": "256m"}
    found = mask("", environment, "a: ${OWN:-}\nb: $KAFKA_HEAP")
    assert found.text("telling-1 in-compose /home/me 256m") == "*** *** /home/me 256m"


def test_a_broken_env_is_secret_all_the_same() -> None:
    """A quote that is never closed, a line without a sign: what stands there is looked for in texts."""
    found = mask('PASS="never closed-1\nonly words-of-a-line\n', {}, "")
    assert "closed-1" not in found.text('x "never closed-1 y')
    assert "words-of-a-line" not in found.text("only words-of-a-line; words-of-a-line")


def test_env_shows_names_and_harmless_values() -> None:
    """Comments are left out: a secret that was taken back may stand there."""
    text = "# old: hunter2\nKAFKA_PORT=9093 # not hunter2\nHTTP_PROXY=http://me:hunter2@p\nEMPTY=\nhunter2\n"
    assert env(text) == "KAFKA_PORT=9093\nHTTP_PROXY=***\nEMPTY=\n(5: no NAME=value)\n"


def test_short_and_plain_values_are_left_in_texts() -> None:
    """`true` or `1` as a value of `.env` protects nothing and would tear every text."""
    assert mask("A=true\nB=1\nC=abc\n", {}, "").secrets == ()


def test_a_long_text_is_masked_in_time_that_grows_with_it() -> None:
    """No pattern goes back and forth over a long line."""
    for piece in (
        "a",
        "password",
        "password=",
        "0:",
        "1.",
        "eyJ",
        "ab:",
        "-----BEGIN PRIVATE KEY-----",
        "http://",
    ):
        NONE.log(piece * 40_000)


def test_the_longest_secret_goes_first() -> None:
    """A secret that begins as another one does not leave its end behind."""
    assert Mask(masking.mask("A=abcdef\nB=abcdefgh\n", {}, "").secrets).text("abcdefgh") == "***"
