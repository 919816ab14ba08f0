"""A daily check that can't raise the alarm by itself: systemd does, by the units as they are installed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostswitch.base.lock import held
from roles.sessions.daily import (
    ALARM,
    ALARM_SCRIPT,
    MODES,
    SERVICE,
    SERVICE_FILE,
    SETTINGS,
    alarm_and_units,
)

from .user_manager import UserManager, can_run, running_manager
from .world import World

pytestmark = pytest.mark.skipif(not can_run(), reason="needs systemd and control groups")

NOT_ENDED = "the daily check of wa-1 did not come to its end"


class Night:
    """A manager with the project's units, and where the alarm is heard."""

    def __init__(self, manager: UserManager, place: Path) -> None:
        self.manager = manager
        self.place = place
        self.settings = manager.etc / Path(SETTINGS).name
        self._alarm = place / "the alarm"
        self.command = ["tee", "-a", str(self._alarm)]

    def install(self) -> None:
        """Everything but the settings, as the role writes it."""
        for path, content in alarm_and_units("wa-1", self.command).items():
            home = self.manager.etc if path == ALARM_SCRIPT else self.manager.units
            file = home / Path(path).name
            file.write_text(content)
            file.chmod(int(MODES[path], 8))
        # The checkout may lie below /tmp, and these two want more than a user manager may everywhere.
        extra = self.manager.units / f"{Path(SERVICE_FILE).name}.d" / "here.conf"
        extra.parent.mkdir()
        extra.write_text(
            "[Service]\nPrivateTmp=no\nProtectKernelLogs=no\nProtectKernelTunables=no\n"
        )
        self.manager.systemctl("daemon-reload")

    def plan(self) -> str:
        """Settings of a host where nothing answers."""
        nowhere = World(self.place / "nowhere", self.place / "no-server", self.place)
        return json.dumps(nowhere.plan(alarm_command=self.command))

    def start(self) -> None:
        """The timer's moment has come."""
        self.manager.systemctl("start", "--no-block", SERVICE)

    def state(self) -> str:
        """How the unit stands."""
        return self.manager.systemctl("show", "--property=SubState", "--value", SERVICE).strip()

    def alarms(self) -> list[str]:
        """What was heard."""
        return self._alarm.read_text().splitlines() if self._alarm.exists() else []


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    """The units are there, and no settings yet."""
    with running_manager(tmp_path / "manager") as manager:
        made = Night(manager, tmp_path)
        made.install()
        yield made


def test_without_its_settings_the_check_is_not_missed_in_silence(night: Night) -> None:
    """A plan that is gone or can't be read names no alarm command: somebody else has to know it."""
    night.start()
    night.manager.wait_until(lambda: night.alarms() != [])
    (heard,) = night.alarms()
    assert f"{NOT_ENDED} (exit-code 1). See: journalctl -u {SERVICE}" in heard


def test_a_check_that_is_killed_is_not_missed_in_silence(night: Night) -> None:
    """Memory runs out, or its two hours do: what is dead raises no alarm."""
    os.mkfifo(night.settings)
    night.start()
    night.manager.wait_until(lambda: night.state() == "start")
    night.manager.systemctl("kill", "--signal=KILL", SERVICE)
    night.manager.wait_until(lambda: night.alarms() != [])
    assert f"{NOT_ENDED} (signal KILL)" in night.alarms()[0]


def test_what_the_check_found_is_told_once(night: Night) -> None:
    """Two alarms a night for one trouble, and nobody reads the second kind."""
    night.settings.write_text(night.plan())
    night.start()
    night.manager.wait_until(lambda: night.state() == "failed")
    shown = ("show", "--property=ExecMainExitTimestampMonotonic", "--value", ALARM)
    night.manager.wait_until(lambda: night.manager.systemctl(*shown).strip() not in ("", "0"))
    (heard,) = night.alarms()
    assert "does not answer" in heard and NOT_ENDED not in heard


def test_a_rollout_that_is_at_work_is_waited_for(night: Night) -> None:
    """It leaves another plan: by the one before, what it has just done would look wrong."""
    night.settings.write_text("{}")
    with held(night.manager.state / "lock", "tester", "a rollout"):
        night.start()
        night.manager.wait_until(lambda: night.state() == "start")
        time.sleep(1)
        assert night.alarms() == [] and night.state() == "start"
        night.settings.write_text(night.plan())
    night.manager.wait_until(lambda: night.alarms() != [])
    assert "does not answer" in night.alarms()[0]
