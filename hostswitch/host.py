"""The host as one switch sees it: plan, places, the service's user, its PM2, and the operator's alarm."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from hostswitch.base import child
from hostswitch.base.errors import NoUserError
from hostswitch.base.output import progress, told
from hostswitch.base.places import Places
from hostswitch.base.user import Account
from hostswitch.plan import Plan
from hostswitch.pm2.app import App, Entries
from hostswitch.pm2.client import Pm2
from hostswitch.pm2.ecosystem import own_entries, to_start
from hostswitch.record.history import History

_ALARM_SECONDS = 60
_RUNG = "rung"


@dataclass(frozen=True)
class Host:
    """What every step needs. Nothing is looked up before it is used."""

    plan: Plan
    places: Places

    @cached_property
    def account(self) -> Account:
        """Raises NoUserError."""
        try:
            return Account.of(self.plan.service_user, self.places.search_path)
        except KeyError:
            raise NoUserError(
                f"user {self.plan.service_user} does not exist here. Stage the host first: "
                f"rollout apply (role host)"
            ) from None

    @cached_property
    def pm2(self) -> Pm2:
        return Pm2(self.account, self.plan.pm2_home)

    def apps(self) -> list[App]:
        """The plan's apps that PM2 lists."""
        return [app for app in self.pm2.apps() if app.name in self.plan.pm2_apps]

    def service(self) -> App | None:
        return self.pm2.app(self.plan.service_app)

    def runs_service(self) -> bool:
        """Whether PM2 runs it, or is about to."""
        app = self.service()
        return app is not None and app.running

    @cached_property
    def entries(self) -> Entries:
        """How PM2 is to start the plan's apps, by what the release said when it was first looked at.

        Raises EcosystemError.
        """
        return self.entries_of(self.plan.release)

    def entries_of(self, version: str) -> Entries:
        """How it would by what another version says now."""
        return to_start(self.plan, own_entries(self.account, self.plan, version))

    @cached_property
    def history(self) -> History:
        return History(self.places.history)

    @property
    def owner(self) -> tuple[int, int]:
        return self.account.owner

    def path(self, relative: str) -> str:
        return os.path.join(self.plan.app_dir, relative)

    def alarm(self, message: str) -> None:
        """Run the operator's alarm command, and record it. Never raises: that would hide what it is about."""
        said = told(message)
        progress(f"ALARM: {said}")
        outcome = _ring(self.plan.alarm_command, said)
        if outcome != _RUNG:
            progress(outcome)
        with suppress(Exception):
            self.history.add("alarm", outcome=outcome, rollout_id=self.plan.rollout_id, why=said)


def _ring(command: Sequence[str] | None, message: str) -> str:
    if not command:
        return "nobody was told: alarm_command is not set"
    try:
        given = message.encode("utf-8", "backslashreplace")
        done = child.run(command, seconds=_ALARM_SECONDS, given=given)
        problem = f"exit code {done.code}" if done.code else None
    except Exception as error:
        problem = str(error) or type(error).__name__
    return f"the alarm command failed ({problem}): {command[0]}" if problem else _RUNG
