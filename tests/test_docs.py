"""The documentation against the project: what can be used is described, and what is described exists.

These tests compare names, defaults and links, not sentences. A page that says something untrue in words passes.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import pytest

from pyglue.cli import pyglue as group
from pyglue.collector.config import conf_file, hocon
from pyglue.collector.config.configured import AS_DIVOLTE, Tls
from pyglue.collector.mapping.functions import COMMANDS, DIGESTS, FUNCTIONS, PARSERS
from pyglue.diagnosis.findings import Finding
from pyglue.diagnosis.parts import Part
from pyglue.engine import State
from pyglue.pipeline.smoke import HOPS, Hop, Report
from pyglue.stack import compose

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = {"node_modules", "target", "build", "dist"}
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") or part in LEFT_OUT for part in path.relative_to(ROOT).parts)
)
PICTURE_BYTES = 300_000
SHARED = {"--project-dir", "--engine", "--help"}  # the options of every command, described once
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def text(name: str) -> str:
    """A page of the checkout."""
    return (ROOT / name).read_text(encoding="utf-8")


def named(page: Path) -> str:
    """How a page is called in a test's name."""
    return str(page.relative_to(ROOT))


def section(page: str, heading: str) -> str:
    """The text below a heading of level two, up to the next one; empty if there is none."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text(page), re.DOTALL | re.MULTILINE)
    return found[1] if found else ""


def rows(page_text: str) -> Iterator[list[str]]:
    """The rows of a page's tables, as cells; backquotes and escapes are taken off."""
    for line in page_text.splitlines():
        if line.startswith("|") and not line.startswith("| ---"):
            yield [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def quoted(page_text: str) -> set[str]:
    """Everything between backquotes."""
    return set(re.findall(r"`([^`\n]+)`", page_text))


def shown(page: Path) -> Iterator[str]:
    """The lines of a page that are typed: indented examples, with or without a prompt, and what is in backquotes."""
    content = page.read_text(encoding="utf-8")
    for line in content.splitlines():
        if line.startswith("    "):
            yield line.strip().removeprefix("$ ")
    yield from (found.replace("\n", " ") for found in re.findall(r"`([^`]+)`", content))


def compose_variables() -> dict[str, str]:
    """The variables of docker-compose.yml with their defaults; inner variables stand without theirs."""
    content = "\n".join(
        line for line in text("docker-compose.yml").splitlines() if not line.strip().startswith("#")
    )
    simple = re.compile(r"\$\{([A-Z][A-Z0-9_]*):-([^${}]*)\}")
    found: dict[str, str] = {}
    while match := simple.search(content):
        found.setdefault(match[1], match[2].replace("<", "${").replace(">", "}"))
        content = f"{content[: match.start()]}<{match[1]}>{content[match.end() :]}"
    return found


def configuration() -> dict[str, list[str]]:
    """The rows of docs/configuration.md that describe a variable, by its name."""
    return {
        row[0].strip("`"): row[1:]
        for row in rows(text("docs/configuration.md"))
        if re.fullmatch(r"`[A-Z][A-Z0-9_]+`", row[0])
    }


@pytest.mark.parametrize("name", sorted(group.commands))
def test_every_command_is_described_with_its_options(name: str) -> None:
    """Each command has a section in docs/commands.md that names each of its options and arguments."""
    described = section("docs/commands.md", f"pyglue {name}")
    assert described, f"docs/commands.md has no section `## pyglue {name}`"
    command = group.commands[name]
    inner = [command, *(command.commands.values() if isinstance(command, click.Group) else ())]
    for parameter in (parameter for one in inner for parameter in one.params):
        if isinstance(parameter, click.Argument):
            wanted = {str(parameter.make_metavar(click.Context(command)).strip("[]"))}
        else:
            wanted = set(parameter.opts) - SHARED
        missing = [word for word in wanted if not re.search(rf"`{re.escape(word)}[ `]", described)]
        assert not missing


def test_the_options_of_every_command_are_described() -> None:
    """What all commands share stands in the first part of docs/commands.md."""
    first = text("docs/commands.md").partition("\n## ")[0]
    assert [option for option in sorted({*SHARED, "--version"}) if option not in first] == []


def test_documented_defaults_of_options_are_true() -> None:
    """Where docs/commands.md says which value an option has if it is not given, that is its default."""
    wrong: list[tuple[str, str, object]] = []
    for name, command in group.commands.items():
        for row in rows(section("docs/commands.md", f"pyglue {name}")):
            said = re.search(r"; (\d+) if not given", row[-1])
            for parameter in command.params:
                if any(f"`{option}" in row[0] for option in parameter.opts if option.startswith("--")):
                    default = parameter.default
                    if isinstance(default, int | float) and not isinstance(default, bool):
                        if said is None or float(said[1]) != float(default):
                            wrong.append((name, row[0], default))
                    elif said:
                        wrong.append((name, row[0], default))
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_only_commands_that_exist_are_told(page: Path) -> None:
    """A page that says `pyglue NAME ...` or `make NAME` names a command, options and a target that exist."""
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    before = r"(?:--project-dir \S+ |--engine \S+ )*"
    wrong = []
    for line in shown(page):
        if found := re.match(rf"(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?pyglue {before}([a-z][a-z-]*)(.*)", line):
            command = group.commands.get(found[1])
            word = next(iter(found[2].split()), "-")
            if isinstance(command, click.Group) and not (
                command.invoke_without_command and word.startswith(("-", "#"))
            ):
                command = command.commands.get(word)
            options = (
                {option for p in command.params for option in (*p.opts, *p.secondary_opts)}
                if command
                else set()
            )
            typed = re.findall(r"(?<=\s)--[a-z-]+", found[2].partition("#")[0])
            if command is None or set(typed) - options:
                wrong.append(line)
        if (found := re.match(r"make ([a-z-]+)", line)) and found[1] not in targets:
            wrong.append(line)
    assert wrong == []


def test_every_target_of_make_is_described() -> None:
    """docs/commands.md names every target of the Makefile, and README and CONTRIBUTING the daily ones."""
    targets = re.findall(r"^([a-z-]+):.*##", text("Makefile"), re.MULTILINE)
    described = section("docs/commands.md", "make")
    assert [name for name in targets if f"`make {name}`" not in described] == []
    assert [name for name in ("up", "test") if f"    make {name}\n" not in text("README.md")] == []
    assert [name for name in ("up", "test", "lint") if f"make {name} " not in text("CONTRIBUTING.md")] == []


def test_every_variable_of_the_stack_is_described_with_its_default() -> None:
    """Each variable of docker-compose.yml has a row in docs/configuration.md, with its default if it has one."""
    described = configuration()
    variables = compose_variables()
    assert len(variables) > 30
    wrong = {
        name: (default, described.get(name))
        for name, default in variables.items()
        if name not in described or (default and described[name][0].strip("`") != default)
    }
    assert wrong == {}


def test_only_variables_that_exist_are_described() -> None:
    """docs/configuration.md describes no variable that neither docker-compose.yml nor the code reads."""
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for path in [*(ROOT / "pyglue").rglob("*.py"), ROOT / "tests" / "conftest.py"]
    )
    assert [
        name for name in configuration() if name not in compose_variables() and f'"{name}"' not in code
    ] == []


def test_every_variable_of_pyglue_is_described() -> None:
    """Each PYGLUE_... that the code reads from its environment is named in docs/configuration.md."""
    found = {
        name
        for path in [*(ROOT / "pyglue").rglob("*.py"), ROOT / "tests" / "conftest.py"]
        for name in re.findall(r'"(PYGLUE_[A-Z_]+)"', path.read_text(encoding="utf-8"))
    }
    assert len(found) > 7
    assert sorted(found - quoted(text("docs/configuration.md"))) == []


def test_every_service_is_in_the_readme_with_its_ports() -> None:
    """README's table of services is that of docker-compose.yml: the same names, each with all its ports."""
    stack = compose.read(ROOT, {})
    table = {
        row[0].strip("`"): {int(number) for number in re.findall(r"\d+", row[1])}
        for row in rows(section("README.md", "Services and ports"))
        if row[0].startswith("`")
    }
    assert table == {name: set(service.ports) for name, service in stack.services.items()}


def test_the_ports_for_a_second_stack_are_all_ports() -> None:
    """The example of a second stack sets every port, each to another number, and none to its default."""
    example = section("docs/configuration.md", "Ports")
    given = dict(re.findall(r"^    ([A-Z_]+_PORT)=(\d+)$", example, re.MULTILINE))
    defaults = {name: value for name, value in compose_variables().items() if name.endswith("_PORT")}
    assert set(given) == set(defaults)
    assert len(set(given.values()) | set(defaults.values())) == 2 * len(defaults)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    """A relative link of a page leads to a file or folder of the checkout, and its anchor to a heading there."""
    wrong = []
    for target in LINK.findall(re.sub(r"^    .*$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE)):
        parts = urlsplit(target)
        if parts.scheme:
            continue
        path = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        there = path.exists() and path.is_relative_to(ROOT)
        if not there or (parts.fragment and parts.fragment not in anchors(path)):
            wrong.append(target)
    assert wrong == []


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as web pages of repositories make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_pictures_are_small_and_shown() -> None:
    """Every picture of the documentation is below 300 kB and shown on some page."""
    pictures = sorted((ROOT / "docs" / "pictures").iterdir())
    assert [path.name for path in pictures if path.stat().st_size >= PICTURE_BYTES] == []
    everything = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [path.name for path in pictures if f"pictures/{path.name})" not in everything] == []


def test_every_mapping_function_is_described() -> None:
    """docs/mapping.md names each word and function of the mapping language."""
    described = text("docs/mapping.md")
    missing = [
        name
        for before, functions in FUNCTIONS.items()
        for name in functions
        if not re.search(rf"{r'[.]' if before else '`'}{name}\(", described)
    ]
    missing += [name for name in DIGESTS if f".{name}()" not in described]
    missing += [name for name in (*COMMANDS, *PARSERS) if not re.search(rf"\b{name}\b", described)]
    assert missing == []


def test_every_field_of_the_schema_is_described() -> None:
    """docs/events.md names each field of the shipped schema."""
    schema = json.loads(text("divolte/DefaultEventRecord.avsc"))
    described = quoted(section("docs/events.md", "The schema"))
    assert [field["name"] for field in schema["fields"] if field["name"] not in described] == []


def test_the_settings_of_https_are_described() -> None:
    """docs/security.md names each key of the block, and the default that one has."""
    described = {row[0].strip("`"): row[1] for row in rows(section("docs/security.md", "HTTPS"))}
    assert [field.name for field in dataclasses.fields(Tls) if field.name not in described] == []
    block = f"pyglue.collector.tls {{ certificate = a, key = b, minimum_version = {described['minimum_version']} }}"
    given = conf_file.parse(block, "docs/security.md", {}).tls
    assert given == conf_file.parse("pyglue.collector.tls { certificate = a, key = b }", "", {}).tls


def test_every_key_of_the_shipped_configuration_is_described() -> None:
    """docs/collector.md and docs/privacy.md name each key of divolte-collector.conf, and none of ours that it lacks."""
    environment = {
        "DIVOLTE_COUNTS": "/data/counts",
        "DIVOLTE_SPOOL": "/data/spool",
        "DIVOLTE_BAD_EVENTS": "/data/bad",
        "DIVOLTE_METRICS_PORT": "8291",
        "BIND_ADDRESS": "127.0.0.1",
    }
    tree = hocon.read(text("divolte/divolte-collector.conf"), "divolte-collector.conf", environment)
    pages = text("docs/collector.md") + text("docs/privacy.md")
    words = {part for name in quoted(pages) for part in re.split(r"[.\s]", name)}
    keys = set(leaves(tree))
    assert sorted(key for key in keys if key[-1] not in words and "producer" not in key) == []
    ours = {".".join(key[2:]) for key in keys if key[0] == "pyglue"} | {
        "durability"
    }  # which follows the directory
    own = section("docs/collector.md", "Configuration").partition("| key in `pyglue.collector`")[2]
    described = {row[0].strip("`") for row in rows(own) if row[0].startswith("`")}
    assert ours == described | {f"privacy.{name}" for name in privacy_settings()}


def privacy_settings() -> dict[str, tuple[str, str]]:
    """What docs/privacy.md says of each setting: its default and what is shipped."""
    table = text("docs/privacy.md").partition("\n## ")[0]
    return {
        name.strip("`"): (default, shipped)
        for name, default, shipped, _ in rows(table)
        if "`" in name and "key in" not in name
    }


def test_privacy_settings_are_as_described() -> None:
    """docs/privacy.md has each setting's default and its shipped value."""
    tree = hocon.read(text("divolte/divolte-collector.conf"), "divolte-collector.conf", {})
    values = {".".join(path[3:]): value.text for path, value in scalars(tree) if path[2:3] == ("privacy",)}
    assert {name: shipped for name, (_, shipped) in privacy_settings().items()} == values
    given = ", ".join(
        f"{name} = {'null' if default == 'none set' else default}"
        for name, (default, _) in privacy_settings().items()
    )
    assert (
        conf_file.parse(f"pyglue.collector.privacy {{ {given} }}", "docs/privacy.md", {}).privacy
        == AS_DIVOLTE
    )


def leaves(node: hocon.Node, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of a configuration's values."""
    if isinstance(node, hocon.Tree):
        for name, value in node.values.items():
            yield from leaves(value, (*path, name))
    else:
        yield path


def scalars(node: hocon.Node, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], hocon.Scalar]]:
    """The paths and values of a configuration's single values."""
    if isinstance(node, hocon.Tree):
        for name, value in node.values.items():
            yield from scalars(value, (*path, name))
    elif isinstance(node, hocon.Scalar):
        yield path, node


def test_what_json_holds_is_described() -> None:
    """docs/commands.md names each field of `status --json` and of `smoke-test --json`, and each hop."""
    status = quoted(section("docs/commands.md", "pyglue status"))
    wanted = {field.name for kind in (State, Part) for field in dataclasses.fields(kind)}
    wanted |= set(Finding("no-answer", "kafka", "", "").to_json())
    assert sorted(wanted - status) == []
    smoke = quoted(section("docs/commands.md", "pyglue smoke-test"))
    hop = Hop("kafka", True, 1.0)
    assert sorted({*Report("id", (hop,)).to_json(), *hop.to_json(), *HOPS} - smoke) == []


def test_the_map_of_the_repository_is_true() -> None:
    """docs/architecture.md lists every folder at the top and every part of pyglue/, and nothing that is not there."""
    listed: set[str] = set()
    folder = ""
    for line in section("docs/architecture.md", "The repository").splitlines():
        if found := re.match(r" {4}( *)(\S+)  +\S", line):
            folder = "" if not found[1] else folder
            listed.add(folder + found[2].rstrip("/"))
            folder = found[2] if not found[1] else folder
    assert sorted(name for name in listed if not (ROOT / name).exists()) == []
    top = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    top = {name for name in top if not name.endswith(".egg-info") and name not in LEFT_OUT}
    parts = {path for path in (ROOT / "pyglue").iterdir() if not path.name.startswith(("_", "."))}
    inner = {f"pyglue/{path.name}" for path in parts if path.name != "py.typed"}
    assert sorted((top | inner) - listed) == []


def test_commands_in_the_readme_can_be_typed() -> None:
    """Every example in README's code blocks is something that a shell can read."""
    blocks = "\n".join(line[4:] for line in text("README.md").splitlines() if line.startswith("    "))
    typed = re.findall(r"^(?:\$ |(?=make |curl |git ))((?:.*\\\n)*.*)$", blocks, re.MULTILINE)
    assert len(typed) >= 5
    for command in typed:
        assert shlex.split(command.replace("\\\n", ""), comments=True)
