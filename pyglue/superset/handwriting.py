"""New content for a YAML file, in the old text's hand: its order of keys, its quotes, its brackets, its comments. Pure.

So that a difference shows what has changed and no more. A comment stays if it has a line of its own above a key that
stays; others are lost, for YAML's own model of a text does not know them.
"""

from __future__ import annotations

import difflib
from typing import Any

import yaml

WIDTH = 120  # of a line; the dashboard that is shipped has its places in one line each


class _Dumper(yaml.SafeDumper):
    """Lists are indented below their key, as in the files that are shipped."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - yaml's own names
        super().increase_indent(flow, indentless=False)


def rewritten(before: str | None, content: dict[str, Any]) -> str:
    """`content` as YAML. Keys come in the order of `before`, then in their own; what is equal looks as it did."""
    old = yaml.compose(before, Loader=yaml.SafeLoader) if before else None
    text = str(yaml.serialize(_node(content, old), Dumper=_Dumper, width=WIDTH, allow_unicode=True))
    if yaml.safe_load(text) != content:  # yaml loses a few odd characters unless they are escaped
        return str(yaml.safe_dump(content, sort_keys=False))
    return _commented(before, text) if before else text


def _commented(before: str, text: str) -> str:
    """The text with comments and blank lines of `before` above the keys above which they stood."""
    inside: set[int] = set()  # lines of texts over several lines: what looks like a comment there is none
    for token in yaml.scan(before, Loader=yaml.SafeLoader):
        if isinstance(token, yaml.ScalarToken):
            inside.update(range(token.start_mark.line, token.end_mark.line))
    above: list[list[str]] = [[]]  # for each line that is no comment; at last those at the end
    lines: list[str] = []
    for number, line in enumerate(before.splitlines()):
        if number not in inside and line.strip()[:1] in ("", "#"):
            above[-1].append(line)
        else:
            lines.append(line)
            above.append([])
    made = text.splitlines()
    put: dict[int, list[str]] = {len(made): above[-1]}
    old, new = ([line.partition(":")[0] for line in one] for one in (lines, made))
    for block in difflib.SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks():
        put |= {block.b + at: above[block.a + at] for at in range(block.size)}
    found = [
        one
        for number, line in enumerate([*made, None])
        for one in (*put.get(number, ()), line)
        if one is not None
    ]
    result = "".join(f"{line}\n" for line in found)
    return result if yaml.safe_load(result) == yaml.safe_load(text) else text


def _node(value: Any, old: yaml.Node | None) -> yaml.Node:
    if isinstance(value, dict):
        return _map(value, old if isinstance(old, yaml.MappingNode) else None)
    if isinstance(value, list):
        return _list(value, old if isinstance(old, yaml.SequenceNode) else None)
    return _scalar(value, old if isinstance(old, yaml.ScalarNode) else None)


def _map(value: dict[str, Any], old: yaml.MappingNode | None) -> yaml.Node:
    known = {str(_value(key)): (key, node) for key, node in old.value} if old is not None else {}
    names = [name for name in known if name in value] + [name for name in value if name not in known]
    pairs = []
    for name in names:
        key, node = known.get(name, (None, None))
        pairs.append((_scalar(name, None) if key is None else _copy(key), _node(value[name], node)))
    return yaml.MappingNode(_Dumper.DEFAULT_MAPPING_TAG, pairs, flow_style=_in_brackets(old))


def _list(value: list[Any], old: yaml.SequenceNode | None) -> yaml.Node:
    known = old.value if old is not None else []
    values = [_value(node) for node in known]
    items = []
    for at, item in enumerate(value):
        like = values.index(item) if item in values else at
        items.append(_node(item, known[like] if like < len(known) else None))
    return yaml.SequenceNode(_Dumper.DEFAULT_SEQUENCE_TAG, items, flow_style=_in_brackets(old))


def _in_brackets(old: yaml.CollectionNode | None) -> bool:
    """Whether it stood on one line in brackets; an empty one could not stand otherwise."""
    return old is not None and bool(old.value) and bool(old.flow_style)


def _scalar(value: Any, old: yaml.ScalarNode | None) -> yaml.Node:
    if old is not None and (type(before := _value(old)), before) == (type(value), value):
        return _copy(old)
    made = yaml.representer.SafeRepresenter().represent_data(value)
    if isinstance(made, yaml.ScalarNode) and isinstance(value, str):
        quoted = old.style if old is not None and old.style in ("'", '"') else None
        made.style = "|" if "\n" in value else quoted
    return made


def _copy(node: yaml.Node) -> yaml.Node:
    """One of its own: a node that is written twice would become an anchor."""
    return yaml.ScalarNode(node.tag, node.value, style=getattr(node, "style", None))


def _value(node: yaml.Node) -> Any:
    return yaml.SafeLoader("").construct_object(node, deep=True)
