"""How a rollout went, and its report, printed and kept: only numbers that were measured in that run."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roles.hostprogram.steps import ARCHIVE, PRUNE, REMOVE, SWITCH
from rollout.apply.archives import ArchiveCheck
from rollout.checkout import ROOT
from rollout.errors import OperatorError
from rollout.run import Run
from rollout.verify.checks import FAILED, FOUND, NOT_CHECKED, PASSED, VerificationResult

REPORTS = ROOT / ".rollout" / "reports"

Report = Mapping[str, Any]


@dataclass
class HostOutcome:
    host: str
    released: list[str] = field(default_factory=list)  # its companies that no other host runs
    others_answered: bool = False  # every other service host said what it runs
    commit: str = ""  # what this rollout resolved the declared revision to; empty until then
    claim: str = ""  # what another host said that it is; empty if none did
    changed: list[str] = field(default_factory=list)
    # the last answer of each step of the host program, by step
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    # the host checks before removal, and those of the disk after it
    verifications: list[VerificationResult] = field(default_factory=list)
    archive_checks: list[ArchiveCheck] = field(default_factory=list)
    # what stays set aside and until when, in sentences
    kept: list[str] = field(default_factory=list)
    failure: str = ""  # what failed, empty if nothing did
    seconds: float = 0.0  # wall time on this host


@dataclass
class Outcome:
    environment: str
    run: Run
    hosts: list[HostOutcome] = field(default_factory=list)
    untouched: list[str] = field(default_factory=list)
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def succeeded(self) -> bool:
        return not self.untouched and not any(host.failure for host in self.hosts)


def report_of(outcome: Outcome) -> Report:
    """The report of an outcome, as ``docs/commands.md`` promises its fields; it adds no figure of its own."""
    return {
        "environment": outcome.environment,
        **outcome.run.overrides(),
        "succeeded": outcome.succeeded,
        "seconds": round(outcome.seconds, 1),
        "hosts": [host_report(host) for host in outcome.hosts],
        "untouched": outcome.untouched,
    }


def host_report(outcome: HostOutcome) -> Report:
    """The report of one host; no change and no failure means that it was as declared."""
    # What could not be checked before the removal may have been checked after it.
    checks = {check.check: check for run in outcome.verifications for check in run.checks}.values()
    counts = Counter(check.outcome for check in checks)
    switch = outcome.results.get(SWITCH.title, {})
    reasons = [f"{check.check}: {check.reason}" for check in checks if check.outcome == NOT_CHECKED]
    reasons += [
        f"archive {Path(entry.archive).name}: {entry.reason}"
        for entry in outcome.archive_checks
        if entry.outcome == NOT_CHECKED
    ]
    reasons = list(dict.fromkeys(reasons))

    def said(title: str, field: str) -> list[dict[str, Any]]:
        return list(outcome.results.get(title, {}).get(field, []))

    return {
        "host": outcome.host,
        "changed": list(dict.fromkeys(outcome.changed)),
        # Or of the one which this run found cut off and finished, if any.
        "switch": switch if "companies" in switch else switch.get("resumed") or {},
        "archives": said(ARCHIVE.title, "archives"),
        "removed": said(REMOVE.title, "removed"),
        "kept": outcome.kept,
        "checks": {
            PASSED: counts[PASSED],
            FAILED: counts[FAILED],
            NOT_CHECKED: len(reasons),
            FOUND: counts[FOUND],
        },
        "not_checked": reasons,
        "failure": outcome.failure,
        "seconds": round(outcome.seconds, 1),
        "found": [check.reason for check in checks if check.outcome == FOUND],
        "pruned": said(PRUNE.title, "pruned"),
    }


def save_report(report: Report) -> Path:
    """Keep a report as JSON beside the checkout, readable by its owner only."""
    path = REPORTS / f"{report['rollout_id']}.{report['environment']}.json"
    try:
        REPORTS.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            json.dump(report, file, indent=2)
            file.write("\n")
    except OSError as error:
        remedy = "keep what is shown; what was done on the hosts stays done"
        raise OperatorError(f"the report above could not be kept: {error}", remedy) from None
    return path.relative_to(REPORTS.parent.parent)
