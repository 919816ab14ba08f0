"""How a rollout went, host by host, and who asked for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rollout.apply.archives import ArchiveCheck
from rollout.run import Run
from rollout.verify.checks import VerificationResult


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
