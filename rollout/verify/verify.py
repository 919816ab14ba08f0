"""Is a host really as it was declared: runs ``tests/host`` and tells what each check found.

Exit codes of ``rollout verify``: 0 nothing failed (what could not be checked is told, and counted
apart); 1 something failed, something was found that no rollout mends, or the checks could not be
run to their end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from rollout.checkout import ROOT
from rollout.console import HostProgress
from rollout.environment.environment import Environment, Host
from rollout.errors import OperatorError, did_you_mean
from rollout.verify.checks import Check, VerificationResult, merged
from rollout.verify.suite import run_suite

SUITE = ROOT / "tests" / "host"


def verify(
    environment: Environment,
    hosts: Sequence[Host],
    *,
    only: str | None = None,
    shown: Callable[[str], HostProgress],
) -> VerificationResult:
    """Check hosts, several at once; nothing on them is changed."""
    if only is not None and only not in concerns():
        raise OperatorError(
            f"There are no checks of {only!r}; there are {', '.join(concerns())}."
            + did_you_mean(only, concerns()),
            f"rollout verify {environment.name} --only disk",
        )
    result = merged(environment.name, verify_hosts(environment, hosts, only=only, shown=shown))
    if not result.checks:
        names = ", ".join(host.name for host in hosts)
        raise OperatorError(
            f"{environment.name}: there is no check of {only!r} for {names}; nothing counts as passed.",
            f"rollout verify {environment.name}",
        )
    return result


def verify_hosts(
    environment: Environment,
    hosts: Sequence[Host],
    *,
    only: str | None = None,
    shown: Callable[[str], HostProgress],
) -> list[VerificationResult]:
    """As ``verify``, of a concern that there is: what was found on each host, in their order."""
    names = [host.name for host in hosts]
    selection = ["--environment", environment.name, "--hosts", ",".join(names)]
    selection += ["--only", only] if only else []
    for name in names:
        shown(name).step("verifying")
    found = run_suite(
        environment,
        SUITE,
        selection,
        {name: partial(_show, shown(name)) for name in names},
    )
    for name in names:
        shown(name).ended()
    return found


def _show(progress: HostProgress, check: Check) -> None:
    progress.detail(f"verifying: {check.check}")


def concerns() -> list[str]:
    """What can be checked by itself: the files of checks."""
    return sorted(path.stem.removeprefix("test_") for path in SUITE.glob("test_*.py"))
