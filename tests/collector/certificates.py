"""Certificates of their own for tests: each trusts itself alone."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

from pyglue.collector.config.configured import Tls


def make(folder: Path, name: str = "localhost") -> Tls:
    """A certificate for `name` and its key, in files of `folder` called after it."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    command += ["-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    subprocess.run([*command, "-out", str(certificate), "-keyout", str(key)], check=True, capture_output=True)
    return Tls(certificate, key, "1.2")


def encrypted(key: Path) -> Path:
    """The same key, which a password opens."""
    locked = key.with_suffix(".locked")
    command = ["openssl", "ec", "-aes128", "-passout", "pass:secret", "-in", str(key), "-out", str(locked)]
    subprocess.run(command, check=True, capture_output=True)
    return locked


def trusting(tls: Tls) -> ssl.SSLContext:
    """What a client needs that trusts this certificate."""
    context = ssl.create_default_context(cafile=str(tls.certificate))
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context
