"""How a rollout went, host by host, and who asked for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rollout.apply.archives import ArchiveCheck
from rollout.run import Run
from rollout.verify.checks import VerificationResult


@dataclass
class HostOutcome:
    """How the rollout of one host went.

    Args:
        host: its name.
        released: its companies that no other host runs.
        others_answered: every other service host said what it runs.
        commit: what this rollout resolved the declared revision to; empty until then.
        claim: what another host said that it is; empty if none did.
        changed: the steps that changed something.
        results: the last answer of each step of the host program, by step.
        verifications: the host checks before removal, and those of the disk after it.
        archive_checks: what checking the archives for real gave.
        kept: what stays set aside and until when, in sentences.
        failure: what failed, empty if nothing did.
        seconds: wall time on this host.
    """

    host: str
    released: list[str] = field(default_factory=list)
    others_answered: bool = False
    commit: str = ""
    claim: str = ""
    changed: list[str] = field(default_factory=list)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    verifications: list[VerificationResult] = field(default_factory=list)
    archive_checks: list[ArchiveCheck] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    failure: str = ""
    seconds: float = 0.0


@dataclass
class Outcome:
    """How the rollout of an environment went."""

    environment: str
    run: Run
    hosts: list[HostOutcome] = field(default_factory=list)
    untouched: list[str] = field(default_factory=list)
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def succeeded(self) -> bool:
        """Nothing failed and no host was left out."""
        return not self.untouched and not any(host.failure for host in self.hosts)
