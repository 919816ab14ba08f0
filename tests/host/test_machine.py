"""The machine itself: reached safely, with the right time."""

import time
from typing import Any

import pytest

from .support.target import Target

pytestmark = pytest.mark.on("service", "database")

TOLERATED_SECONDS = 30


def test_login_with_a_pinned_host_key_and_sudo(host: Any) -> None:
    """Without it no rollout, verification or repair can reach this host."""
    assert host.check_output("id -u") == "0", "sudo does not lead to root"


def test_clock_is_right(target: Target) -> None:
    """On a wrong clock TLS is refused, and evidence of what is newer misleads."""
    before = time.time()
    there = float(target.host.check_output("date +%s.%N"))
    off = max(before - there, there - time.time(), 0.0)
    assert off <= TOLERATED_SECONDS, f"its clock is {off:.0f} s away from this machine's"


def test_systemd_has_started_everything(host: Any) -> None:
    """A host that never finishes booting, or is going down, does not keep the service running."""
    state = host.run("systemctl is-system-running").stdout.strip()
    assert state in ("running", "degraded"), f"systemd says: {state}"
