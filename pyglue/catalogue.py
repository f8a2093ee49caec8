"""The catalogue of errors: each stable code with its cause and its remedy.

Law of this file: a code never changes its meaning and is never used again for another one. Every error that pyglue
raises has one of these codes, every code here is raised somewhere, and docs/errors.md has the same words
(tests/test_catalogue.py holds all three).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """What lies behind a code, in general: why it comes, and what helps. Markdown, one paragraph each."""

    cause: str
    remedy: str


CATALOGUE: dict[str, Entry] = {
    "usage": Entry(
        "The command line, or the value of an option or variable, is not understood. Exit code 2.",
        "Type the command with `--help`.",
    ),
    "bad-input": Entry(
        "A file that you edit is not as it must be. All problems are told together, with file and line, and nothing was"
        " changed.",
        "Mend the places that are named; `pyglue check` looks at all files without starting anything.",
    ),
    "no-answer": Entry(
        "A service did not answer: nothing listens at its address, it hangs, or it broke off.",
        "`pyglue status` says whether it runs, `pyglue logs SERVICE` why not; `pyglue up` starts what does not run.",
    ),
    "bad-answer": Entry(
        "Something answered, but not with what was asked for: an error, a page of HTML, half an answer. Perhaps another"
        " program has the port.",
        "What came back stands in the error. `pyglue status` says what is healthy, `pyglue logs SERVICE` what the"
        " service itself says.",
    ),
}
