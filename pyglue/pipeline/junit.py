"""A smoke test's report in the form that CI servers show: JUnit's XML, one test case for each hop.

There is no standard of it; this is what Jenkins, GitLab and GitHub's actions read (`testsuite`, `testcase`, `failure`,
`skipped`, times in seconds).
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from pyglue.pipeline.smoke import HOPS, Report

# What XML 1.0 can't hold, however it is written (its section 2.2, "Characters").
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> str:
    """The XML document. Hops that were not reached are skipped; the time of each counts from the hop before."""
    hops = {hop.hop: hop for hop in report.hops}
    total = max((hop.ms for hop in report.hops if hop.ms is not None), default=0.0)
    counts = {
        "tests": len(HOPS),
        "failures": sum(not hop.ok for hop in report.hops),
        "skipped": len(HOPS) - len(hops),
        "errors": 0,
    }
    suite = ElementTree.Element("testsuite", {"name": "pyglue smoke-test", "time": _seconds(total)})
    suite.attrib |= {name: str(count) for name, count in counts.items()}
    before = 0.0
    for name in HOPS:
        case = ElementTree.SubElement(suite, "testcase", {"classname": "pyglue.smoke-test", "name": name})
        hop = hops.get(name)
        if hop is None:
            ElementTree.SubElement(case, "skipped", {"message": "the event did not get that far"})
            continue
        ms = hop.ms if hop.ms is not None else before
        case.set("time", _seconds(max(0.0, ms - before)))
        before = ms
        if not hop.ok and report.problem is not None:
            failure = ElementTree.SubElement(case, "failure", {"message": _clean(report.problem.message)})
            failure.text = _clean("\n".join(report.problem.details))
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _seconds(ms: float) -> str:
    return f"{ms / 1000:.3f}"


def _clean(text: str) -> str:
    return FORBIDDEN.sub("?", text)
