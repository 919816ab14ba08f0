"""The host as one switch sees it: plan, places, the service's user and its PM2."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property

from hostswitch.base.errors import NoUserError
from hostswitch.base.places import Places
from hostswitch.base.user import Account
from hostswitch.plan import Plan
from hostswitch.pm2 import ecosystem
from hostswitch.pm2.app import App
from hostswitch.pm2.client import Pm2
from hostswitch.record.history import History


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
    def described(self) -> ecosystem.Description:
        """PM2's ecosystem file as it was when it was first looked at; the swap demands that one."""
        return ecosystem.read(self.account, self.plan.ecosystem)

    @cached_property
    def history(self) -> History:
        return History(self.places.history)

    @property
    def owner(self) -> tuple[int, int]:
        return self.account.owner

    def path(self, relative: str) -> str:
        return os.path.join(self.plan.app_dir, relative)
