"""A directory of session files listed while the service may still write into it."""

from __future__ import annotations

import os
import time

from hostswitch.base.errors import Refusal
from sessionstore.scan.layout import Layout
from sessionstore.scan.result import DirectoryScan, Problem
from sessionstore.scan.scan import scan_directory

_SCANS = 5
_PAUSE = 0.3
_REMEDIES = {
    "unknown file": "Find out what wrote it and move it out of the session directory",
    "not a regular file": "Replace it by what it leads to, or remove it, with the service stopped",
    "no credentials": "Move the directory away if it is no company's, else restore its creds.json",
}


_TORN = "Restore it from a backup or pair the company anew; do not restart the service before that"
_UNREADABLE = "Look at the file with the service's own tools; nothing is imported while it is so"
_TORN_KINDS = ("empty", "truncated", "not JSON", "not registered", "not credentials")


def scan_steadily(path: str, label: str, layout: Layout) -> DirectoryScan:
    """Scan a directory that a service writes to: what is half written looks torn, but not for long."""
    scan = scan_directory(path, label=label, layout=layout)
    for _ in range(_SCANS - 1):
        if not blocking(scan):
            break
        scan.close()
        time.sleep(_PAUSE)
        scan = scan_directory(path, label=label, layout=layout)
    return scan


def blocking(scan: DirectoryScan) -> list[Problem]:
    return [*scan.blocking, *(problem for one in scan.companies for problem in one.blocking)]


def refusal_of(path: str, problem: Problem) -> Refusal:
    remedy = _REMEDIES.get(problem.kind, _UNREADABLE)
    if problem.kind in _TORN_KINDS:
        remedy = _TORN
    detail = f": {problem.detail}" if problem.detail else ""
    return Refusal(
        "session-files", f"{problem.kind}{detail}", os.path.join(path, problem.where), remedy
    )
