"""What an installation needs of the machine: a JDK 17 or 21 and Maven, found or named with the command to type."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from pyglue.errors import PyglueError

JDKS = (17, 21)


def java_version() -> str:
    """The JDK's version line, such as `17.0.15 Debian`; raises PyglueError if there is none that will do."""
    path = shutil.which("java")
    if path is None:
        raise PyglueError("there is no Java on this machine", try_=package_command("java"), code="no-java")
    line = _release(Path(path).resolve()) or _asked(path)
    major = re.match(r"(\d+)", line)
    if major is None or int(major.group(1)) not in JDKS:
        wanted = " or ".join(map(str, JDKS))
        raise PyglueError(
            f"Java {wanted} is needed; {path} is version {line}", try_=package_command("java"), code="no-java"
        )
    return line


def _release(java: Path) -> str | None:
    """From the JDK's `release` file: reading it takes no time, starting a JVM does."""
    file = java.parent.parent / "release"
    if not file.exists():
        return None
    fields = dict(re.findall(r'^(\w+)="(.*)"$', file.read_text(errors="replace"), re.MULTILINE))
    version = fields.get("JAVA_VERSION")
    return f"{version} {fields.get('IMPLEMENTOR', '')}".strip() if version else None


def _asked(path: str) -> str:
    answer = subprocess.run([path, "-version"], capture_output=True, text=True, check=False)
    match = re.search(r'version "([^"]+)"', answer.stderr)
    return match.group(1) if match else "unknown"


def require_compiler() -> str:
    """The path of javac; raises PyglueError if there is none."""
    path = shutil.which("javac")
    if path is None:
        message = "there is no compiler (javac) here"
        raise PyglueError(message, try_=package_command("java"), code="no-java")
    return path


def require_maven() -> str:
    """The path of mvn; raises PyglueError if there is none."""
    path = shutil.which("mvn")
    if path is None:
        raise PyglueError("Maven is not installed", try_=package_command("maven"), code="no-maven")
    return path


def require_uv(python: str) -> str:
    """The path of uv, beside this Python or in PATH; raises PyglueError if there is none."""
    beside = f"{Path(python).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    path = shutil.which("uv", path=beside)
    if path is None:
        message = "uv, which installs Python services, is not beside this Python"
        raise PyglueError(message, try_="make up", code="no-uv")
    return path


def package_command(what: str) -> str:
    """The command that installs it on this system."""
    debian = {"java": "openjdk-17-jdk-headless", "maven": "maven"}[what]
    if what == "java" and shutil.which("apt-cache"):
        found = subprocess.run(
            ["apt-cache", "show", debian], capture_output=True, text=True, check=False
        ).stdout
        debian = debian if found else "openjdk-21-jdk-headless"
    return f"sudo apt-get install -y {debian}"
