"""The lab for the tests that roll out for real: one lab, held for the whole session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lab import hosts, profiles
from tests.lab import rig

# The state after staging, before the first switch: every fault below starts from it, so that its
# minutes of npm and apt are spent once.
STAGED = "staged"
# The state after that switch and all that follows it: where the service's later life begins.
ROLLED_OUT = "rolled-out"


@pytest.fixture(scope="session")
def lab() -> Iterator[None]:
    """The lab is ours until the tests are over; then it is down, so that the next ``up`` is fresh."""
    with hosts.hold():
        hosts.up()
        yield
        hosts.down()


@pytest.fixture(scope="session")
def staged(lab: None) -> str:
    """Profile ``on-files`` with everything staged and nothing switched, as a snapshot."""
    profiles.reset("on-files")
    rig.peer_writes(rig.MESSAGE)
    assert rig.rollout("apply", "lab", "--host", "db-1").returncode == 0
    # The journal's first line is on the disk, the service is untouched: the next run forgets it.
    rig.die_at(rig.FIRST_INSTANT)
    killed = rig.rollout("apply", "lab", "--host", "wa-1")
    assert killed.returncode == 1, killed.stdout
    rig.no_drill()
    rig.sh("baileys-hostswitch resume")
    hosts.snapshot(STAGED)
    return STAGED


@pytest.fixture(scope="session")
def undisturbed(staged: str) -> dict[str, Any]:
    """How the hosts look after a rollout that nothing disturbed; they are kept as a snapshot."""
    hosts.reset(staged)
    rig.wait_for_boot()
    rig.status()
    applied = rig.rollout("apply", "lab")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    end = rig.end_state()
    hosts.snapshot(ROLLED_OUT)
    return end


@pytest.fixture
def at_staged(staged: str) -> None:
    """The hosts stand at the snapshot ``staged``, the old version running on its files."""
    hosts.reset(staged)
    rig.wait_for_boot()
    assert rig.status()["provider"] == "files"
