"""What checks of hosts found: one by one, and together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

PASSED = "passed"
FAILED = "failed"
NOT_CHECKED = "not checked"
# Something is wrong there that no rollout makes, worsens or mends: it stops none.
FOUND = "found"


@dataclass(frozen=True)
class Check:
    check: str  # the name of its function
    concern: str  # its file: ``disk`` for ``test_disk.py``
    host: str
    says: str  # what breaks in production when it fails
    outcome: str  # ``passed``, ``failed``, ``not checked`` or ``found``
    reason: str  # what was found, or why it can't be known; empty when it passed
    log: str  # the end of the host's own log, when it failed; secrets are masked
    seconds: float


@dataclass(frozen=True)
class VerificationResult:
    environment: str
    checks: tuple[Check, ...]
    seconds: float  # wall time of all of them, connecting included
    commands: int  # how many commands were run on the hosts
    # milliseconds that a command cost which did nothing, over the shared connection: the median of
    # some, on the dearest host; None where no host was reached
    command_ms: float | None

    @property
    def counts(self) -> dict[str, int]:
        """How many ended so, by outcome."""
        counted = Counter(check.outcome for check in self.checks)
        return {outcome: counted[outcome] for outcome in (PASSED, FAILED, NOT_CHECKED, FOUND)}

    @property
    def exit_code(self) -> int:
        """0 when nothing failed and nothing was found, else 1."""
        return 1 if self.counts[FAILED] or self.counts[FOUND] else 0

    def with_outcome(self, outcome: str) -> list[Check]:
        return [check for check in self.checks if check.outcome == outcome]

    def acknowledging(self, reasons: Mapping[str, str]) -> VerificationResult:
        """The same, but what failed and is acknowledged, by a check's name, is only found."""
        return replace(
            self,
            checks=tuple(
                replace(
                    one,
                    outcome=FOUND,
                    reason=f"{one.check}: {one.reason} (acknowledged: {reasons[one.check]})",
                    log="",
                )
                if one.outcome == FAILED and one.check in reasons
                else one
                for one in self.checks
            ),
        )

    def to_json(self) -> dict[str, Any]:
        counts = {outcome.replace(" ", "_"): count for outcome, count in self.counts.items()}
        return {**asdict(self), **counts}


def merged(environment: str, found: Sequence[VerificationResult]) -> VerificationResult:
    """One result of those of several hosts, which were checked at the same time."""
    costs = [result.command_ms for result in found if result.command_ms is not None]
    return VerificationResult(
        environment,
        tuple(check for result in found for check in result.checks),
        seconds=max((result.seconds for result in found), default=0.0),
        commands=sum(result.commands for result in found),
        command_ms=max(costs, default=None),
    )
