"""`.env`: its syntax, and the secrets that pyglue adds to it."""

from pathlib import Path

import pytest

from pyglue.errors import InputError
from pyglue.stack import dotenv


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("A = b ", "b"),
        ("export A=b", "b"),
        ("A=", ""),
        ("A=b # c", "b"),
        ("A=b#c", "b#c"),
        ("A=#c", "#c"),
        ("A= # c", ""),
        ("A=b=c", "b=c"),
        ("A='b # c'", "b # c"),
        ("A='b' # c", "b"),
        ("A='$B \\n'", "$B \\n"),
        ('A="b \\"c\\" \\\\ d"', 'b "c" \\ d'),
        ('A="b\\nc\\td"', "b\nc\td"),
        ('A="b" # "c"', "b"),
        ('A=""', ""),
        ("A=it's", "it's"),
        ("A=${OUTSIDE}", "from outside"),
        ('A="<${OUTSIDE:-x}>"', "<from outside>"),
        ("A=${MISSING:-x y}", "x y"),
        ("A=pa$$word", "pa$word"),
    ],
)
def test_the_syntax_of_a_line(line: str, value: str) -> None:
    """A line means what it means to Compose, which reads the same file."""
    assert dotenv.parse(line, outside={"OUTSIDE": "from outside"}) == {"A": value}


def test_lines_comments_and_order() -> None:
    """Blank lines and comments count for nothing, the last of two values wins, earlier ones can be used."""
    text = "\ufeff# head\r\n\r\nA=1\r\n  # more\r\nB=${A}2\r\nA=3\r\n"
    assert dotenv.parse(text) == {"A": "3", "B": "12"}


def test_all_bad_lines_come_together() -> None:
    """Each line that is none is named with its number."""
    text = 'A=1\nnonsense\nB="open\n1C=x\nD=${NOWHERE}\nE="x" junk\nF=\'open\n'
    with pytest.raises(InputError) as caught:
        dotenv.parse(text)
    assert [problem.line for problem in caught.value.problems] == [2, 3, 4, 5, 6, 7]
    assert all(problem.file == ".env" for problem in caught.value.problems)


def test_the_line_of_a_variable(tmp_path: Path) -> None:
    """The last one that gives it a value, for that one counts; a comment gives none."""
    file = tmp_path / ".env"
    file.write_text("\ufeffA=1\r\n#B=2\n\n export A = 3\nAB=4\n")
    assert [dotenv.line_of(file, name) for name in ("A", "AB", "B")] == [4, 5, None]
    assert dotenv.line_of(tmp_path / "none", "A") is None


def test_a_missing_file_holds_nothing(tmp_path: Path) -> None:
    """Without a .env there are no variables."""
    assert dotenv.read(tmp_path / ".env", {}) == {}


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: path.write_bytes(b"A=\xff\n")])
def test_a_file_that_cannot_be_read_is_an_input_error(tmp_path: Path, make: object) -> None:
    """A folder of that name, or bytes that are no UTF-8, is told as a problem of the file."""
    assert callable(make)
    make(tmp_path / ".env")
    with pytest.raises(InputError, match=r"1 problem in \.env"):
        dotenv.read(tmp_path / ".env", {})


def test_secrets_are_made_once(tmp_path: Path) -> None:
    """Missing secrets are added, long and random; the second time nothing changes."""
    path = tmp_path / ".env"
    path.write_text("MINE=1  # stays\nSUPERSET_SECRET_KEY=")
    assert dotenv.ensure_secrets(path) == ["SUPERSET_SECRET_KEY", "SUPERSET_ADMIN_PASSWORD"]
    first = path.read_text()
    assert first.startswith("MINE=1  # stays\nSUPERSET_SECRET_KEY=\nSUPERSET_SECRET_KEY=")
    values = dotenv.parse(first)
    assert len(values["SUPERSET_SECRET_KEY"]) >= 42
    assert len(values["SUPERSET_ADMIN_PASSWORD"]) >= 20
    assert dotenv.ensure_secrets(path) == []
    assert path.read_text() == first


def test_secrets_differ_between_checkouts(tmp_path: Path) -> None:
    """No secret is a default."""
    paths = [tmp_path / name for name in ("one", "two")]
    for path in paths:
        dotenv.ensure_secrets(path)
    assert paths[0].read_text() != paths[1].read_text()


@pytest.mark.parametrize("content", ["", "SUPERSET_SECRET_KEY=a\nSUPERSET_ADMIN_PASSWORD=b\n"])
def test_a_file_with_secrets_is_for_its_owner_alone(tmp_path: Path, content: str) -> None:
    """The mode is 0600 afterwards, whoever wrote the secrets."""
    path = tmp_path / ".env"
    path.write_text(content)
    path.chmod(0o644)
    dotenv.ensure_secrets(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_broken_file_gets_no_secrets(tmp_path: Path) -> None:
    """What can't be read is left as it is."""
    path = tmp_path / ".env"
    path.write_text("nonsense\n")
    with pytest.raises(InputError):
        dotenv.ensure_secrets(path)
    assert path.read_text() == "nonsense\n"
