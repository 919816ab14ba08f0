"""What is done to a host so that its daily check runs: no more than is missing."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from roles.sessions.daily import MODES, PATHS, SETTINGS, TIMER, scheduling

WANTED = {path: f"of {path}\n" for path in PATHS}
RESTART = f"systemctl restart {TIMER}"


def told(**changes: Any) -> dict[str, dict[str, str]]:
    """The files as they should be, some otherwise: path's last letters to changes; None: missing."""
    found = {
        path: {
            "sha256": hashlib.sha256(content.encode()).hexdigest(),
            "kind": "regular file",
            "owner": "root:root",
            "mode": MODES[path],
        }
        for path, content in WANTED.items()
    }
    for ending, change in changes.items():
        (path,) = (one for one in PATHS if one.endswith(ending))
        if change is None:
            del found[path]
        else:
            found[path].update(change)
    return found


@pytest.mark.parametrize(
    ("files", "runs", "written", "restarted"),
    [
        (told(), True, [], False),
        (told(json={"sha256": "old"}), True, [SETTINGS], False),
        (told(json={"mode": "644"}), True, [SETTINGS], False),
        (told(json={"owner": "ai-admin:root"}), True, [SETTINGS], False),
        (told(timer={"sha256": "old"}), True, [PATHS[2]], True),
        (told(service=None), True, [PATHS[1]], True),
        (told(), False, [], True),
        ({}, False, list(PATHS), True),
    ],
)
def test_only_what_is_missing_is_done(
    files: dict[str, Any], runs: bool, written: list[str], restarted: bool
) -> None:
    """A rollout that changes nothing must say so; one that changes the password must write it."""
    commands = [str(one) for one in scheduling({"files": files, "runs": runs}, WANTED)]
    assert [one for one in commands if one == RESTART] == [RESTART] * restarted
    puts = [one for one in commands if one.startswith("sh -c")]
    assert [one.split()[-3] for one in puts] == written


def test_settings_that_can_not_be_known_yet_are_left_alone() -> None:
    """Where the revision can't be resolved, the plan of the last rollout stays in force."""
    known = {path: content for path, content in WANTED.items() if path != SETTINGS}
    assert not list(scheduling({"files": told(json={"sha256": "old"}), "runs": True}, known))
