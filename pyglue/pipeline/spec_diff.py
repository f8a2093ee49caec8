"""What differs between two supervisor specs, in lines that a person reads. Pure.

Lists of named things (dimensions, transforms, fields of a schema) are compared by name. Druid's form of a spec holds
its defaults, spans of time rewritten, and everything twice: see `with_running`. What may be a secret is never shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pyglue.pipeline.spec import Posted, fingerprint
from pyglue.support.masking import MASK, Mask

SHOWN = 100  # characters of a value
_SECRET = re.compile(
    r"password|secret|jaas|token|credential|assertion|user\.info|(?:keystore|truststore|private|api|access)[._-]?key",
    re.IGNORECASE,
)
_SPAN = re.compile(
    r"P(?:(?P<d>\d+)D)?(?:T(?:(?P<h>\d+)H)?(?:(?P<m>\d+)M)?(?:(?P<s>\d+(?:\.\d+)?)S)?)?(?<![PT])"
)
_SECONDS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}


class _Missing:
    """What stands where there is nothing; None is a value of JSON."""


MISSING = _Missing()


@dataclass(frozen=True)
class Change:
    """One place, `path` with dots, and its value before and after; MISSING where there was or is none."""

    path: str
    old: Any
    new: Any

    def __str__(self) -> str:
        if self.old is MISSING:
            return f"{self.path}: added {self._text(self.new)}"
        if self.new is MISSING:
            return f"{self.path}: removed"
        return f"{self.path}: {self._text(self.old)} -> {self._text(self.new)}"

    def to_json(self) -> dict[str, Any]:
        """`path`, and `old` and `new` where they are."""
        sides = (("old", self.old), ("new", self.new))
        hidden = _SECRET.search(self.path)
        return {
            "path": self.path,
            **{key: MASK if hidden else value for key, value in sides if value is not MISSING},
        }

    def _text(self, value: Any) -> str:
        if _SECRET.search(self.path):
            return MASK
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= SHOWN else f"{text[:SHOWN]} ..."


def masked(value: Any) -> Any:
    """A spec to show: what stands under a key that has to do with passwords is masked, and what looks so within a text."""
    if isinstance(value, dict):
        return {
            key: MASK if _SECRET.search(key) and inner is not None else masked(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [masked(inner) for inner in value]
    return Mask(()).text(value) if isinstance(value, str) else value


def changes(old: Any, new: Any) -> list[Change]:
    """Every difference between two specs of ours, or between two in Druid's form."""
    return list(_differing(_once(old), _once(new), "", partly=False))


def with_running(running: dict[str, Any], wanted: dict[str, Any]) -> list[Change]:
    """What a post of `wanted` would change in what runs, as far as `wanted` says: the rest are Druid's defaults."""
    return list(_differing(running, {"suspended": False, **wanted}, "", partly=True))


def pending(posted: Posted | None, running: dict[str, Any], wanted: dict[str, Any]) -> list[Change]:
    """What a post would change: since our last one, or, if something else runs by now, in what runs."""
    if posted is not None and posted.spec is not None and posted.running == fingerprint(running):
        return changes(posted.spec, wanted)
    return with_running(running, wanted)


def _once(spec: Any) -> Any:
    """Without the copies of `spec.dataSchema` and so on, which Druid adds at the top for old clients."""
    if not isinstance(spec, dict) or not isinstance(spec.get("spec"), dict):
        return spec
    return {key: value for key, value in spec.items() if key not in spec["spec"]}


def _differing(old: Any, new: Any, path: str, *, partly: bool) -> Iterator[Change]:
    """`partly`: what `new` doesn't mention is no difference."""
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _in_objects(old, new, path, partly=partly)
        return
    before, after = _by_name(old, path), _by_name(new, path)
    if before is not None and after is not None:
        yield from _in_lists(before, after, path, partly=partly)
    elif not _same(old, new):
        yield Change(path, old, new)


def _in_objects(old: dict[str, Any], new: dict[str, Any], path: str, *, partly: bool) -> Iterator[Change]:
    for key in {**old, **new}:
        before, after = old.get(key, MISSING), new.get(key, MISSING)
        inner = f"{path}.{key}" if path else str(key)
        if after is MISSING and partly:
            continue
        if before is MISSING and partly and (after is None or after == [] or after == {}):
            continue
        if before is MISSING or after is MISSING:
            yield Change(inner, before, after)
        else:
            yield from _differing(before, after, inner, partly=partly)


def _in_lists(old: dict[str, Any], new: dict[str, Any], path: str, *, partly: bool) -> Iterator[Change]:
    """Named things: one that is gone is a difference even if `partly`, for the list is ours as a whole."""
    yield from (Change(f"{path}.{name}", old[name], MISSING) for name in old if name not in new)
    kept = {name: thing for name, thing in old.items() if name in new}
    yield from _in_objects(kept, new, path, partly=partly)
    order = [name for name in new if name in old]
    if list(kept) != order:
        yield Change(f"{path} (order)", list(kept), order)


def _by_name(items: Any, path: str) -> dict[str, Any] | None:
    """A list's things by their names; None if it is no such list. A bare name is a dimension of type string."""
    if not isinstance(items, list):
        return None
    found: dict[str, Any] = {}
    for item in items:
        bare = isinstance(item, str) and path.endswith("dimensionsSpec.dimensions")
        whole = {"type": "string", "name": item} if bare else item
        if not isinstance(whole, dict) or not isinstance(whole.get("name"), str) or whole["name"] in found:
            return None
        found[whole["name"]] = {key: value for key, value in whole.items() if key != "name"}
    return found


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, bool) is not isinstance(new, bool):
        return False
    span = _seconds(old)
    return bool(old == new) or (span is not None and span == _seconds(new))


def _seconds(value: Any) -> float | None:
    """The length of a span of time in ISO's form: Druid makes PT300S of PT5M."""
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    return sum(float(found[unit]) * seconds for unit, seconds in _SECONDS.items() if found[unit])
