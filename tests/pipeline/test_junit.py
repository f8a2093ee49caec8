"""The smoke test's report as CI servers read it."""

from __future__ import annotations

from xml.etree import ElementTree

from pyglue.errors import PyglueError
from pyglue.pipeline.junit import junit
from pyglue.pipeline.smoke import Hop, Report


def suite(report: Report) -> ElementTree.Element:
    found = ElementTree.fromstring(junit(report)).find("testsuite")  # noqa: S314 - we wrote it
    assert found is not None
    return found


def test_an_event_that_arrived_is_four_passed_cases() -> None:
    """One case for each hop; their times add up to the way's."""
    hops = [Hop("collector", True, 6.0), Hop("kafka", True, 8.0), Hop("druid", True, 41.0)]
    found = suite(Report("id", (*hops, Hop("superset", True, 321.0))))
    assert {name: found.get(name) for name in ("tests", "failures", "skipped", "errors", "time")} == {
        "tests": "4",
        "failures": "0",
        "skipped": "0",
        "errors": "0",
        "time": "0.321",
    }
    cases = [(case.get("name"), case.get("time"), len(case)) for case in found]
    assert cases == [
        ("collector", "0.006", 0),
        ("kafka", "0.002", 0),
        ("druid", "0.033", 0),
        ("superset", "0.280", 0),
    ]


def test_where_it_stopped_fails_and_what_comes_after_is_skipped() -> None:
    """The failure holds the reason and what is known of it, whatever characters a log has in it."""
    problem = PyglueError("Kafka does not answer", details=["asked  a & <b>", "  | \x1b[31mred\x00"])
    found = suite(Report("id", (Hop("collector", True, 6.0), Hop("kafka", False, None)), problem))
    assert [child.tag for case in found for child in case] == ["failure", "skipped", "skipped"]
    failure = found.find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == "Kafka does not answer"
    assert failure.text == "asked  a & <b>\n  | ?[31mred?"
    assert (found.get("failures"), found.get("skipped")) == ("1", "2")
