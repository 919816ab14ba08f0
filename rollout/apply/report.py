"""The report of a rollout: only numbers that were measured in that run."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rollout.apply.one_host import ARCHIVE, PRUNE, REMOVE, SWITCH
from rollout.apply.outcome import HostOutcome, Outcome
from rollout.checkout import ROOT
from rollout.errors import OperatorError
from rollout.verify.checks import FAILED, FOUND, NOT_CHECKED, PASSED

REPORTS = ROOT / ".rollout" / "reports"


@dataclass(frozen=True)
class HostReport:
    """What a rollout did on one host.

    Args:
        host: its name.
        changed: the steps that changed something; empty means “no changes”.
        switch: the host program's record of the switch, empty if there was none.
        archives: what was archived: name, files, bytes.
        removed: what was removed: name, kind, files, bytes, freed (allocated bytes).
        pruned: old releases that were taken away: name, freed.
        kept: what stays set aside, and until when.
        checks: passed, failed, not checked, found.
        not_checked: what could not be checked, with the reason.
        found: what is wrong there and no rollout mends, with what does.
        failure: what failed, empty if nothing did.
        seconds: wall time on this host.
    """

    host: str
    changed: list[str]
    switch: dict[str, Any]
    archives: list[dict[str, Any]]
    removed: list[dict[str, Any]]
    kept: list[str]
    checks: dict[str, int]
    not_checked: list[str]
    failure: str
    seconds: float
    found: list[str] = field(default_factory=list)
    pruned: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Report:
    """What a rollout did, as it is printed and kept."""

    environment: str
    rollout_id: str
    operator: str
    reason: str
    succeeded: bool
    seconds: float
    hosts: list[HostReport] = field(default_factory=list)
    untouched: list[str] = field(default_factory=list)


def report_of(outcome: Outcome) -> Report:
    """The report of an outcome; it adds no figure of its own."""
    return Report(
        environment=outcome.environment,
        rollout_id=outcome.run.rollout_id,
        operator=outcome.run.operator,
        reason=outcome.run.reason,
        succeeded=outcome.succeeded,
        seconds=round(outcome.seconds, 1),
        hosts=[host_report(host) for host in outcome.hosts],
        untouched=outcome.untouched,
    )


def host_report(outcome: HostOutcome) -> HostReport:
    """The report of one host."""
    # What could not be checked before the removal may have been checked after it.
    checks = {check.check: check for run in outcome.verifications for check in run.checks}.values()
    counts = Counter(check.outcome for check in checks)
    reasons = [f"{check.check}: {check.reason}" for check in checks if check.outcome == NOT_CHECKED]
    reasons += [
        f"archive {Path(entry.archive).name}: {entry.reason}"
        for entry in outcome.archive_checks
        if entry.outcome == "not checked"
    ]
    removal = outcome.results.get(REMOVE, {})
    return HostReport(
        host=outcome.host,
        changed=list(dict.fromkeys(outcome.changed)),
        switch=switch_record(outcome.results.get(SWITCH, {})),
        archives=outcome.results.get(ARCHIVE, {}).get("archives", []),
        removed=removal.get("removed", []),
        pruned=outcome.results.get(PRUNE, {}).get("pruned", []),
        kept=outcome.kept,
        checks={
            PASSED: counts[PASSED],
            FAILED: counts[FAILED],
            NOT_CHECKED: len(dict.fromkeys(reasons)),
            FOUND: counts[FOUND],
        },
        found=[check.reason for check in checks if check.outcome == FOUND],
        not_checked=list(dict.fromkeys(reasons)),
        failure=outcome.failure,
        seconds=round(outcome.seconds, 1),
    )


def switch_record(result: dict[str, Any]) -> dict[str, Any]:
    """The record of the switch; that of the one which this run found cut off and finished, if any."""
    return result if "companies" in result else result.get("resumed") or {}


def save_report(report: Report) -> Path:
    """Keep a report as JSON beside the checkout, readable by its owner only.

    Returns:
        Where it is.

    Raises:
        OperatorError: it can't be written.
    """
    path = REPORTS / f"{report.rollout_id}.{report.environment}.json"
    try:
        REPORTS.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(report), file, indent=2)
            file.write("\n")
    except OSError as error:
        raise OperatorError(
            f"the report above could not be kept: {error}",
            "keep what is shown; what was done on the hosts stays done",
        ) from None
    return path.relative_to(REPORTS.parent.parent)
