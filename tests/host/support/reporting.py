"""The outcome of each check: passed, failed or not checked; with the host's own log when it failed.

Writes one JSON object a line, as the checks go, for `rollout verify` (`rollout/verify/verify.py`).
"""

import json
import os
import re
import resource
from collections.abc import Generator, Mapping, Sequence
from functools import partial
from itertools import zip_longest
from typing import Any, TextIO

import pytest

from rollout.console import harmless
from rollout.errors import OperatorError
from rollout.processes.forked import run_forked
from rollout.secret import MASK

from .suite import Suite
from .wording import FOUND, NOT_CHECKED

# Characters of a reason or a log; what others wrote has no end of its own.
LONGEST = 1 << 16
# Bytes for the checks of one host: a million rows take 600 MB, and a database may answer without end.
MEMORY = 4 << 30
# libsignal prints whole sessions, private keys included, when it closes one.
_BUFFERS = re.compile(r"<Buffer(?: [0-9a-f]{2})+[^>]*>")
# 32 bytes in base64, with or without Signal's type byte before them: the size of every key.
_KEYS = re.compile(r"(?<![A-Za-z0-9+/])(?:[A-Za-z0-9+/]{43}=|[A-Za-z0-9+/]{44})(?![A-Za-z0-9+/=])")
_SHORTEST = 4


class Reporter:
    """The pytest plugin that judges and reports every check."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self._out: TextIO | None = None
        self._lines: dict[str, dict[str, Any]] = {}
        self._logs_shown: set[str] = set()

    def begin(self, out: TextIO, count: int) -> None:
        """Write the JSON lines from here on, and first how many checks are coming."""
        self._out = out
        self._write({"event": "planned", "count": count})

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Join the three phases of a test into one check."""
        report = yield
        line = self._lines.setdefault(item.nodeid, _line(item))
        line["seconds"] += call.duration
        if report.failed:
            line["outcome"] = "failed"
            line["reason"] = line["reason"] or self._masked(_reason(call))
            line["log"] = line["log"] or self._log_of(line["host"])
            _show(report, line)
        elif report.skipped and line["outcome"] != "failed":
            reason = _reason(call)
            line["outcome"] = FOUND if reason.startswith(f"{FOUND}: ") else NOT_CHECKED
            line["reason"] = self._masked(reason.removeprefix(f"{line['outcome']}: "))
        if report.when == "teardown":
            self._write({"event": "check", **self._lines.pop(item.nodeid)})
        return report

    def end(self) -> None:
        """Tell that every check was made, and leave the hosts."""
        counted = {"commands": self._suite.commands, "command_ms": self._suite.command_ms()}
        self._suite.close()
        self._write({"event": "end", **counted})

    def _log_of(self, host_name: str) -> str:
        """The end of a host's log, for the first of its failures; the others have the same one."""
        target = self._suite.known_target(host_name)
        if target is None or host_name in self._logs_shown:
            return ""
        self._logs_shown.add(host_name)
        try:
            return self._masked(target.log_end()) or "there is no log of the service on this host"
        except OperatorError as error:
            return f"the log can't be read: {error.message}"

    def _masked(self, text: str) -> str:
        masked = mask(text, self._suite.secrets)
        more = f" … and {len(masked) - LONGEST:,} characters more" if len(masked) > LONGEST else ""
        return harmless(masked[:LONGEST] + more)

    def _write(self, line: dict[str, Any]) -> None:
        if self._out is not None:
            self._out.write(json.dumps(line) + "\n")


class SideBySide:
    """The pytest plugin that runs each host's checks in a process of its own, forked.

    Most of a check is waiting for its host, so some hosts are checked at the same time; and what the
    checks need is imported, collected and declared once, however many hosts there are. ``descriptors``
    are those that the JSON lines of a host go to.
    """

    def __init__(self, reporter: Reporter, descriptors: Mapping[str, int], at_once: int) -> None:
        self._reporter = reporter
        self._descriptors = descriptors
        self._at_once = at_once

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Take the place of pytest's own loop, which runs one check after the other."""
        if session.testsfailed:
            # What could not be collected: pytest's own loop says so.
            return None
        checks: dict[str, list[pytest.Item]] = {host: [] for host in self._descriptors}
        for item in session.items:
            checks[host_of(item)].append(item)
        acts = [partial(self._check, checks[host], to) for host, to in self._descriptors.items()]
        codes = run_forked(acts, self._at_once)
        session.testsfailed = sum(code != 0 for code in codes)
        return True

    def _check(self, items: Sequence[pytest.Item], descriptor: int) -> int:
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, most))
        with os.fdopen(descriptor, "w", buffering=1) as lines:
            self._reporter.begin(lines, len(items))
            for item, following in zip_longest(items, items[1:]):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            self._reporter.end()
        return int(items[0].session.testsfailed > 0) if items else 0


def host_of(item: pytest.Item) -> str:
    """The name of the host that a check looks at; empty for one that looks at none."""
    callspec = getattr(item, "callspec", None)
    return str(callspec.params["target"].name) if callspec else ""


def _line(item: pytest.Item) -> dict[str, Any]:
    """What is known of a check before it ran."""
    function = getattr(item, "function", None)
    says = (getattr(function, "__doc__", None) or item.name).strip().splitlines()[0]
    return {
        "check": getattr(item, "originalname", None) or item.name,
        "concern": item.path.stem.removeprefix("test_"),
        "host": host_of(item),
        "says": says,
        "outcome": "passed",
        "reason": "",
        "log": "",
        "seconds": 0.0,
    }


def _reason(call: pytest.CallInfo[None]) -> str:
    """The message of an assertion or a skip, without pytest's explanation of the expression."""
    assert call.excinfo is not None, "only a phase that ended early has a reason"
    error = call.excinfo.value
    text = str(getattr(error, "msg", None) or error) or call.excinfo.exconly()
    return text.split("\nassert ")[0].strip()


def _show(report: pytest.TestReport, line: dict[str, Any]) -> None:
    """What pytest prints: the reason, what it means in production, the end of the host's log."""
    log = f"\n\nEnd of the log on {line['host']}:\n{line['log']}" if line["log"] else ""
    report.longrepr = f"{line['reason']}\n\nIn production: {line['says']}{log}"
    report.sections.clear()


def mask(text: str, secrets: Sequence[str]) -> str:
    """A text without the declared secrets, longest first, and the keys that libraries print into logs."""
    for secret in secrets:
        for spelling in {secret, repr(secret)[1:-1]}:
            if len(spelling) >= _SHORTEST:
                text = text.replace(spelling, MASK)
    return _KEYS.sub(MASK, _BUFFERS.sub(MASK, text))
