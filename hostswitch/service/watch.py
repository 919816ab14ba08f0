"""Watches a started service until it is healthy, or clearly is not. The edge of `gate`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from hostswitch.base import clock, processes
from hostswitch.base.errors import HostError
from hostswitch.decide import gate, lost_keys
from hostswitch.decide.gate import Expectation
from hostswitch.decide.lost_keys import Rate
from hostswitch.description import claims
from hostswitch.description.claims import Signalled
from hostswitch.envfile import values
from hostswitch.host import Host
from hostswitch.pm2.app import App
from hostswitch.service import logs
from hostswitch.service.logs import Compared
from hostswitch.service.status import NoStatusError, ask, fetch

_EVERY = 0.05
_SETTLING = 0.25
_ASK_PM2 = 2.0
_RESTARTS = 3


@dataclass(frozen=True)
class Since:
    """The moment of a start, and the sizes of the log files just before it."""

    moment: clock.Moment
    sizes: Mapping[str, int]


@dataclass(frozen=True)
class Verdict:
    """What the gate found. `answered` is the moment of the first good status answer."""

    problems: tuple[str, ...]
    answered: clock.Moment | None = None
    companies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    not_checked: tuple[str, ...] = ()
    compared: Compared | None = None
    """The logs before and after the start."""
    gated_again: bool = False
    """Whether an earlier run had started it: the first good answer came at a time not known."""

    @property
    def healthy(self) -> bool:
        return not self.problems


class Watch:
    def __init__(
        self,
        host: Host,
        expected: Expectation,
        since: Since,
        before: Rate,
        connections: Callable[[int], int] | None = None,
    ) -> None:
        """Prepare to watch what follows a start, before which the logs told of lost keys so often.

        Args:
            connections: how many connections to the database a process has.
        """
        self._host = host
        self._signals = host.plan.description.signals
        self._connections = connections
        self._connected = 0
        self._paths: list[str] = []
        self._expected = expected
        self._since = since
        self._before = before
        self._compared: Compared | None = None
        self._url = host.plan.gate.status_url
        self._restarts: int | None = None

    def run(self) -> Verdict:
        """Wait for the first good answer, then see whether it stays good; never raises for what is not."""
        status, problems = self._first_answer()
        answered = clock.now()
        if problems:
            return Verdict(tuple(problems))
        first = self._processes()
        problems = self._process_problems(first, status) or self._settle(first)
        seen = self._seen(fetch(self._url))
        companies = gate.shown(self._signals, seen, self._expected.companies)
        not_checked = self._not_checked()
        return Verdict(tuple(problems), answered, companies, not_checked, self._compared)

    def _first_answer(self) -> tuple[Any, list[str]]:
        end = time.monotonic() + self._host.plan.gate.limit_seconds
        ask = time.monotonic() + _ASK_PM2
        while True:
            status, problems = self._status()
            if not problems:
                return status, []
            hopeless: list[str] = []
            if time.monotonic() > ask:
                hopeless = self._hopeless()
                ask = time.monotonic() + _ASK_PM2
            if hopeless or time.monotonic() > end:
                return None, problems + hopeless
            time.sleep(_EVERY)

    def _status(self) -> tuple[Any, list[str]]:
        if not self._expected.signals:
            return fetch(self._url), []
        try:
            status = ask(self._url) if self._url else None
        except NoStatusError as error:
            return None, [str(error)]
        seen = self._seen(status)
        # The database is asked last: only of a service that is well in all else.
        found = gate.problems(replace(self._signals, database=False), seen, self._expected)
        if not found and self._signals.database:
            self._connected = self._connected or self._count()
            seen = replace(seen, connections=self._connected)
            found = gate.problems(self._signals, seen, self._expected)
        return status, found

    def _seen(self, status: Any) -> Signalled:
        written = ""
        if self._signals.log is not None:
            # A PM2 that does not answer just now may do so at the next look; it has its own check.
            with suppress(HostError):
                apps = () if self._paths else self._processes().values()
                self._paths = self._paths or sorted({path for app in apps for path in app.logs})
            written = logs.written(self._paths, self._since.sizes, self._host.owner)
        return Signalled(status, written, self._connected)

    def _count(self) -> int:
        service = self._processes().get(self._host.plan.service_app)
        if self._connections is None or service is None or service.pid <= 0:
            return 0
        return self._connections(service.pid)

    def _hopeless(self) -> list[str]:
        """Why waiting longer is no use: PM2 gave up, or restarts the app over and over."""
        app = self._host.service()
        if app is None:
            return ["PM2 does not list it"]
        # An old version comes back with the restarts of its whole life.
        self._restarts = app.restarts if self._restarts is None else self._restarts
        restarts = app.restarts - self._restarts
        if app.status in ("errored", "stopped") or restarts >= _RESTARTS:
            return [f"PM2 shows it as {app.status} after {app.restarts} restarts"]
        return []

    def _settle(self, first: Mapping[str, App]) -> list[str]:
        """See that every process stays as it is until the youngest has run for the settle time.

        It counts from their own start, and at least half of it comes after the first good answer.
        """
        wanted = self._host.plan.gate.settle_seconds
        ages = [
            processes.age(process.pid) or 0.0 for process in first.values() if process.has_process
        ]
        end = time.monotonic() + max(wanted - min(ages, default=0.0), wanted / 2)
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(_SETTLING, left))
            _, problems = self._status()
            if problems:
                return [f"while settling: {problem}" for problem in problems]
        now = self._processes()
        problems = [
            f"{name}: {problem}"
            for name in self._host.plan.pm2_apps
            if name in first and (name == self._host.plan.service_app or not first[name].rests)
            for problem in gate.process_problems(now.get(name), first[name])
        ]
        return problems + self._log_problems()

    def _processes(self) -> dict[str, App]:
        return {app.name: app for app in self._host.apps()}

    def _process_problems(self, found: Mapping[str, App], status: Any) -> list[str]:
        process = found.get(self._host.plan.service_app)
        problems = gate.process_problems(process, None)
        if process is None or problems:
            return problems
        directory = processes.working_directory(process.pid)
        if self._expected.directory not in (None, directory):
            problems.append(f"it runs in {directory}, not in {self._expected.directory}")
        answering = claims.value_at(status, self._signals.http.pid if self._signals.http else None)
        if answering not in (None, process.pid):
            problems.append(f"pid {claims.quoted(answering)} answers, PM2 started {process.pid}")
        exported = processes.environment(process.pid, self._host.owner)
        return problems + values.shadowing(exported, self._expected.flags)

    def _log_problems(self) -> list[str]:
        minutes = clock.elapsed(self._since.moment, clock.now())[0] / 60
        paths = sorted({path for app in self._host.apps() for path in app.logs})
        found = logs.compare(paths, self._before, self._since.sizes, minutes, self._host.owner)
        self._compared = found
        if not found.risen:
            return []
        texts, where = ", ".join(lost_keys.TEXTS), " and ".join(paths)
        return [f"more lines of {texts} in {where}: {found.after}, before: {found.before}"]

    def _not_checked(self) -> tuple[str, ...]:
        found = gate.untold(self._signals, self._expected)
        if not self._expected.connected and gate.UNCONNECTED not in found:
            found.append(gate.UNCONNECTED)
        if not self._expected.signals:
            found.append("what its signals show")
        if self._compared is not None:
            found += [f"lines of lost keys: {why}" for why in self._compared.unread]
        found += [
            f"credentials of company {company_id}: none are expected"
            for company_id, company in self._expected.companies.items()
            if not company.credentials
        ]
        return tuple(found)
