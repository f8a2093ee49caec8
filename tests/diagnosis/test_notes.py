"""What is worth a word though it is not wrong."""

from __future__ import annotations

from pyglue.diagnosis.findings import findings
from pyglue.diagnosis.notes import notes
from pyglue.pipeline.spec import Posted
from tests.diagnosis.faults import healthy, spec


def test_a_file_that_was_edited_since_the_start_is_named() -> None:
    """With the service that has read the old one; it is no fault."""
    facts = healthy(edited={"divolte": ("mapping.groovy",), "kafka": ()})
    assert [note.to_json() for note in notes(facts)] == [
        {"message": "mapping.groovy was edited after divolte was started", "try": "pyglue up"},
        {"message": "what kafka reads was edited after kafka was started", "try": "pyglue up"},
    ]
    assert findings(facts) == ()
    assert notes(healthy()) == ()


def test_a_spec_that_was_edited_since_it_was_posted_is_named() -> None:
    """By what was posted from here; where nothing was, or no supervisor is there, nothing is known."""
    posted = Posted.of(spec(topic="other"), spec())
    (note,) = notes(healthy(posted=posted))
    assert note.message == "supervisor-spec.json was edited after it was posted"
    assert notes(healthy(posted=posted, supervisor=None)) == ()
    assert notes(healthy(posted=Posted.of(spec(), spec()))) == ()
