"""What pyglue has to remember about containers: `.pyglue/docker.json`. Losing it costs a build from the cache, or a restart;
and volumes without containers can then not be told from another checkout's, so they are left alone.

    {"project": "pyglue", "up": true,
     "images": {"kafka": ["HASH OF ITS INPUTS", "sha256:..."]},
     "started": {"kafka": ["CONTAINER ID", "HASH OF THE FILES THAT ITS START READ"]}}
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any


class Memo:
    """The file; written anew, whole, with every change. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    @property
    def project(self) -> str | None:
        """The name of the project that was started last from this checkout."""
        found = self._read().get("project")
        return found if isinstance(found, str) else None

    @property
    def is_up(self) -> bool:
        """Whether it was started, and not stopped since."""
        return self._read().get("up") is True

    def keep_project(self, name: str, *, up: bool) -> None:
        """Note a start, or that it was stopped."""
        self._change({"project": name, "up": up})

    def image(self, folder: str) -> tuple[str, str] | None:
        """(hash of the inputs, image id) of the last build of a folder."""
        return self._pair("images", folder)

    def keep_image(self, folder: str, inputs: str, image: str) -> None:
        """Note a build."""
        self._change({"images": {folder: [inputs, image]}})

    def started(self, service: str) -> tuple[str, str] | None:
        """(container id, hash of the files) of the last start of a service."""
        return self._pair("started", service)

    def keep_start(self, service: str, container: str, files: str) -> None:
        """Note a start."""
        self._change({"started": {service: [container, files]}})

    def _pair(self, kind: str, name: str) -> tuple[str, str] | None:
        found = self._read().get(kind, {})
        pair = found.get(name) if isinstance(found, dict) else None
        return (str(pair[0]), str(pair[1])) if isinstance(pair, list) and len(pair) == 2 else None

    def _change(self, change: dict[str, Any]) -> None:
        """Put values in, and maps into maps."""
        with self._lock:
            content = self._read()
            for key, value in change.items():
                before = content.get(key)
                if isinstance(value, dict) and isinstance(before, dict):
                    value = {**before, **value}
                content[key] = value
            fresh = self._path.with_name(self._path.name + ".new")
            fresh.write_text(json.dumps(content, indent=1), encoding="utf-8")
            fresh.replace(self._path)

    def _read(self) -> dict[str, Any]:
        """Empty if there is none, or a damaged one."""
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}
