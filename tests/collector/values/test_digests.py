"""Digests, against what Java's own classes gave for the same algorithms, salt and rounds."""

from __future__ import annotations

import hashlib

import pytest

from pyglue.collector.values.digests import digester

PIECES = [b"ab", b"", b"c"]


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [
        ("MD5", "900150983cd24fb0d6963f7d28e17f72"),
        ("SHA", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("Sha-1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("sha-224", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
        ("sha-256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("SHA256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("SHA512/224", "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa"),
        ("sha-512/256", "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"),
        ("sha3-256", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
    ],
)
def test_plain_digests(algorithm: str, digest: str) -> None:
    """Java's names, in upper or lower case; pieces follow one another without anything between them."""
    assert digester(algorithm, None)(PIECES).hex() == digest


@pytest.mark.parametrize(
    ("algorithm", "seed", "digest"),
    [
        ("sha-1", "pepper", "bae1c3447c0cc9e6b3f6b5b06e0460cdc2a6eace"),
        ("SHA-224", "pepper", "6bba12948c1517027a3ae6f853a15222fccfe3cc77fd428c2cc4d1e3"),
        ("SHA-256", "", "62f49d2bcd6732f18a6fb1f39ff760571e8e82364174fa5af2b2d10070d65fd4"),
        ("SHA-256", "pepper", "cff04074578c5e745792fd2eb5e0bbc8c2ba1261fc340e70078447b1866ac620"),
        ("sha256", "hé😀", "6d7fd608727cb832a20a0eca2e949529d2ec62f0ca58556cb961f974b930fece"),
        (
            "SHA-512",
            "pepper",
            "2f3f331875710a6d14b2cd6dfc8f4a23c3cf52d7c823b6d2ea126543e4ab6aed"
            "5e14bd48c8cf6bffb7c969cbafd2c13750bfc9d588db6272edbcdb983b2c5391",
        ),
    ],
)
def test_seeded_digests(algorithm: str, seed: str, digest: str) -> None:
    """A seed makes an HMAC whose key has as many bits as the digest has bytes."""
    assert digester(algorithm, seed)(PIECES).hex() == digest


def test_digests_do_not_disturb_each_other() -> None:
    """One digester makes any number of digests; of nothing, too."""
    digest = digester("sha-256", None)
    assert digest(PIECES) == digest(iter([b"abc"]))
    assert digest([]) == hashlib.sha256().digest()
    seeded = digester("sha-256", "pepper")
    assert seeded([b"x"]) != seeded([]) != digest([])
    assert seeded([b"x"]) == seeded([b"x"])


@pytest.mark.parametrize(
    ("algorithm", "seed"),
    [
        ("sha-257", None),
        ("", None),
        ("md-5", None),
        ("sha_256", None),
        ("SHA3256", None),
        ("whirlpool", None),
        ("md5", "s"),
        ("SHA", "s"),
        ("sha3-256", "s"),
        ("sha-512/256", "s"),
        ("", "s"),
    ],
)
def test_unknown_digests(algorithm: str, seed: str | None) -> None:
    """What Java does not know, or knows no key derivation for, is refused with the names that are known."""
    with pytest.raises(ValueError, match="SHA256"):
        digester(algorithm, seed)
