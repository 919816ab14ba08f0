"""The outcome of each check: passed, failed or not checked; with the host's own log when it failed.

Writes one JSON object a line, as the checks go, for `rollout verify` (`rollout/verification.py`).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator
from typing import Any, NoReturn

import pytest

from rollout.errors import OperatorError

from .masking import mask
from .suite import Suite

NOT_CHECKED = "not checked"
FOUND = "found"


def not_checked(reason: str) -> NoReturn:
    """End a check that can't be made here: it is counted apart, never as passed.

    Args:
        reason: why it can't be known, one plain sentence.
    """
    pytest.skip(f"{NOT_CHECKED}: {reason}")


def found(what: str) -> NoReturn:
    """End a check that found what no rollout makes, worsens or mends: told, and never as passed.

    Args:
        what: what is there, in figures, and what mends it.
    """
    pytest.skip(f"{FOUND}: {what}")


class Reporter:
    """The pytest plugin that judges and reports every check.

    Args:
        suite: the environment under check.
        descriptor: an open file descriptor for the JSON lines; None for none.
    """

    def __init__(self, suite: Suite, descriptor: int | None) -> None:
        self._suite = suite
        self._descriptor = descriptor
        self._began = time.monotonic()
        self._lines: dict[str, dict[str, Any]] = {}
        self._logs_shown: set[str] = set()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Tell how many checks are coming."""
        self._write({"event": "planned", "count": len(session.items)})

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

    def pytest_sessionfinish(self) -> None:
        """Tell that every check was made."""
        seconds = round(time.monotonic() - self._began, 3)
        commands = self._suite.commands
        cost = self._suite.command_ms()
        self._write({"event": "end", "seconds": seconds, "commands": commands, "command_ms": cost})

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
        return mask(text, self._suite.secrets)

    def _write(self, line: dict[str, Any]) -> None:
        if self._descriptor is not None:
            os.write(self._descriptor, json.dumps(line).encode() + b"\n")


def _line(item: pytest.Item) -> dict[str, Any]:
    """What is known of a check before it ran."""
    function = getattr(item, "function", None)
    says = (getattr(function, "__doc__", None) or item.name).strip().splitlines()[0]
    callspec = getattr(item, "callspec", None)
    return {
        "check": getattr(item, "originalname", None) or item.name,
        "concern": item.path.stem.removeprefix("test_"),
        "host": callspec.params["target"].name if callspec else "",
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
