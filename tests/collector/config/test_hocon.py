"""HOCON as the Typesafe Config library reads it: its specification's examples, refusals, and the order of its maps."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyglue.collector.config import hocon
from pyglue.collector.config.hash_order import hash_order
from pyglue.collector.config.hocon import Items, Node, Tree
from pyglue.errors import InputError

ENVIRONMENT = {"YES": "yes"}
ORDERS = Path(__file__).parents[1] / "data" / "hash_order.jsonl"


def plain(node: Node) -> object:
    """The tree as dicts, lists and texts."""
    if isinstance(node, Tree):
        return {name: plain(value) for name, value in node.values.items()}
    return [plain(value) for value in node.values] if isinstance(node, Items) else node.text


WHOLE = [
    (
        "a = 1, b : x y # c\nc.d { e = [1, 2\n3] } // f",
        {"a": "1", "b": "x y", "c": {"d": {"e": ["1", "2", "3"]}}},
    ),
    ('{ "a" : "b\\n", "c.d": """e"f""" }', {"a": "b\n", "c.d": 'e"f'}),
    ("a { b = 1 }, a { c = 2 }, a.b = 3", {"a": {"b": "3", "c": "2"}}),
    ("a = 1, a = ${?NOPE}, b = ${?YES}, c = ${?NOPE}", {"a": "1", "b": "yes"}),
    ("a = [${?NOPE}, ${?YES}], b = x-${YES}-${c}, c = 5", {"a": ["yes"], "b": "x-yes-5", "c": "5"}),
    ("a = ${b}, b { c = 1 }", {"a": {"c": "1"}, "b": {"c": "1"}}),
    ('url = "http://"x/y', {"url": "http://x/y"}),
    ("", {}),
    ("# nothing\n", {}),
    ('a = """x"""", b = """"""', {"a": 'x"', "b": ""}),
    ("a\n{ b\n=\n1 }", {"a": {"b": "1"}}),
    ("a = [1, ], b {c = 1, }", {"a": ["1"], "b": {"c": "1"}}),
    ("a = [1\n\n, 2], b = x\u00a0y", {"a": ["1", "2"], "b": "x\u00a0y"}),
    ("a = 1e+5, b = 10.0.0.1", {"a": "1e+5", "b": "10.0.0.1"}),
    # keys and paths
    ("10.0foo = 1, 1.2.3 = 4, true = 5", {"10": {"0foo": "1"}, "1": {"2": {"3": "4"}}, "true": "5"}),
    ('a b c = 1, foo"10.0" = 2, a."".b = 3', {"a b c": "1", "foo10.0": "2", "a": {"": {"b": "3"}}}),
    ('"a b".c = 1, d = ${ "a b".c }', {"a b": {"c": "1"}, "d": "1"}),
    ('include.x = 1, "include" = ${y}, y = include', {"include": "include", "y": "include"}),
    # objects and lists beside each other
    (
        "a = ${base} { x = 1 }, base { x = 0, y = 2 }",
        {"a": {"x": "1", "y": "2"}, "base": {"x": "0", "y": "2"}},
    ),
    ("a = { x = 1 } { y = 2 } {x = 3}", {"a": {"x": "3", "y": "2"}}),
    (
        "base = [a, b], list = ${base} [x] ${?NOPE} ${base}",
        {"base": ["a", "b"], "list": ["a", "b", "x", "a", "b"]},
    ),
    ("a.0 = x, a.1 = y, b = ${a} [z]", {"a": {"0": "x", "1": "y"}, "b": ["x", "y", "z"]}),
    ("a = [ [ 1, 2 ] [ 3 ]\n [ 4 ] ]", {"a": [["1", "2", "3"], ["4"]]}),
    ("a = ${?NOPE} [1], b = ${?NOPE} {c = 1}", {"a": ["1"], "b": {"c": "1"}}),
    ("a = ${?NOPE}${?NOPE}, b = ${?NOPE} x", {"b": " x"}),
    # what came earlier
    ("a += 1, a += 2, a += [3]", {"a": ["1", "2", ["3"]]}),
    ("a = [1], a = ${a} [2], a += ${b}, b = 3", {"a": ["1", "2", "3"], "b": "3"}),
    ('path = "a:b", path = ${path}":c", path = ${path}":d"', {"path": "a:b:c:d"}),
    ("a = ${?a}foo, b = ${?b}", {"a": "foo"}),
    ("a { x = 1 }, a = 5, a { y = 2 }", {"a": {"y": "2"}}),
    ("a { x = 1 }, a = null, a { y = 2 }", {"a": {"y": "2"}}),
    ("a { x = 1 }, a = ${?NOPE}, a { y = 2 }", {"a": {"x": "1", "y": "2"}}),
    ("a = ${e}, a.b = 1, e { c = 2 }", {"a": {"b": "1", "c": "2"}, "e": {"c": "2"}}),
    ("a = ${nope}, a = 42", {"a": "42"}),
    # examples of the specification: a substitution looks forward, and back where it would meet itself
    ("foo { a { c = 1 } }, foo = ${foo.a}, foo { a = 2 }", {"foo": {"a": "2", "c": "1"}}),
    ("bar { foo = 42, baz = ${bar.foo} }, bar { foo = 43 }", {"bar": {"foo": "43", "baz": "43"}}),
    (
        "bar { a = ${foo.d}, b = 1 }, bar.b = 3, foo { c = ${bar.b}, d = 2 }, foo.d = 4",
        {"bar": {"a": "4", "b": "3"}, "foo": {"c": "3", "d": "4"}},
    ),
    ("a = ${?b}, b = ${?a}", {}),
    ("a { b = ${?a}, c = 1 }", {"a": {"c": "1"}}),
    ("a.x = [1] [2], a.x.z = ${?a.x}", {"a": {"x": {}}}),
    ("a = ${?b.x}${?b.x}, b = ${?a.x}${?a.x}, c = ${?a.y}", {}),
    ("a.10 = x, a.9 = y, b = ${a} []", {"a": {"10": "x", "9": "y"}, "b": ["y", "x"]}),
    ("a { x = ${b.y} }, b = ${a} { y = 7 }", {"a": {"x": "7"}, "b": {"x": "7", "y": "7"}}),
]


@pytest.mark.parametrize(("source", "tree"), WHOLE)
def test_what_a_configuration_means(source: str, tree: object) -> None:
    """Configurations mean what the HOCON specification says."""
    assert plain(hocon.read(source, "f", ENVIRONMENT)) == tree


@pytest.mark.parametrize("source", [source for source, _ in WHOLE])
def test_cut_anywhere(source: str) -> None:
    """A configuration that ends too early, or goes on, is a configuration or refused."""
    for end in range(len(source)):
        for text in (source[:end], source[:end] + '"', source[:end] + "}"):
            with suppress(InputError):
                hocon.read(text, "f", ENVIRONMENT)


@pytest.mark.parametrize(
    ("source", "place", "message"),
    [
        ("a = ", (1, 5), "expected a value"),
        ("a {\n b = 1", (2, 7), "expected '}'"),
        ("a = [1", (1, 7), "expected ']'"),
        ("a = [", (1, 6), "expected ']'"),
        ("a b", (1, 4), "expected '=' or '{'"),
        ("a = ${NOPE}", (1, 5), "neither in this file nor in the environment"),
        ("a = ${b}, b = ${a}", (1, 15), "${a} refers to itself"),
        ("a = ${a}, a = ${a}", (1, 5), "${a} refers to itself"),
        ("a { b = ${a} }", (1, 9), "${a} refers to itself"),
        ("a = [${a}]", (1, 6), "${a} refers to itself"),
        ('include "x"', (1, 1), "include is not supported: write"),
        ("a = 1 }", (1, 7), "found }"),
        ('a = "x', (1, 5), "not expected here"),
        ('a = "\t"', (1, 5), "no string as in JSON"),
        ("a = 1+1", (1, 6), "'+' is not expected here"),
        ("a = {} b = 1", (1, 10), "expected a comma or a new line"),
        ("a = [1] {b = 1}", (1, 5), "lists with lists"),
        ("a = x {b = 1}", (1, 5), "texts can be joined with texts"),
        ("a = 5, a += 6", (1, 8), "lists with lists"),
        ("a = [1,,2]", (1, 8), "expected a value, found ,"),
        ("a = 1,, b = 2", (1, 7), "expected a key, found ,"),
        ("[1]", (1, 1), "expected a key"),
        ("a..b = 1", (1, 6), "expected a key"),
        ("a = ${}", (1, 5), "names nothing"),
        ("a = ${b.}", (1, 5), "names nothing"),
        ("a = ${b=c}", (1, 5), "names nothing"),
        ("a =\n ${b^c}", (2, 5), "'^' is not expected here"),
        ("a = " + "[" * 100, (1, 69), "nested deeper"),
        (".".join("a" * 100) + " = 1", (1, 1), "nested deeper"),
    ],
)
def test_refusals(source: str, place: tuple[int, int], message: str) -> None:
    """What is no HOCON is refused at its place."""
    with pytest.raises(InputError) as refused:
        hocon.read(source, "f", {})
    (problem,) = refused.value.problems
    assert message in problem.message
    assert (problem.line, problem.column) == place


@pytest.mark.parametrize(
    "source",
    [
        "".join(f"a{at} = ${{a{at + 1}}}\n" for at in range(2000)) + "a2000 = 1",
        "".join(f"a{at} {{ x = [${{a{at + 1}}}] }}\n" for at in range(2000)) + "a2000 = 1",
        "".join(f"a{at} = ${{a{at + 1}}}\n" for at in range(2000)) + "a2000 { y = 1 }\nb = ${a0.y}",
        "a = ${?x}\n" * 2000 + "b = ${a.y}",
        "a += 1\n" * 2000,
        "a = " + "{a = " * 2000,
    ],
    ids=["chain", "nested chain", "members", "overrides", "appended", "braces"],
)
def test_endless_depth(source: str) -> None:
    """Neither nesting nor substitutions that lead to substitutions reach a limit of Python's."""
    with pytest.raises(InputError, match="problem") as refused:
        hocon.read(source, "f", {})
    assert "deeper" in refused.value.problems[0].message


@pytest.mark.parametrize("end", ["x", "[x]", "{ x = 1 }"])
def test_substitutions_that_double(end: str) -> None:
    """A file of a few lines can't become one of gigabytes."""
    lines = [f"a{at} = ${{a{at + 1}}} ${{a{at + 1}}}\n" for at in range(40)]
    with pytest.raises(InputError) as refused:
        hocon.read("".join(lines) + f"a40 = {end}", "f", {})
    assert "more of this file than anybody could have meant" in refused.value.problems[0].message


def test_what_is_given_many_times() -> None:
    """Of a key with many values all objects count up to the last other one, in the order of a merge one by one."""
    source = (
        "a { b = 0 }\n" + "a = 1\n" + "".join(f"a.b{at % 3}.c{at} = {at}\n" for at in range(9)) + "a.b1 = 5"
    )
    b2, b0 = {"c8": "8", "c5": "5", "c2": "2"}, {"c6": "6", "c3": "3", "c0": "0"}
    tree = plain(hocon.read(source, "f", {}))
    assert repr(tree) == repr({"a": {"b1": "5", "b2": b2, "b0": b0}})


@given(st.text(alphabet='ab.={}[],:"\\\n #/$?+1é ', max_size=40))
def test_any_text(source: str) -> None:
    """Any text is a tree or refused."""
    with suppress(InputError):
        hocon.read(source, "f", {})


WORDS = [
    "a",
    "b",
    "a.b",
    " = ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "\n",
    "${a}",
    "${?b}",
    "${a.b}",
    " += ",
    "1",
    '"x"',
    " ",
]


@given(st.lists(st.sampled_from(WORDS), max_size=25).map("".join))
def test_any_words(source: str) -> None:
    """So is any sequence of what configurations are made of; cycles end."""
    with suppress(InputError):
        hocon.read(source, "f", {})


@pytest.mark.parametrize("line", ORDERS.read_text(encoding="utf-8").splitlines())
def test_the_order_of_members(line: str) -> None:
    """Members come in the order in which the Typesafe Config library 1.3.3 handed these out."""
    case = json.loads(line)
    tree = hocon.read(case["source"], "f", ENVIRONMENT)
    assert hash_order(tree) == case["order"]


@pytest.mark.parametrize(
    ("source", "order"),
    [
        ("x { BB = 1 }, x { Aa = 1 }", ["Aa", "BB"]),
        ("x { Aa = 1 }, x { BB = 1 }", ["BB", "Aa"]),
        ("x { Aa = 1, BB = 1 }", ["Aa", "BB"]),
    ],
)
def test_the_order_of_members_with_one_hash(source: str, order: list[str]) -> None:
    """Of objects that are merged, the later one's members come first, as in that library."""
    tree = hocon.read(source, "f", {}).values["x"]
    assert isinstance(tree, Tree)
    assert hash_order(tree) == order
