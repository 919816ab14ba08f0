"""What is done to a host so that its daily check runs: no more than is missing."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from roles.sessions.daily import (
    ALARM_FILE,
    ALARM_SCRIPT,
    MODES,
    PATHS,
    SERVICE_FILE,
    SETTINGS,
    TIMER,
    TIMER_FILE,
    alarm_and_units,
    scheduling,
)

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
        (told(timer={"sha256": "old"}), True, [TIMER_FILE], True),
        (told(**{"daily.service": None}), True, [SERVICE_FILE], True),
        (told(**{"alarm.service": None}), True, [ALARM_FILE], True),
        (told(**{"check-alarm": {"sha256": "old"}}), True, [ALARM_SCRIPT], False),
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


def test_an_alarm_that_is_not_wanted_any_more_goes() -> None:
    """The script may hold what it takes to reach people; the unit would fail without it."""
    units = alarm_and_units("wa-1", [])
    assert not {ALARM_SCRIPT, ALARM_FILE} & units.keys()
    assert "OnFailure" not in units[SERVICE_FILE]
    wanted = {path: WANTED[path] for path in (SETTINGS, *units)}
    commands = [str(one) for one in scheduling({"files": told(), "runs": True}, wanted)]
    assert commands[0] == f"rm -f -- {ALARM_SCRIPT} {ALARM_FILE}" and RESTART in commands


def test_an_alarm_command_is_run_word_by_word() -> None:
    """A word with a space or a quote in it is one word, as on the host program's own way."""
    script = alarm_and_units("wa-1", ["mail", "-s", "it's the check", "ops@x"])[ALARM_SCRIPT]
    assert script.endswith("""    mail -s 'it'"'"'s the check' ops@x\n""")
