"""The lab for the tests that roll out for real: one lab, held for the whole session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lab.fleet import hosts
from lab.profiles import profiles
from tests.lab import rig, story
from tests.lab.story import Story

# The state after staging, before the first switch: every fault below starts from it, so that its
# minutes of npm and apt are spent once.
STAGED = "staged"


@pytest.fixture(scope="session")
def lab() -> Iterator[None]:
    """The lab is ours until the tests are over; then it is down, so that the next ``up`` is fresh."""
    # Up first: it tells whether another checkout uses the lab, which our own hold would hide.
    hosts.up()
    with hosts.hold():
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
    rig.wait_for_resume()
    hosts.snapshot(STAGED)
    return STAGED


@pytest.fixture(scope="session")
def first_rollout(lab: None) -> Story:
    """A whole rollout that nothing disturbed, with everything that was seen of it."""
    return story.first_rollout()


@pytest.fixture(scope="session")
def undisturbed(first_rollout: Story) -> dict[str, Any]:
    """How the hosts look after a rollout that nothing disturbed."""
    return first_rollout.end


@pytest.fixture
def at_staged(staged: str) -> None:
    """The hosts stand at the snapshot ``staged``, the old version running on its files."""
    hosts.reset(staged)
    rig.wait_for_boot()
    assert rig.status()["provider"] == "files"
