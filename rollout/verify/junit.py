"""A verification as JUnit XML, the form that continuous integration shows."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as Xml

from rollout.errors import OperatorError
from rollout.verify.checks import FAILED, FOUND, NOT_CHECKED, Check, VerificationResult

# XML 1.0 can't hold these, not even escaped; a log may.
UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# A finding stops no rollout, but a CI has no word between failed and passed.
WRONG = (FAILED, FOUND)


def junit_xml(result: VerificationResult) -> bytes:
    """The document: a suite for each host, a case for each check; not checked is skipped."""
    root = Xml.Element("testsuites", name=f"rollout verify {result.environment}")
    for host in dict.fromkeys(check.host for check in result.checks):
        checks = [check for check in result.checks if check.host == host]
        outcomes = Counter(check.outcome for check in checks)
        totals = {
            "tests": len(checks),
            "failures": sum(outcomes[wrong] for wrong in WRONG),
            "errors": 0,
            "skipped": outcomes[NOT_CHECKED],
        }
        suite = Xml.SubElement(root, "testsuite", name=host)
        suite.attrib |= {name: str(count) for name, count in totals.items()}
        suite.set("time", f"{sum(check.seconds for check in checks):.3f}")
        for check in checks:
            _add_case(suite, check)
    Xml.indent(root)
    return bytes(Xml.tostring(root, encoding="utf-8", xml_declaration=True))


def _add_case(suite: Xml.Element, check: Check) -> None:
    place = {"name": check.check, "classname": f"{check.host}.{check.concern}"}
    case = Xml.SubElement(suite, "testcase", place, time=f"{check.seconds:.3f}")
    if check.outcome in WRONG:
        failure = Xml.SubElement(case, "failure", message=_clean(check.reason))
        failure.text = _clean(f"{check.reason}\n\nIn production: {check.says}")
    elif check.outcome == NOT_CHECKED:
        Xml.SubElement(case, "skipped", message=_clean(f"{NOT_CHECKED}: {check.reason}"))
    if check.log:
        Xml.SubElement(case, "system-err").text = _clean(check.log)


def _clean(text: str) -> str:
    return UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def write_junit(result: VerificationResult, path: Path) -> None:
    """Write the document. Raises OperatorError: the file can't be written."""
    try:
        path.write_bytes(junit_xml(result))
    except OSError as error:
        raise OperatorError(
            f"{path} can't be written: {error.strerror}", "name another file with --junit"
        ) from None
